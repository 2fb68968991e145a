"""Easy problems on lists of integers."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, integers

catalogue = Catalogue("easy")


@catalogue.add(
    "largest-number",
    statement="""
Return the largest number in the list nums. The list is not empty.
""",
    canonical="""
class Solution:
    def largest_number(self, nums: List[int]) -> int:
        return max(nums)
""",
    edges=[([3, 8, 5],), ([-4, -2, -9],), ([0],), ([7, 7],), ([9, 1],)],
)
def _largest_number(rng: Random) -> Arguments:
    return (integers(rng, -100, 100, 1, 9),)


@catalogue.add(
    "sum-of-list",
    statement="""
Return the sum of all numbers in the list nums. The sum of an empty list is 0.
""",
    canonical="""
class Solution:
    def total(self, nums: List[int]) -> int:
        return sum(nums)
""",
    edges=[([1, 2, 3],), ([-5, 5, 4],), ([],), ([10],), ([0, 0],)],
)
def _sum_of_list(rng: Random) -> Arguments:
    return (integers(rng, -30, 60, 1, 9),)


@catalogue.add(
    "double-each",
    statement="""
Return a new list in which every number of nums is doubled. Keep the order.
""",
    canonical="""
class Solution:
    def double_each(self, nums: List[int]) -> List[int]:
        return [2 * x for x in nums]
""",
    edges=[([1, 5, 2],), ([-3, 0],), ([],), ([100],), ([4, 4, 4],)],
)
def _double_each(rng: Random) -> Arguments:
    return (integers(rng, -50, 50, 1, 8),)


@catalogue.add(
    "contains-number",
    statement="""
Return True if target occurs in the list nums, otherwise return False.
""",
    canonical="""
class Solution:
    def contains(self, nums: List[int], target: int) -> bool:
        return target in nums
""",
    edges=[([4, 6, 1], 6), ([4, 6, 1], 5), ([], 1), ([0], 0), ([-2, 2], -2)],
)
def _contains_number(rng: Random) -> Arguments:
    return integers(rng, 0, 12, 2, 9), rng.randint(0, 12)


@catalogue.add(
    "last-element",
    statement="""
Return the last element of the list nums, or None if the list is empty.
""",
    canonical="""
class Solution:
    def last(self, nums: List[int]) -> Optional[int]:
        return nums[-1] if nums else None
""",
    edges=[([5, 3, 9],), ([],), ([1],), ([0, 0],), ([2, -6],)],
)
def _last_element(rng: Random) -> Arguments:
    return (integers(rng, -60, 60, 1, 7),)


@catalogue.add(
    "smallest-and-largest",
    statement="""
Return a tuple (smallest, largest) with the smallest and the largest number of the list nums.
The list is not empty.
""",
    canonical="""
class Solution:
    def extremes(self, nums: List[int]) -> Tuple[int, int]:
        return (min(nums), max(nums))
""",
    edges=[([4, 1, 7],), ([5],), ([-2, -2],), ([0, 10],), ([10, 0, 3],)],
)
def _smallest_and_largest(rng: Random) -> Arguments:
    return (integers(rng, -40, 40, 1, 9),)


@catalogue.add(
    "drop-zeros",
    statement="""
Return a new list with all zeros of nums removed. Keep the order of the other numbers.
""",
    canonical="""
class Solution:
    def drop_zeros(self, nums: List[int]) -> List[int]:
        return [x for x in nums if x != 0]
""",
    edges=[([1, 0, 2, 0],), ([0, 0],), ([],), ([3],), ([-1, 0, -1],)],
)
def _drop_zeros(rng: Random) -> Arguments:
    return (integers(rng, -2, 3, 2, 10),)


@catalogue.add(
    "count-multiples",
    statement="""
Return how many numbers of the list nums are divisible by k. Note that 0 is divisible by every k.
Constraint: k >= 1.
""",
    canonical="""
class Solution:
    def count_multiples(self, nums: List[int], k: int) -> int:
        return sum(1 for x in nums if x % k == 0)
""",
    edges=[([3, 6, 7], 3), ([1, 2], 5), ([], 2), ([0, -4, 8], 4), ([9, 9, 9], 1)],
)
def _count_multiples(rng: Random) -> Arguments:
    return integers(rng, -30, 60, 4, 14), rng.randint(1, 5)


@catalogue.add(
    "shared-numbers",
    statement="""
Two children collect numbered stickers. Return the set of all numbers that occur in both lists.
At least one number does.
""",
    canonical="""
class Solution:
    def shared(self, first: List[int], second: List[int]) -> Set[int]:
        return set(first) & set(second)
""",
    edges=[([1, 2, 3], [3, 4, 1]), ([5], [5, 5]), ([2, 2], [2]), ([9, 8], [8, 9]), ([0, 1], [0])],
)
def _shared_numbers(rng: Random) -> Arguments:
    common = rng.randint(1, 15)
    first = [common, *integers(rng, 1, 15, 1, 7)]
    second = [*integers(rng, 1, 15, 1, 7), common]
    rng.shuffle(first)
    return first, second


@catalogue.add(
    "position-of",
    statement="""
Return the index of the first occurrence of target in the list nums, or -1 if it does not occur.
""",
    canonical="""
class Solution:
    def position(self, nums: List[int], target: int) -> int:
        return nums.index(target) if target in nums else -1
""",
    edges=[([7, 4, 4], 4), ([7, 4], 1), ([], 3), ([5], 5), ([1, 2, 3], 3)],
)
def _position_of(rng: Random) -> Arguments:
    return integers(rng, 0, 9, 3, 10), rng.randint(0, 9)


@catalogue.add(
    "running-total",
    statement="""
A shop notes its income of each day. Return the list of totals so far:
element i of the result is the sum of the first i + 1 numbers of incomes.
""",
    canonical="""
class Solution:
    def totals(self, incomes: List[int]) -> List[int]:
        result = []
        total = 0
        for income in incomes:
            total += income
            result.append(total)
        return result
""",
    edges=[([2, 3, 1],), ([-1, 1],), ([],), ([6],), ([0, 0, 5],)],
)
def _running_total(rng: Random) -> Arguments:
    return (integers(rng, -9, 30, 1, 9),)
