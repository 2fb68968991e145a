"""Medium problems on lists and numbers: two pointers, windows, stacks, heaps, bits, search."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, integers

catalogue = Catalogue("medium")


@catalogue.add(
    "kayak-pairs",
    statement="""
Two people may share a kayak if their weights together are at most limit.
Given the list weights, return how many different pairs of people could share a kayak.
A pair is two different positions i < j of the list; the order inside a pair does not matter.

Constraints: 0 <= len(weights) <= 200, 1 <= weights[i] <= 300, 1 <= limit <= 600.
""",
    canonical="""
class Solution:
    def kayak_pairs(self, weights: List[int], limit: int) -> int:
        weights = sorted(weights)
        left, right = 0, len(weights) - 1
        pairs = 0
        while left < right:
            if weights[left] + weights[right] <= limit:
                pairs += right - left
                left += 1
            else:
                right -= 1
        return pairs
""",
    edges=[([50, 80, 60], 130), ([90, 20], 100), ([], 10), ([70], 500), ([40, 40, 40, 40], 80)],
)
def _kayak_pairs(rng: Random) -> Arguments:
    return integers(rng, 20, 120, 5, 25), rng.randint(90, 190)


@catalogue.add(
    "longest-same-run",
    statement="""
A traffic counter writes one colour number per passing car. Find the longest run of equal
neighbouring numbers and return it as a tuple (number, length). If several runs are equally
long, take the one that begins first. The list is not empty.

Constraints: 1 <= len(cars) <= 500.
""",
    canonical="""
class Solution:
    def longest_run(self, cars: List[int]) -> Tuple[int, int]:
        best = (cars[0], 0)
        for number, run in groupby(cars):
            length = len(list(run))
            if length > best[1]:
                best = (number, length)
        return best
""",
    edges=[([1, 2, 2, 3, 3, 3, 1],), ([4, 4, 7, 7],), ([9],), ([1, 2, 3],), ([5, 5, 5, 5],)],
)
def _longest_same_run(rng: Random) -> Arguments:
    return (integers(rng, 1, 3, 4, 30),)


@catalogue.add(
    "best-window-sum",
    statement="""
A tide gauge stores one reading per hour. Return the largest sum of k consecutive readings.
Readings may be negative.

Constraints: 1 <= k <= len(readings) <= 1000.
""",
    canonical="""
class Solution:
    def best_window(self, readings: List[int], k: int) -> int:
        window = sum(readings[:k])
        best = window
        for i in range(k, len(readings)):
            window += readings[i] - readings[i - k]
            best = max(best, window)
        return best
""",
    edges=[([2, -1, 4, 3, -5], 2), ([-3, -2, -9], 1), ([-3, -2, -9], 3), ([7], 1), ([1, 1, 1, 1], 3)],
)
def _best_window_sum(rng: Random) -> Arguments:
    readings = integers(rng, -20, 25, 3, 25)
    return readings, rng.randint(1, len(readings))


@catalogue.add(
    "towers-in-view",
    statement="""
Radio towers stand in a row from west to east; heights[i] is the height of tower i. A watcher on
top of tower i looks east and sees every tower up to and including the first one whose height is at
least that of tower i. Towers behind that one are hidden. Return a list with the number of towers
seen from each tower.

Constraints: 0 <= len(heights) <= 1000, 1 <= heights[i] <= 1000.
""",
    canonical="""
class Solution:
    def towers_seen(self, heights: List[int]) -> List[int]:
        n = len(heights)
        seen = [0] * n
        stack = []
        for i in range(n - 1, -1, -1):
            while stack and heights[stack[-1]] < heights[i]:
                stack.pop()
            blocker = stack[-1] if stack else n - 1
            seen[i] = blocker - i
            stack.append(i)
        return seen
""",
    edges=[([3, 1, 2, 5, 4],), ([5, 4, 3],), ([],), ([8],), ([2, 2, 2],)],
)
def _towers_in_view(rng: Random) -> Arguments:
    return (integers(rng, 1, 20, 3, 20),)


@catalogue.add(
    "running-median",
    statement="""
Scores arrive one after the other. After each arrival, note the median of all scores so far:
the middle one in sorted order, or the average of the two middle ones if their number is even.
Return the list of these medians as floats.

Constraints: 0 <= len(scores) <= 1000, -1000 <= scores[i] <= 1000.
""",
    canonical="""
class Solution:
    def medians(self, scores: List[int]) -> List[float]:
        ordered = []
        result = []
        for score in scores:
            insort(ordered, score)
            n = len(ordered)
            result.append((ordered[(n - 1) // 2] + ordered[n // 2]) / 2)
        return result
""",
    edges=[([5, 2, 10],), ([4, 7],), ([],), ([0],), ([3, 3, 3, 4],)],
)
def _running_median(rng: Random) -> Arguments:
    return (integers(rng, -50, 80, 2, 15),)


@catalogue.add(
    "longest-one-stripe",
    statement="""
Write the non-negative integer n in binary. Return the length of the longest block of neighbouring
ones. For n = 0 the result is 0.

Constraints: 0 <= n < 2**60.
""",
    canonical="""
class Solution:
    def longest_stripe(self, n: int) -> int:
        length = 0
        while n:
            n &= n << 1
            length += 1
        return length
""",
    edges=[(13,), (240,), (0,), (1,), ((1 << 59) - 1,), (0b1010101,)],
)
def _longest_one_stripe(rng: Random) -> Arguments:
    return (rng.getrandbits(rng.randint(4, 50)) | rng.getrandbits(20),)


@catalogue.add(
    "flip-low-bits",
    statement="""
Reverse the order of the lowest k bits of the non-negative integer n and leave all higher bits as
they are. Bit 0 changes places with bit k - 1, bit 1 with bit k - 2, and so on.
Return the new number.

Constraints: 0 <= n < 2**40, 0 <= k <= 40.
""",
    canonical="""
class Solution:
    def flip_low_bits(self, n: int, k: int) -> int:
        result = (n >> k) << k
        for i in range(k):
            if (n >> i) & 1:
                result |= 1 << (k - 1 - i)
        return result
""",
    edges=[(6, 3), (17, 4), (0, 10), (9, 0), (5, 1), (1, 40)],
)
def _flip_low_bits(rng: Random) -> Arguments:
    return rng.getrandbits(rng.randint(3, 24)), rng.randint(2, 20)


@catalogue.add(
    "warming-printers",
    statement="""
A print shop switches on all its printers at second 0. Printer i first warms up for warm[i] seconds
and after that finishes one page every pace[i] seconds, so that its first page is finished at second
warm[i] + pace[i]. Return the earliest second at which pages pages are finished in total.

Constraints: 1 <= len(warm) == len(pace) <= 100, 0 <= warm[i] <= 10**6, 1 <= pace[i] <= 10**6,
1 <= pages <= 10**6.
""",
    canonical="""
class Solution:
    def earliest_second(self, warm: List[int], pace: List[int], pages: int) -> int:
        def finished(second):
            return sum(max(0, second - w) // p for w, p in zip(warm, pace))
        low, high = 1, warm[0] + pace[0] * pages
        while low < high:
            middle = (low + high) // 2
            if finished(middle) >= pages:
                high = middle
            else:
                low = middle + 1
        return low
""",
    edges=[
        ([0, 5], [4, 1], 4),
        ([3], [2], 3),
        ([0], [1], 1),
        ([100, 0], [1, 1000000], 1),
        ([1000000], [1000000], 1000000),
        ([0, 0, 0], [3, 3, 3], 7),
    ],
)
def _warming_printers(rng: Random) -> Arguments:
    count = rng.randint(1, 5)
    return integers(rng, 0, 40, count, count), integers(rng, 1, 12, count, count), rng.randint(1, 60)


@catalogue.add(
    "prime-factors",
    statement="""
Return the prime factorisation of n as a dictionary from each prime factor to its exponent.
For n = 1 the dictionary is empty.

Constraints: 1 <= n <= 10**9.
""",
    canonical="""
class Solution:
    def factorise(self, n: int) -> Dict[int, int]:
        factors = {}
        p = 2
        while p * p <= n:
            while n % p == 0:
                factors[p] = factors.get(p, 0) + 1
                n //= p
            p += 1
        if n > 1:
            factors[n] = 1
        return factors
""",
    edges=[(60,), (17,), (1,), (1024,), (2,), (30030,), (9409,)],
)
def _prime_factors(rng: Random) -> Arguments:
    return (rng.randint(2, 9) * rng.randint(2, 400) * rng.randint(1, 30),)


@catalogue.add(
    "broken-stairs",
    statement="""
A ladder has steps 1, 2, ..., n and you stand on the ground (step 0). Each move takes you up by 1, 2
or 3 steps, but you must never stand on a broken step. Return the number of different move sequences
that end exactly on step n. If step n is broken, or cannot be reached, the answer is 0. For n = 0 the
answer is 1 (no move at all).

Constraints: 0 <= n <= 60; broken holds distinct step numbers between 1 and n.
""",
    canonical="""
class Solution:
    def climb(self, n: int, broken: List[int]) -> int:
        bad = set(broken)
        ways = [0] * (n + 1)
        ways[0] = 1
        for step in range(1, n + 1):
            if step not in bad:
                ways[step] = sum(ways[max(0, step - 3):step])
        return ways[n]
""",
    edges=[(4, [2]), (3, []), (0, []), (5, [5]), (6, [2, 3, 4]), (30, [])],
)
def _broken_stairs(rng: Random) -> Arguments:
    n = rng.randint(4, 18)
    return n, sorted(rng.sample(range(1, n), rng.randint(0, n // 4)))


@catalogue.add(
    "one-coin-back",
    statement="""
You owe the amount and may pay with any number of coins of each value in the list coins. The seller
can hand back at most one coin, also with a value from the list. Return the smallest number of coins
that change hands (the coins you give plus the coin you get back, if any), or None if the debt cannot
be settled this way. An amount of 0 needs 0 coins.

Constraints: 1 <= len(coins) <= 8, 1 <= coins[i] <= 100, 0 <= amount <= 500.
""",
    canonical="""
class Solution:
    def fewest_coins(self, coins: List[int], amount: int) -> Optional[int]:
        top = amount + max(coins)
        fewest = [0] + [inf] * top
        for value in range(1, top + 1):
            for coin in coins:
                if coin <= value:
                    fewest[value] = min(fewest[value], fewest[value - coin] + 1)
        best = min([fewest[amount]] + [fewest[amount + coin] + 1 for coin in coins])
        return None if best == inf else best
""",
    edges=[([4, 10], 16), ([4, 6], 9), ([5], 0), ([7], 3), ([100], 500), ([2, 3], 1)],
)
def _one_coin_back(rng: Random) -> Arguments:
    step = rng.choice([1, 1, 2])
    coins = [step * value for value in sorted(rng.sample(range(2, 25), rng.randint(1, 4)))]
    return coins, rng.randint(5, 120)


@catalogue.add(
    "digit-sum-shelves",
    statement="""
Books have positive integer numbers. All books with the same digit sum stand on one shelf.
Return a dictionary that maps each digit sum that occurs to the sorted list of the book numbers with
that digit sum. Repeated numbers are kept.

Constraints: 0 <= len(books) <= 200, 1 <= books[i] <= 10**6.
""",
    canonical="""
class Solution:
    def shelves(self, books: List[int]) -> Dict[int, List[int]]:
        result = {}
        for book in sorted(books):
            key = sum(int(digit) for digit in str(book))
            result.setdefault(key, []).append(book)
        return result
""",
    edges=[([21, 3, 40],), ([7, 7],), ([],), ([1000000, 1, 10],), ([99, 18],)],
)
def _digit_sum_shelves(rng: Random) -> Arguments:
    return (integers(rng, 1, 130, 3, 10),)
