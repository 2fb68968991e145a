"""Hard problems on geometry, selection and clever search."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, integers

catalogue = Catalogue("hard")


@catalogue.add(
    "rubber-band",
    statement="""
Nails are hit into a board at the points (x, y), given as a list of tuples; the same point may occur
several times. A rubber band is laid around all nails and pulled tight. Return the list of the points
where the band has a corner, counter-clockwise, beginning with the smallest point (smallest x, then
smallest y). Points in the middle of a straight stretch are no corners. One point only gives that
point; points on one line give the two ends of the line.

Constraints: 1 <= len(nails) <= 300, -10**4 <= x, y <= 10**4.
""",
    canonical="""
class Solution:
    def corners(self, nails: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
        points = sorted(set(nails))
        if len(points) == 1:
            return points

        def chain(ordered):
            hull = []
            for x, y in ordered:
                while len(hull) > 1:
                    (ax, ay), (bx, by) = hull[-2], hull[-1]
                    if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                        break
                    hull.pop()
                hull.append((x, y))
            return hull[:-1]

        return chain(points) + chain(points[::-1])
""",
    edges=[
        ([(0, 0), (4, 0), (2, 1), (4, 4), (0, 4)],),
        ([(1, 1), (3, 3), (2, 2)],),
        ([(5, 5), (5, 5)],),
        ([(0, 0), (1, 0), (2, 0), (2, 2), (1, 1), (0, 2)],),
        ([(0, 3), (0, -3)],),
    ],
)
def _rubber_band(rng: Random) -> Arguments:
    spread = rng.choice([3, 8, 20])
    count = rng.randint(3, 11)
    return ([(rng.randint(-spread, spread), rng.randint(-spread, spread)) for _ in range(count)],)


@catalogue.add(
    "poster-wall",
    statement="""
Posters are glued on a wall as rectangles [x1, y1, x2, y2] with x1 < x2 and y1 < y2. Return the area of
the wall that is covered by at least layers posters.

Constraints: 0 <= len(posters) <= 60, 1 <= layers <= 60, coordinates between -10**6 and 10**6.
""",
    canonical="""
class Solution:
    def covered_area(self, posters: List[List[int]], layers: int) -> int:
        xs = sorted({x for poster in posters for x in (poster[0], poster[2])})
        area = 0
        for left, right in zip(xs, xs[1:]):
            events = []
            for x1, y1, x2, y2 in posters:
                if x1 <= left and right <= x2:
                    events += [(y1, 1), (y2, -1)]
            depth = previous = 0
            for y, change in sorted(events):
                if depth >= layers:
                    area += (right - left) * (y - previous)
                depth += change
                previous = y
        return area
""",
    edges=[
        ([[0, 0, 4, 4], [2, 2, 6, 6]], 2),
        ([[0, 0, 4, 4], [2, 2, 6, 6]], 1),
        ([], 1),
        ([[0, 0, 1, 1]], 2),
        ([[0, 0, 3, 1], [0, 1, 3, 2], [1, 0, 2, 2]], 2),
    ],
)
def _poster_wall(rng: Random) -> Arguments:
    posters = []
    for _ in range(rng.randint(2, 7)):
        x, y = rng.randint(-5, 5), rng.randint(-5, 5)
        posters.append([x, y, x + rng.randint(1, 8), y + rng.randint(1, 8)])
    return posters, rng.randint(1, 2)


@catalogue.add(
    "kth-tasting-menu",
    statement="""
A menu is one starter and one dessert. Its price is the price of the starter plus the price of the
dessert. Sort the prices of all possible menus in ascending order (equal prices are listed as often as
they occur) and return the k-th of them, counting from 1.

Constraints: 1 <= len(starters), len(desserts) <= 2000, 0 <= prices <= 10**6,
1 <= k <= len(starters) * len(desserts). Listing all menus is too slow for the largest inputs.
""",
    canonical="""
class Solution:
    def kth_price(self, starters: List[int], desserts: List[int], k: int) -> int:
        desserts = sorted(desserts)
        low, high = 0, max(starters) + desserts[-1]
        while low < high:
            price = (low + high) // 2
            if sum(bisect_right(desserts, price - starter) for starter in starters) >= k:
                high = price
            else:
                low = price + 1
        return low
""",
    edges=[
        ([3, 5], [2, 9], 3),
        ([4], [6], 1),
        ([0, 0], [0, 1], 2),
        ([1, 2, 3], [1, 2, 3], 9),
        ([1000000], [0, 1000000], 2),
    ],
)
def _kth_tasting_menu(rng: Random) -> Arguments:
    starters, desserts = integers(rng, 0, 60, 2, 8), integers(rng, 0, 60, 2, 8)
    return starters, desserts, rng.randint(1, len(starters) * len(desserts))


@catalogue.add(
    "balance-scale",
    statement="""
Some of the stones, at least one, are put on a scale; the weights can be negative because some stones
are balloons. Return the smallest possible distance between the sum of the weights on the scale and
target.

Constraints: 1 <= len(stones) <= 24, -10**9 <= stones[i], target <= 10**9.
""",
    canonical="""
class Solution:
    def closest(self, stones: List[int], target: int) -> int:
        def sums(part):
            result = []
            for stone in part:
                result += [s + stone for s in result] + [stone]
            return result

        half = len(stones) // 2
        left = sums(stones[:half])
        right = sorted(sums(stones[half:]))
        best = min(abs(s - target) for s in left + right)
        for s in left:
            at = bisect_left(right, target - s)
            for other in right[max(0, at - 1):at + 1]:
                best = min(best, abs(s + other - target))
        return best
""",
    edges=[([3, 8, -2], 10), ([5], 0), ([-1, 1], 0), ([4, 4, 4], 9), ([1000000000, -1000000000], 7)],
)
def _balance_scale(rng: Random) -> Arguments:
    stones = integers(rng, -40, 120, 2, 8)
    return stones, rng.randint(-200, 500)


@catalogue.add(
    "fair-bookshelf",
    statement="""
Books stand in a fixed order; pages[i] is the number of pages of book i. They are given to readers
people in such a way that everybody gets at least one book and the books of each person are
neighbours. Return the smallest possible difference between the largest and the smallest number of
pages that a person gets.

Constraints: 1 <= readers <= len(pages) <= 30, 1 <= pages[i] <= 1000.
""",
    canonical="""
class Solution:
    def fairest(self, pages: List[int], readers: int) -> int:
        n = len(pages)
        total = [0] + list(accumulate(pages))
        best = inf
        for smallest in {total[j] - total[i] for i in range(n) for j in range(i + 1, n + 1)}:
            if smallest * readers > total[n]:
                continue
            # heaviest[j]: the lowest possible maximum if all parts hold at least `smallest` pages
            heaviest = [0] + [inf] * n
            for _ in range(readers):
                following = [inf] * (n + 1)
                for j in range(1, n + 1):
                    for i in range(j - 1, -1, -1):
                        part = total[j] - total[i]
                        if part >= following[j]:
                            break
                        if part >= smallest:
                            following[j] = min(following[j], max(heaviest[i], part))
                heaviest = following
            best = min(best, heaviest[n] - smallest)
        return best
""",
    edges=[([4, 2, 3, 5], 2), ([9, 1, 1], 3), ([6], 1), ([5, 5, 5, 5], 4), ([1, 2, 3, 4, 5, 6], 3)],
)
def _fair_bookshelf(rng: Random) -> Arguments:
    pages = integers(rng, 1, 40, 3, 9)
    return pages, rng.randint(2, min(4, len(pages)))


@catalogue.add(
    "trees-in-view",
    statement="""
Trees stand at different integer points (x, y), given as a list of tuples; nobody stands at (0, 0)
but you. You see a tree if no other tree lies on the straight line between you and it. Return the set
of all trees that you see.

Constraints: 1 <= len(trees) <= 1000, -10**6 <= x, y <= 10**6; all points differ from each other and from (0, 0).
""",
    canonical="""
class Solution:
    def visible(self, trees: List[Tuple[int, int]]) -> Set[Tuple[int, int]]:
        nearest = {}
        for x, y in trees:
            steps = gcd(x, y)
            direction = (x // steps, y // steps)
            if direction not in nearest or steps < nearest[direction][0]:
                nearest[direction] = (steps, (x, y))
        return {tree for _, tree in nearest.values()}
""",
    edges=[
        ([(1, 1), (2, 2), (-1, -1)],),
        ([(0, 5), (0, 2)],),
        ([(3, 0)],),
        ([(2, 4), (3, 6), (1, 3)],),
        ([(-4, 2), (4, -2), (-2, 1)],),
    ],
)
def _trees_in_view(rng: Random) -> Arguments:
    cells = [(x, y) for x in range(-4, 5) for y in range(-4, 5) if (x, y) != (0, 0)]
    return (rng.sample(cells, rng.randint(3, 12)),)
