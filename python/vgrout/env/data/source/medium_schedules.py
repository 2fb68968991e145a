"""Medium problems on intervals, queues, tallies and orders."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, integers, words

catalogue = Catalogue("medium")


@catalogue.add(
    "free-slots",
    statement="""
A studio is open from minute opens to minute closes. bookings is a list of [start, end] pairs in any
order; they may overlap each other, and a booking may reach beyond the opening hours. Return the list
of all free slots [start, end] within the opening hours, in order of time. A slot of length 0 is no
slot, and slots are as long as possible.

Constraints: 0 <= opens < closes <= 10**6, 0 <= len(bookings) <= 200, start < end.
""",
    canonical="""
class Solution:
    def free_slots(self, opens: int, closes: int, bookings: List[List[int]]) -> List[List[int]]:
        free = []
        now = opens
        for start, end in sorted(bookings):
            if start > now:
                free.append([now, min(start, closes)])
            now = max(now, end)
            if now >= closes or start >= closes:
                break
        if now < closes and not (free and free[-1][1] == closes):
            free.append([now, closes])
        return free
""",
    edges=[
        (0, 60, [[30, 40], [10, 35]]),
        (100, 200, [[90, 120], [190, 260]]),
        (0, 10, []),
        (0, 10, [[0, 10]]),
        (5, 15, [[20, 30]]),
        (5, 15, [[0, 5], [15, 18], [7, 8], [8, 9]]),
    ],
)
def _free_slots(rng: Random) -> Arguments:
    opens = rng.randint(0, 20)
    closes = opens + rng.randint(10, 50)
    starts = integers(rng, 0, 65, 1, 6)
    return opens, closes, [[start, start + rng.randint(1, 12)] for start in starts]


@catalogue.add(
    "post-office-counters",
    statement="""
A post office has counters counters. Customers come in the order of the list; customer i arrives at
minute arrivals[i] (the list is sorted) and needs durations[i] minutes. There is one common queue: the
first in the queue goes to a counter as soon as one is free. Return the list of the minutes at which
each customer is finished.

Constraints: 1 <= counters <= 50, 0 <= len(arrivals) == len(durations) <= 200, 1 <= durations[i].
""",
    canonical="""
class Solution:
    def finish_times(self, counters: int, arrivals: List[int], durations: List[int]) -> List[int]:
        free_at = [0] * counters
        finished = []
        for arrival, duration in zip(arrivals, durations):
            start = max(arrival, heappop(free_at))
            finished.append(start + duration)
            heappush(free_at, start + duration)
        return finished
""",
    edges=[
        (1, [0, 1, 10], [5, 2, 1]),
        (2, [0, 0, 0], [4, 3, 2]),
        (3, [], []),
        (1, [7], [7]),
        (2, [0, 1, 2, 3], [10, 1, 1, 1]),
    ],
)
def _post_office_counters(rng: Random) -> Arguments:
    customers = rng.randint(2, 9)
    arrivals = sorted(integers(rng, 0, 20, customers, customers))
    return rng.randint(1, 3), arrivals, integers(rng, 1, 12, customers, customers)


@catalogue.add(
    "cake-vote",
    statement="""
Every guest votes for one cake. Return the names of the cakes in order of their number of votes, most
votes first; cakes with equally many votes are ordered alphabetically.

Constraints: 0 <= len(votes) <= 500; names are lowercase words.
""",
    canonical="""
class Solution:
    def ranking(self, votes: List[str]) -> List[str]:
        tally = Counter(votes)
        return sorted(tally, key=lambda cake: (-tally[cake], cake))
""",
    edges=[
        (["lemon", "apple", "lemon"],),
        (["plum", "carrot"],),
        ([],),
        (["nut"],),
        (["b", "a", "b", "a", "c", "c", "c"],),
    ],
)
def _cake_vote(rng: Random) -> Arguments:
    return (words(rng, "lemon apple plum carrot nut cheese", 3, 16),)


@catalogue.add(
    "recipe-steps",
    statement="""
A recipe has steps numbered 0 to n - 1. A pair [a, b] in rules says that step a has to be done before
step b. Return the order of all steps that keeps every rule and is smallest when compared element by
element (always do the lowest-numbered step that is possible). If no order keeps all rules, return an
empty list.

Constraints: 1 <= n <= 200, 0 <= len(rules) <= 500; a pair may occur more than once.
""",
    canonical="""
class Solution:
    def step_order(self, n: int, rules: List[List[int]]) -> List[int]:
        waits = [0] * n
        later = [[] for _ in range(n)]
        for a, b in rules:
            waits[b] += 1
            later[a].append(b)
        ready = [step for step in range(n) if waits[step] == 0]
        order = []
        while ready:
            step = heappop(ready)
            order.append(step)
            for b in later[step]:
                waits[b] -= 1
                if waits[b] == 0:
                    heappush(ready, b)
        return order if len(order) == n else []
""",
    edges=[
        (4, [[3, 0], [1, 2]]),
        (2, [[0, 1], [1, 0]]),
        (1, []),
        (3, []),
        (3, [[2, 1], [2, 1], [1, 0]]),
        (2, [[1, 1]]),
    ],
)
def _recipe_steps(rng: Random) -> Arguments:
    n = rng.randint(3, 8)
    hidden = list(range(n))
    rng.shuffle(hidden)
    rules: list[list[int]] = []
    for _ in range(rng.randint(1, n + 2)):
        i, j = sorted(rng.sample(range(n), 2))
        rules.append([hidden[i], hidden[j]] if rng.random() < 0.93 else [hidden[j], hidden[i]])
    return n, rules


@catalogue.add(
    "record-balances",
    statement="""
An account starts with the balance 0 and is changed by changes[i] on day i. A day is a record day if the
balance after its change is greater than it was after every earlier day and greater than the starting
balance. Return the list of the indices of all record days.

Constraints: 0 <= len(changes) <= 1000, -10**6 <= changes[i] <= 10**6.
""",
    canonical="""
class Solution:
    def record_days(self, changes: List[int]) -> List[int]:
        balance = highest = 0
        days = []
        for day, change in enumerate(changes):
            balance += change
            if balance > highest:
                highest = balance
                days.append(day)
        return days
""",
    edges=[([3, -1, 2, 5],), ([-4, 4, 1],), ([],), ([0, 0],), ([-1, -2],), ([7],)],
)
def _record_balances(rng: Random) -> Arguments:
    return (integers(rng, -9, 10, 4, 14),)


@catalogue.add(
    "ferry-loading",
    statement="""
Vehicles wait for a ferry in a fixed order; lengths[i] is the length of vehicle i. The ferry has two
lanes of length lane each. The vehicles drive on in their order, and each one is sent to the lane that
has more free space at that moment (to lane 0 if both have the same). Loading stops for good as soon as
the next vehicle does not fit into the lane it is sent to. Return a tuple (loaded, free0, free1): the
number of loaded vehicles and the space that is left in each lane.

Constraints: 1 <= lane <= 10**6, 0 <= len(lengths) <= 1000, lengths[i] >= 1.
""",
    canonical="""
class Solution:
    def load(self, lane: int, lengths: List[int]) -> Tuple[int, int, int]:
        free = [lane, lane]
        loaded = 0
        for length in lengths:
            side = 0 if free[0] >= free[1] else 1
            if length > free[side]:
                break
            free[side] -= length
            loaded += 1
        return (loaded, free[0], free[1])
""",
    edges=[(10, [4, 6, 5]), (5, [6, 1]), (3, []), (4, [4, 4, 1]), (7, [1, 1, 1, 1])],
)
def _ferry_loading(rng: Random) -> Arguments:
    return rng.randint(8, 40), integers(rng, 1, 12, 3, 14)


@catalogue.add(
    "busiest-minute",
    statement="""
Each guard of a warehouse stays from the start of minute shift[0] to the end of minute shift[1], both
included. Return the largest number of guards that are present in the same minute, together with the
first minute in which that many are present, as a tuple (guards, minute). There is at least one shift.

Constraints: 1 <= len(shifts) <= 500, 0 <= shift[0] <= shift[1] <= 10**6.
""",
    canonical="""
class Solution:
    def busiest_minute(self, shifts: List[List[int]]) -> Tuple[int, int]:
        change = defaultdict(int)
        for first, last in shifts:
            change[first] += 1
            change[last + 1] -= 1
        present = 0
        best = (0, 0)
        for minute in sorted(change):
            present += change[minute]
            if present > best[0]:
                best = (present, minute)
        return best
""",
    edges=[
        ([[1, 5], [4, 8], [5, 6]],),
        ([[3, 3]],),
        ([[0, 2], [3, 4]],),
        ([[0, 10], [0, 10]],),
        ([[7, 9], [1, 2], [2, 3]],),
    ],
)
def _busiest_minute(rng: Random) -> Arguments:
    starts = integers(rng, 0, 30, 2, 9)
    return ([[start, start + rng.randint(0, 12)] for start in starts],)


@catalogue.add(
    "seat-swaps",
    statement="""
Passengers sit on numbered seats: order[i] is the ticket number on seat i, and the tickets are exactly
0 to n - 1. Everyone wants to sit on the seat with the number of the ticket. In one swap any two
passengers change places. Return the smallest number of swaps after which all sit right.

Constraints: 0 <= n <= 1000.
""",
    canonical="""
class Solution:
    def fewest_swaps(self, order: List[int]) -> int:
        seen = [False] * len(order)
        swaps = 0
        for start in range(len(order)):
            seat, length = start, 0
            while not seen[seat]:
                seen[seat] = True
                seat = order[seat]
                length += 1
            swaps += max(0, length - 1)
        return swaps
""",
    edges=[([1, 0, 2],), ([1, 2, 3, 0],), ([],), ([0],), ([4, 3, 2, 1, 0],)],
)
def _seat_swaps(rng: Random) -> Arguments:
    order = list(range(rng.randint(3, 14)))
    rng.shuffle(order)
    return (order,)
