"""Easy problems on one or two numbers."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue

catalogue = Catalogue("easy")


@catalogue.add(
    "add-two",
    statement="""
Return the sum of the two integers a and b.
""",
    canonical="""
class Solution:
    def add(self, a: int, b: int) -> int:
        return a + b
""",
    edges=[(2, 3), (-4, 1), (0, 0), (-7, -8), (1000000, 1)],
)
def _add_two(rng: Random) -> Arguments:
    return rng.randint(-200, 200), rng.randint(-200, 200)


@catalogue.add(
    "is-even",
    statement="""
Return True if the integer n is even, otherwise return False.
""",
    canonical="""
class Solution:
    def is_even(self, n: int) -> bool:
        return n % 2 == 0
""",
    edges=[(4,), (7,), (0,), (-3,), (-10,), (1,)],
)
def _is_even(rng: Random) -> Arguments:
    return (rng.randint(-500, 500),)


@catalogue.add(
    "distance-on-line",
    statement="""
Two cars stand on a straight road at the integer positions a and b.
Return the distance between them (never negative).
""",
    canonical="""
class Solution:
    def distance(self, a: int, b: int) -> int:
        return abs(a - b)
""",
    edges=[(3, 10), (5, -2), (6, 6), (-9, -4), (0, 100)],
)
def _distance_on_line(rng: Random) -> Arguments:
    return rng.randint(-99, 99), rng.randint(-99, 99)


@catalogue.add(
    "halfway-point",
    statement="""
Return the average of the two integers a and b as a float.
""",
    canonical="""
class Solution:
    def average(self, a: int, b: int) -> float:
        return (a + b) / 2
""",
    edges=[(2, 4), (1, 2), (0, 0), (-3, 2), (-5, -5)],
)
def _halfway_point(rng: Random) -> Arguments:
    return rng.randint(-100, 100), rng.randint(-100, 100)


@catalogue.add(
    "fence-length",
    statement="""
A rectangular garden is width metres wide and height metres long.
Return the length of a fence that goes once around it (the perimeter).
Both numbers are positive integers.
""",
    canonical="""
class Solution:
    def perimeter(self, width: int, height: int) -> int:
        return 2 * (width + height)
""",
    edges=[(3, 5), (1, 1), (10, 2), (100, 250), (7, 7)],
)
def _fence_length(rng: Random) -> Arguments:
    return rng.randint(1, 90), rng.randint(1, 90)


@catalogue.add(
    "clock-to-seconds",
    statement="""
A film lasts the given number of hours, minutes and seconds.
Return its length in seconds. All three numbers are non-negative integers.
""",
    canonical="""
class Solution:
    def to_seconds(self, hours: int, minutes: int, seconds: int) -> int:
        return hours * 3600 + minutes * 60 + seconds
""",
    edges=[(1, 2, 3), (0, 0, 45), (0, 0, 0), (0, 59, 59), (5, 0, 1)],
)
def _clock_to_seconds(rng: Random) -> Arguments:
    return rng.randint(0, 9), rng.randint(0, 59), rng.randint(0, 59)


@catalogue.add(
    "sign-in-words",
    statement="""
Return the string "positive" if n is greater than 0, "negative" if n is less than 0,
and "zero" if n equals 0.
""",
    canonical="""
class Solution:
    def sign(self, n: int) -> str:
        if n > 0:
            return "positive"
        if n < 0:
            return "negative"
        return "zero"
""",
    edges=[(5,), (-2,), (0,), (1,), (-1,)],
)
def _sign_in_words(rng: Random) -> Arguments:
    return (rng.randint(-60, 60),)


@catalogue.add(
    "product-up-to",
    statement="""
Return the product 1 * 2 * ... * n. For n = 0 the product is 1.
Constraint: 0 <= n <= 30.
""",
    canonical="""
class Solution:
    def product_up_to(self, n: int) -> int:
        product = 1
        for k in range(2, n + 1):
            product *= k
        return product
""",
    edges=[(4,), (0,), (1,), (2,), (10,), (30,)],
)
def _product_up_to(rng: Random) -> Arguments:
    return (rng.randint(0, 30),)


@catalogue.add(
    "squares-list",
    statement="""
Return a list with the squares of the integers from 1 to n, smallest first.
For n = 0 the list is empty. Constraint: 0 <= n <= 40.
""",
    canonical="""
class Solution:
    def squares(self, n: int) -> List[int]:
        return [k * k for k in range(1, n + 1)]
""",
    edges=[(3,), (1,), (0,), (2,), (40,)],
)
def _squares_list(rng: Random) -> Arguments:
    return (rng.randint(0, 40),)


@catalogue.add(
    "larger-of-three",
    statement="""
Return the largest of the three integers a, b and c.
""",
    canonical="""
class Solution:
    def largest(self, a: int, b: int, c: int) -> int:
        return max(a, b, c)
""",
    edges=[(1, 9, 4), (-3, -8, -5), (2, 2, 1), (0, 0, 0), (7, 6, 8)],
)
def _larger_of_three(rng: Random) -> Arguments:
    return rng.randint(-50, 50), rng.randint(-50, 50), rng.randint(-50, 50)


@catalogue.add(
    "water-bill",
    statement="""
A water company asks a fixed fee of 12 coins plus 3 coins for every cubic metre used.
If more than 20 cubic metres are used, each cubic metre above 20 costs 5 coins instead of 3.
Return the bill in coins. cubic_metres is a non-negative integer.
""",
    canonical="""
class Solution:
    def bill(self, cubic_metres: int) -> int:
        normal = min(cubic_metres, 20)
        return 12 + 3 * normal + 5 * (cubic_metres - normal)
""",
    edges=[(10,), (22,), (0,), (20,), (21,), (100,)],
)
def _water_bill(rng: Random) -> Arguments:
    return (rng.randint(1, 60),)
