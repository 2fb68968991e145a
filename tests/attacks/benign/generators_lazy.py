# goal: generators, yield from, send and generator expressions
# outcome: accepted
# test: Solution().primes(count=10) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
# test: Solution().averages(values=[10, 20, 60]) == [10.0, 15.0, 30.0]
from itertools import count as numbers
from itertools import islice


def sieve(source):
    prime = next(source)
    yield prime
    yield from sieve(n for n in source if n % prime)


def averager():
    total = seen = 0
    average = None
    while True:
        total += yield average
        seen += 1
        average = total / seen


class Solution:
    def primes(self, count):
        return list(islice(sieve(numbers(2)), count))

    def averages(self, values):
        running = averager()
        next(running)
        return [running.send(value) for value in values]
