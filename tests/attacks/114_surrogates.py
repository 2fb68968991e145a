# goal: claim, print and raise text that is no valid Unicode
# problem: secret
# outcome: wrong_answer
# pays: none
import os


class Solution:
    def secret(self, key):
        os.write(1, b"\xff\xfe\xed\xa0\x80 half a letter: \xe2\x82")
        return "canary-\ud800\udfff\x00\U0010ffff"
