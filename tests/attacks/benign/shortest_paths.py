# goal: Dijkstra on a grid, a heavier computation
# outcome: accepted
# test: Solution().cheapest(n=60) == 296
import heapq


class Solution:
    def cheapest(self, n):
        cost = [[(7 * r + 13 * c) % 10 + 1 for c in range(n)] for r in range(n)]
        best, heap = {(0, 0): cost[0][0]}, [(cost[0][0], 0, 0)]
        while heap:
            spent, r, c = heapq.heappop(heap)
            if (r, c) == (n - 1, n - 1):
                return spent
            for nr, nc in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if 0 <= nr < n and 0 <= nc < n and spent + cost[nr][nc] < best.get((nr, nc), 10**9):
                    best[nr, nc] = spent + cost[nr][nc]
                    heapq.heappush(heap, (best[nr, nc], nr, nc))
