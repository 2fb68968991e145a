# goal: names of the prelude used for something else
# outcome: accepted
# test: Solution().mix(values=[1, 2]) == [3, 15, 'text', [5], 0, True]
import math as m

count = 5
e = "text"
degrees = [count]


class Solution:
    def mix(self, values):
        list_sum = sum = 0
        for value in values:
            sum += value
        product = sum * count
        return [sum, product, e, degrees, list_sum, m.pi > 3]
