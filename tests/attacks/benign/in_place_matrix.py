# goal: a matrix rotated in place
# outcome: accepted
# test: grid = [[1, 2], [3, 4]] ;; Solution().rotate(grid) ;; assert grid == [[3, 1], [4, 2]]
class Solution:
    def rotate(self, matrix: List[List[int]]) -> None:
        matrix[:] = [list(row) for row in zip(*matrix[::-1])]
