# goal: closures, nonlocal, default arguments, decorators with state
# outcome: accepted
# test: Solution().count(n=5) == (60, 5, [1, 2, 3])
def counted(function):
    def wrapper(*arguments):
        wrapper.calls += 1
        return function(*arguments)

    wrapper.calls = 0
    return wrapper


class Solution:
    def count(self, n):
        total = 0

        @counted
        def add(k, start=10):
            nonlocal total
            total += k + start

        for k in range(n):
            add(k)
        adders = [lambda x, k=k: x + k for k in range(3)]
        return total, add.calls, [f(1) for f in adders]
