# goal: a script part behind the __main__ guard that would fail
# outcome: accepted
# test: Solution().twice(x=21) == 42
class Solution:
    def twice(self, x):
        return 2 * x


if __name__ == "__main__":
    print(Solution().twice(4))
