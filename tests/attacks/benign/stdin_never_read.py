# goal: a program that looks whether there is input and finds none
# outcome: accepted
# test: Solution().read() == 'nothing'
import sys


class Solution:
    def read(self):
        try:
            return input()
        except EOFError:
            return sys.stdin.read() + "nothing"
