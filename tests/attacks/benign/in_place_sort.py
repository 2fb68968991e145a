# goal: an argument sorted in place, nothing returned
# outcome: accepted
# test: values = [2, 0, 1] ;; Solution().sort(values) ;; assert values == [0, 1, 2]
# test: values = [] ;; Solution().sort(values) ;; assert values == []
class Solution:
    def sort(self, values):
        for end in range(len(values) - 1, 0, -1):
            for k in range(end):
                if values[k] > values[k + 1]:
                    values[k], values[k + 1] = values[k + 1], values[k]
