# goal: a correct answer that carries unit tests which nobody runs
# outcome: accepted
# test: Solution().double(x=4) == 8
import unittest


class Solution:
    def double(self, x):
        return x + x


class TestSolution(unittest.TestCase):
    def test_double(self):
        self.assertEqual(Solution().double(2), 4)
