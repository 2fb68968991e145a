"""Hard problems solved by dynamic programming."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, grid, integers, text

catalogue = Catalogue("hard")


@catalogue.add(
    "typist-cost",
    statement="""
A typist turns the text source into the text target, working from left to right. Typing a new letter
costs type_cost, deleting a letter costs erase_cost, and exchanging two neighbouring letters of source
that are both still untouched costs swap_cost; the two exchanged letters are then kept as they are, and
nothing can be typed between them.
Keeping a letter costs nothing; there is no operation that replaces a letter directly. Return the
smallest total cost.

Constraints: both texts have at most 60 lowercase letters; costs are integers between 0 and 100.
""",
    canonical="""
class Solution:
    def cheapest(self, source: str, target: str, type_cost: int, erase_cost: int, swap_cost: int) -> int:
        n, m = len(source), len(target)
        best = [[inf] * (m + 1) for _ in range(n + 1)]
        best[0][0] = 0
        for i in range(n + 1):
            for j in range(m + 1):
                if i:
                    best[i][j] = min(best[i][j], best[i - 1][j] + erase_cost)
                if j:
                    best[i][j] = min(best[i][j], best[i][j - 1] + type_cost)
                if i and j and source[i - 1] == target[j - 1]:
                    best[i][j] = min(best[i][j], best[i - 1][j - 1])
                if i > 1 and j > 1 and source[i - 2:i] == target[j - 2:j][::-1]:
                    best[i][j] = min(best[i][j], best[i - 2][j - 2] + swap_cost)
        return best[n][m]
""",
    edges=[
        ("form", "from", 3, 2, 1),
        ("cat", "cart", 4, 1, 9),
        ("", "abc", 2, 5, 1),
        ("abc", "", 2, 5, 1),
        ("ab", "ba", 1, 1, 5),
        ("same", "same", 7, 7, 7),
    ],
)
def _typist_cost(rng: Random) -> Arguments:
    costs = integers(rng, 1, 9, 3, 3)
    return text(rng, "abc", 2, 9), text(rng, "abc", 2, 9), *costs


@catalogue.add(
    "nested-crates",
    statement="""
A crate is given as [width, depth] and cannot be turned. A crate fits into another one if it is
smaller in both width and depth (equal is not enough). Return the largest number of crates that can be
stacked into each other, each in the next.

Constraints: 0 <= len(crates) <= 500, 1 <= width, depth <= 10**6; crates may repeat.
""",
    canonical="""
class Solution:
    def deepest_nest(self, crates: List[List[int]]) -> int:
        tails = []
        for width, depth in sorted(crates, key=lambda crate: (crate[0], -crate[1])):
            at = bisect_left(tails, depth)
            if at == len(tails):
                tails.append(depth)
            else:
                tails[at] = depth
        return len(tails)
""",
    edges=[
        ([[4, 4], [2, 3], [1, 1], [3, 2]],),
        ([[5, 1], [5, 2]],),
        ([],),
        ([[1, 9], [2, 8], [3, 7]],),
        ([[1, 1], [2, 2], [3, 3], [4, 4], [5, 5]],),
    ],
)
def _nested_crates(rng: Random) -> Arguments:
    spread = rng.choice([6, 12, 30])
    return ([integers(rng, 1, spread, 2, 2) for _ in range(rng.randint(4, 16))],)


@catalogue.add(
    "two-bikes",
    statement="""
Two couriers carry parcels on their bikes. The first bike bears at most limit_a kilograms, the second
at most limit_b. Parcel i weighs weights[i] kilograms and pays fees[i]. Every parcel goes on one of the
bikes or stays behind. Return the largest sum of fees they can earn.

Constraints: 0 <= len(weights) == len(fees) <= 40, 1 <= weights[i] <= 50, 0 <= fees[i] <= 1000,
0 <= limit_a, limit_b <= 50.
""",
    canonical="""
class Solution:
    def best_fees(self, weights: List[int], fees: List[int], limit_a: int, limit_b: int) -> int:
        best = [[0] * (limit_b + 1) for _ in range(limit_a + 1)]
        for weight, fee in zip(weights, fees):
            for a in range(limit_a, -1, -1):
                for b in range(limit_b, -1, -1):
                    if a >= weight:
                        best[a][b] = max(best[a][b], best[a - weight][b] + fee)
                    if b >= weight:
                        best[a][b] = max(best[a][b], best[a][b - weight] + fee)
        return best[limit_a][limit_b]
""",
    edges=[
        ([4, 5, 3], [10, 11, 6], 5, 4),
        ([6], [9], 5, 5),
        ([], [], 3, 3),
        ([2, 2, 2], [1, 5, 3], 2, 2),
        ([1, 1], [0, 7], 0, 1),
    ],
)
def _two_bikes(rng: Random) -> Arguments:
    count = rng.randint(3, 8)
    weights = integers(rng, 1, 9, count, count)
    return weights, integers(rng, 1, 30, count, count), rng.randint(2, 15), rng.randint(2, 15)


@catalogue.add(
    "rested-singer",
    statement="""
A singer is offered concerts, each as [start, end, pay] with start < end, in days. Between the end of
one concert she sings and the start of the next one there must be at least rest days: the next start
is not smaller than the previous end plus rest. Return the largest total pay.

Constraints: 0 <= len(concerts) <= 500, 0 <= start < end <= 10**6, 1 <= pay <= 10**4, 0 <= rest <= 1000.
""",
    canonical="""
class Solution:
    def best_season(self, concerts: List[List[int]], rest: int) -> int:
        concerts = sorted(concerts, key=lambda concert: concert[1])
        ends = [concert[1] for concert in concerts]
        best = [0]
        for i, (start, end, pay) in enumerate(concerts):
            before = bisect_right(ends, start - rest, 0, i)
            best.append(max(best[-1], best[before] + pay))
        return best[-1]
""",
    edges=[
        ([[0, 3, 5], [4, 6, 4], [6, 9, 6]], 1),
        ([[0, 3, 5], [3, 6, 4]], 0),
        ([], 5),
        ([[1, 2, 1], [2, 3, 1], [3, 4, 1]], 1),
        ([[0, 10, 9], [1, 2, 3], [3, 4, 3], [5, 6, 4]], 1),
    ],
)
def _rested_singer(rng: Random) -> Arguments:
    starts = integers(rng, 0, 25, 3, 10)
    concerts = [[start, start + rng.randint(1, 7), rng.randint(1, 20)] for start in starts]
    return concerts, rng.randint(0, 4)


@catalogue.add(
    "dominoes-around-holes",
    statement="""
A floor is given as a list of strings of equal length: "." is a free square and "#" a pillar. Return
the number of ways to cover all free squares with dominoes. Each domino covers two free squares that
are neighbours in a row or in a column; dominoes do not overlap and do not cover pillars. A floor
without free squares can be covered in exactly one way.

Constraints: 1 to 12 rows, 1 to 8 columns.
""",
    canonical="""
class Solution:
    def coverings(self, floor: List[str]) -> int:
        columns = len(floor[0])
        # Bit j of a state: square j of the frontier is already covered from before.
        ways = {0: 1}
        for row in floor:
            for j in range(columns):
                following = defaultdict(int)
                for state, count in ways.items():
                    bit = 1 << j
                    if row[j] == "#":
                        if not state & bit:
                            following[state] += count
                    elif state & bit:
                        following[state ^ bit] += count
                    else:
                        following[state | bit] += count
                        right = bit << 1
                        if j + 1 < columns and row[j + 1] == "." and not state & right:
                            following[state | right] += count
                ways = following
        return ways.get(0, 0)
""",
    edges=[
        (["...", "..."],),
        (["#.", ".#"],),
        (["##"],),
        (["."],),
        (["....", ".##.", "...."],),
        (["........"] * 8,),
    ],
)
def _dominoes_around_holes(rng: Random) -> Arguments:
    floor = grid(rng, ".........#" if rng.random() < 0.6 else ".", 6, 5)
    return (floor,)


@catalogue.add(
    "few-mirror-words",
    statement="""
Cut the text s into pieces so that every piece reads the same forwards and backwards. A piece of a
single letter costs 1, every longer piece costs 2 in total. Return the smallest total cost of such a
cutting. The empty text costs 0.

Constraints: 0 <= len(s) <= 300, lowercase letters only.
""",
    canonical="""
class Solution:
    def cheapest_cut(self, s: str) -> int:
        n = len(s)
        best = [0] + [inf] * n
        mirror = [[False] * (n + 1) for _ in range(n + 1)]
        for j in range(1, n + 1):
            for i in range(j - 1, -1, -1):
                mirror[i][j] = s[i] == s[j - 1] and (j - i < 3 or mirror[i + 1][j - 1])
                if mirror[i][j]:
                    best[j] = min(best[j], best[i] + (1 if j - i == 1 else 2))
        return best[n]
""",
    edges=[("abacd",), ("noonlevel",), ("",), ("z",), ("aa",), ("abcdef",)],
)
def _few_mirror_words(rng: Random) -> Arguments:
    half = text(rng, "ab", 1, 5)
    return (text(rng, "abc", 1, 10) + half + half[::-1] + text(rng, "ab", 0, 7),)


@catalogue.add(
    "gravel-heaps",
    statement="""
Heaps of gravel lie in a row; heaps[i] is the weight of heap i. A loader joins two neighbouring heaps
into one whose weight is the sum of both. Each joining costs the weight of the heavier of the two
heaps. Return the smallest total cost of joining all heaps into one. A single heap costs 0.

Constraints: 1 <= len(heaps) <= 60, 1 <= heaps[i] <= 10**4.
""",
    canonical="""
class Solution:
    def join_cost(self, heaps: List[int]) -> int:
        n = len(heaps)
        total = [0] + list(accumulate(heaps))
        best = [[0] * (n + 1) for _ in range(n + 1)]
        for size in range(2, n + 1):
            for i in range(n - size + 1):
                j = i + size
                best[i][j] = min(
                    best[i][k] + best[k][j] + max(total[k] - total[i], total[j] - total[k])
                    for k in range(i + 1, j)
                )
        return best[0][n]
""",
    edges=[([3, 1, 2],), ([4, 4, 4, 4],), ([9],), ([1, 10],), ([10, 1, 1, 10],)],
)
def _gravel_heaps(rng: Random) -> Arguments:
    return (integers(rng, 1, 30, 3, 12),)


@catalogue.add(
    "market-stalls",
    statement="""
Two children take turns in collecting sweets from a row of stalls; sweets[i] is the number at stall i.
In a turn a child takes all sweets of one stall, or of two stalls at once, always from the left end of
the stalls that are still left. The child on turn may instead pass and take nothing, but each child
may pass only once in the whole game. The game ends when no stall is left. Both play so that their own
sum minus the other's sum becomes as large as possible. Return the first child's sum minus the second
child's sum.

Constraints: 0 <= len(sweets) <= 200, -100 <= sweets[i] <= 100 (negative stalls cost sweets).
""",
    canonical="""
class Solution:
    def lead(self, sweets: List[int]) -> int:
        @cache
        def best(i, my_pass, other_pass):
            if i == len(sweets):
                return 0
            result = sweets[i] - best(i + 1, other_pass, my_pass)
            if i + 1 < len(sweets):
                result = max(result, sweets[i] + sweets[i + 1] - best(i + 2, other_pass, my_pass))
            if my_pass:
                result = max(result, -best(i, other_pass, False))
            return result
        return best(0, True, True)
""",
    edges=[([2, 7, 5],), ([-3, 4],), ([],), ([6],), ([-5],), ([1, 2, 3, 4, 5],)],
)
def _market_stalls(rng: Random) -> Arguments:
    return (integers(rng, -9, 12, 2, 14),)


@catalogue.add(
    "lucky-house-numbers",
    statement="""
A house number is lucky if its digit sum is divisible by k and no two neighbouring digits are equal.
Return how many integers between 1 and n, both included, are lucky.

Constraints: 1 <= n <= 10**15, 1 <= k <= 50.
""",
    canonical="""
class Solution:
    def lucky_count(self, n: int, k: int) -> int:
        digits = [int(c) for c in str(n)]

        @cache
        def count(at, last, remainder, tight):
            # last is -1 while only leading zeros have been placed
            if at == len(digits):
                return 1 if remainder == 0 and last >= 0 else 0
            result = 0
            for digit in range((digits[at] if tight else 9) + 1):
                if digit == last:
                    continue
                still = tight and digit == digits[at]
                if last < 0 and digit == 0:
                    result += count(at + 1, -1, 0, still)
                else:
                    result += count(at + 1, digit, (remainder + digit) % k, still)
            return result

        return count(0, -1, 0, True)
""",
    edges=[(20, 3), (100, 10), (1, 1), (9, 50), (10**15, 7), (999, 1)],
)
def _lucky_house_numbers(rng: Random) -> Arguments:
    return rng.randint(10, 10 ** rng.randint(2, 9)), rng.randint(1, 12)
