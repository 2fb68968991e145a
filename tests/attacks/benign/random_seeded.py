# goal: a seeded generator of its own, shuffles, samples and choices
# outcome: accepted
# test: Solution().draw(seed=7) == (True, True, 5)
import random


class Solution:
    def draw(self, seed):
        source = random.Random(seed)
        cards = list(range(10))
        source.shuffle(cards)
        return (
            sorted(cards) == list(range(10)),
            source.randint(1, 6) in range(1, 7),
            len(source.sample(range(100), 5)),
        )
