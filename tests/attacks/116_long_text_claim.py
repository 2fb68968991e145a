# goal: claim 100 MB of text a call, to fill the judge's memory
# problem: secret
# outcome: wrong_answer,bad_return_type,mle
# modes: gt_only,sentinel
# pays: none


class Solution:
    def secret(self, key):
        return "canary-" * 14_000_000
