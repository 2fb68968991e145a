"""Hard problems on graphs and state spaces."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, integers

catalogue = Catalogue("hard")


def _roads(rng: Random, towns: int, count: int) -> list[list[int]]:
    """Draw distinct two-way roads [a, b] with a < b, at most `count`."""
    return [list(pair) for pair in sorted({tuple(sorted(rng.sample(range(towns), 2))) for _ in range(count)})]


@catalogue.add(
    "few-toll-roads",
    statement="""
Towns are numbered 0 to n - 1. A road [a, b, minutes, toll] can be used in both directions and takes
the given minutes; toll is 1 for a toll road and 0 for a free one. Return the smallest number of
minutes from town 0 to town n - 1 if at most passes toll roads may be used (using the same toll road
twice counts twice), or -1 if it is impossible. For n = 1 the answer is 0.

Constraints: 1 <= n <= 100, 0 <= len(roads) <= 400, 1 <= minutes <= 1000, 0 <= passes <= 10.
""",
    canonical="""
class Solution:
    def fastest(self, n: int, roads: List[List[int]], passes: int) -> int:
        graph = defaultdict(list)
        for a, b, minutes, toll in roads:
            graph[a].append((b, minutes, toll))
            graph[b].append((a, minutes, toll))
        best = {(0, 0): 0}
        heap = [(0, 0, 0)]
        while heap:
            time, town, used = heappop(heap)
            if town == n - 1:
                return time
            if time > best[town, used]:
                continue
            for following, minutes, toll in graph[town]:
                state = (following, used + toll)
                if state[1] <= passes and time + minutes < best.get(state, inf):
                    best[state] = time + minutes
                    heappush(heap, (time + minutes, *state))
        return -1
""",
    edges=[
        (3, [[0, 1, 2, 1], [1, 2, 2, 1], [0, 2, 9, 0]], 1),
        (2, [[0, 1, 5, 1]], 0),
        (1, [], 0),
        (4, [[0, 1, 1, 0], [1, 2, 1, 1], [2, 3, 1, 1]], 2),
        (3, [[0, 1, 4, 0], [0, 1, 1, 1], [1, 2, 4, 0], [1, 2, 2, 1]], 1),
    ],
)
def _few_toll_roads(rng: Random) -> Arguments:
    n = rng.randint(3, 7)
    roads = [[a, b, rng.randint(1, 20), rng.randint(0, 1)] for a, b in _roads(rng, n, 2 * n)]
    return n, roads, rng.randint(0, 2)


@catalogue.add(
    "vital-cables",
    statement="""
Islands 0 to n - 1 are joined by cables [a, b]; all islands can reach each other. A cable is vital if
some two islands can no longer reach each other when only this cable breaks. Return the list of all
vital cables as [a, b] with a < b, in ascending order.

Constraints: 1 <= n <= 1000, 0 <= len(cables) <= 2000, a != b; two islands may be joined by several
cables (then none of these is vital).
""",
    canonical="""
class Solution:
    def vital_cables(self, n: int, cables: List[List[int]]) -> List[List[int]]:
        graph = [[] for _ in range(n)]
        for number, (a, b) in enumerate(cables):
            graph[a].append((b, number))
            graph[b].append((a, number))
        order = [-1] * n
        low = [0] * n
        vital = []
        order[0] = 0
        clock = 1
        stack = [(0, -1, iter(graph[0]))]
        while stack:
            island, came_by, edges = stack[-1]
            for following, number in edges:
                if number == came_by:
                    continue
                if order[following] < 0:
                    order[following] = low[following] = clock
                    clock += 1
                    stack.append((following, number, iter(graph[following])))
                    break
                low[island] = min(low[island], order[following])
            else:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    low[parent] = min(low[parent], low[island])
                    if low[island] > order[parent]:
                        vital.append(sorted((parent, island)))
        return sorted(vital)
""",
    edges=[
        (4, [[0, 1], [1, 2], [2, 0], [2, 3]]),
        (2, [[1, 0], [0, 1]]),
        (1, []),
        (2, [[1, 0]]),
        (5, [[3, 4], [4, 2], [2, 0], [0, 1]]),
    ],
)
def _vital_cables(rng: Random) -> Arguments:
    n = rng.randint(3, 9)
    tree = [[rng.randrange(island), island] for island in range(1, n)]
    cables = tree + _roads(rng, n, rng.randint(0, 3))
    rng.shuffle(cables)
    return n, cables


@catalogue.add(
    "courier-tour",
    statement="""
minutes[i][j] is the time a courier needs from stop i to stop j (it may differ from minutes[j][i], and
going through other stops may be faster). He starts at stop 0, has to be at every other stop at least
once, and ends at any stop he likes. Return the smallest total time.

Constraints: 1 <= len(minutes) <= 10; minutes is a square table, minutes[i][i] == 0, other entries are
between 1 and 1000.
""",
    canonical="""
class Solution:
    def shortest_tour(self, minutes: List[List[int]]) -> int:
        n = len(minutes)
        direct = [row[:] for row in minutes]
        for k, i, j in product(range(n), repeat=3):
            direct[i][j] = min(direct[i][j], direct[i][k] + direct[k][j])
        everything = (1 << n) - 1
        best = [[inf] * n for _ in range(1 << n)]
        best[1][0] = 0
        for done in range(1, 1 << n):
            for here in range(n):
                if best[done][here] == inf:
                    continue
                for there in range(n):
                    if not done >> there & 1:
                        after = done | 1 << there
                        time = best[done][here] + direct[here][there]
                        best[after][there] = min(best[after][there], time)
        return min(best[everything])
""",
    edges=[
        ([[0, 5, 9], [5, 0, 1], [2, 1, 0]],),
        ([[0, 9, 1], [9, 0, 9], [1, 2, 0]],),
        ([[0]],),
        ([[0, 7], [3, 0]],),
        ([[0, 1, 1, 1], [1, 0, 50, 50], [1, 50, 0, 50], [1, 50, 50, 0]],),
    ],
)
def _courier_tour(rng: Random) -> Arguments:
    n = rng.randint(2, 6)
    return ([[0 if i == j else rng.randint(1, 40) for j in range(n)] for i in range(n)],)


@catalogue.add(
    "water-through-pipes",
    statement="""
Pumping stations are numbered 0 to n - 1. A pipe [a, b, litres] carries at most the given litres per
second from a to b (not back). At every station except 0 and n - 1 as much flows out as flows in.
Return the largest number of litres per second that can flow from station 0 to station n - 1.

Constraints: 2 <= n <= 30, 0 <= len(pipes) <= 200, a != b, 0 <= litres <= 1000.
""",
    canonical="""
class Solution:
    def max_litres(self, n: int, pipes: List[List[int]]) -> int:
        room = [[0] * n for _ in range(n)]
        for a, b, litres in pipes:
            room[a][b] += litres
        total = 0
        while True:
            parent = {0: 0}
            queue = deque([0])
            while queue and n - 1 not in parent:
                here = queue.popleft()
                for there in range(n):
                    if room[here][there] > 0 and there not in parent:
                        parent[there] = here
                        queue.append(there)
            if n - 1 not in parent:
                return total
            path = []
            there = n - 1
            while there != 0:
                path.append((parent[there], there))
                there = parent[there]
            amount = min(room[a][b] for a, b in path)
            for a, b in path:
                room[a][b] -= amount
                room[b][a] += amount
            total += amount
""",
    edges=[
        (4, [[0, 1, 5], [0, 2, 4], [1, 3, 3], [2, 3, 6], [1, 2, 9]]),
        (3, [[0, 1, 7], [2, 1, 7]]),
        (2, []),
        (2, [[0, 1, 4], [0, 1, 6], [1, 0, 3]]),
        (4, [[0, 1, 1], [0, 2, 1], [1, 2, 1], [1, 3, 1], [2, 3, 1]]),
    ],
)
def _water_through_pipes(rng: Random) -> Arguments:
    n = rng.randint(3, 7)
    pairs = [rng.sample(range(n), 2) for _ in range(rng.randint(n, 3 * n))]
    return n, [[a, b, rng.randint(1, 15)] for a, b in pairs]


@catalogue.add(
    "three-jugs",
    statement="""
Three jugs hold at most sizes[0], sizes[1] and sizes[2] litres. At first jug 0 is full and the other
two are empty. In one pour, water is poured from one jug into another until the first one is empty or
the second one is full. Return the smallest number of pours after which some jug holds exactly target
litres, or -1 if that never happens.

Constraints: 1 <= sizes[i] <= 40, 0 <= target <= 40.
""",
    canonical="""
class Solution:
    def fewest_pours(self, sizes: List[int], target: int) -> int:
        start = (sizes[0], 0, 0)
        pours = {start: 0}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            if target in state:
                return pours[state]
            for i, j in permutations(range(3), 2):
                amount = min(state[i], sizes[j] - state[j])
                after = list(state)
                after[i] -= amount
                after[j] += amount
                after = tuple(after)
                if after not in pours:
                    pours[after] = pours[state] + 1
                    queue.append(after)
        return -1
""",
    edges=[
        ([8, 5, 3], 4),
        ([6, 4, 2], 3),
        ([7, 3, 2], 7),
        ([7, 3, 2], 0),
        ([1, 1, 1], 2),
        ([12, 8, 5], 6),
    ],
)
def _three_jugs(rng: Random) -> Arguments:
    sizes = [rng.randint(8, 30), rng.randint(3, 15), rng.randint(2, 11)]
    return sizes, rng.randint(1, sizes[0] - 1)


@catalogue.add(
    "rival-teams",
    statement="""
Players 0 to n - 1 are split into a red and a blue team. Two players who are rivals (a pair [a, b] in
rivals) must not be in the same team. Return the smallest possible difference between the sizes of
the two teams, or -1 if no split keeps all rivals apart. A team may be empty.

Constraints: 1 <= n <= 300, 0 <= len(rivals) <= 1000, a != b.
""",
    canonical="""
class Solution:
    def smallest_difference(self, n: int, rivals: List[List[int]]) -> int:
        graph = [[] for _ in range(n)]
        for a, b in rivals:
            graph[a].append(b)
            graph[b].append(a)
        team = [None] * n
        differences = {0}
        for first in range(n):
            if team[first] is not None:
                continue
            team[first] = 1
            balance = 0
            stack = [first]
            while stack:
                player = stack.pop()
                balance += team[player]
                for rival in graph[player]:
                    if team[rival] is None:
                        team[rival] = -team[player]
                        stack.append(rival)
                    elif team[rival] == team[player]:
                        return -1
            differences = {d + s for d in differences for s in (balance, -balance)}
        return min(map(abs, differences))
""",
    edges=[
        (5, [[0, 1], [0, 2], [0, 3]]),
        (3, [[0, 1], [1, 2], [2, 0]]),
        (1, []),
        (4, []),
        (8, [[0, 1], [0, 2], [0, 3], [4, 5], [4, 6], [4, 7]]),
        (6, [[0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]),
    ],
)
def _rival_teams(rng: Random) -> Arguments:
    # Stars: a few captains with many rivals each make uneven components; now and then an odd circle.
    n = rng.randint(5, 14)
    captains = rng.randint(1, 3)
    rivals = [[rng.randrange(captains), p] for p in range(captains, n) if rng.random() < 0.9]
    if rng.random() < 0.2:
        rivals.append(rng.sample(range(n), 2))
    return n, rivals


@catalogue.add(
    "mast-amplifiers",
    statement="""
parent describes a tree of radio masts: parent[i] is the mast that mast i gets its signal from, and
the one mast with parent[i] == -1 is the root. Each mast may switch its amplifier on at a price of
prices[i]. Every mast must have an amplifier switched on at itself, at its parent or at one of its
children. Return the smallest total price.

Constraints: 1 <= len(parent) == len(prices) <= 500, 1 <= prices[i] <= 1000; parent[i] < i for every
mast except the root, which is mast 0.
""",
    canonical="""
class Solution:
    def cheapest_cover(self, parent: List[int], prices: List[int]) -> int:
        n = len(parent)
        # on: own amplifier; fed: off but covered by a child; open: off, all below covered, needs its parent
        on, fed, open_ = prices[:], [inf] * n, [0] * n
        extra = [inf] * n
        for mast in range(n - 1, -1, -1):
            # all children come later in the list and are finished
            fed[mast] = open_[mast] + extra[mast]
            if mast == 0:
                break
            p = parent[mast]
            settled = min(on[mast], fed[mast])
            on[p] += min(on[mast], fed[mast], open_[mast])
            extra[p] = min(extra[p], on[mast] - settled)
            open_[p] += settled
        return min(on[0], fed[0])
""",
    edges=[
        ([-1, 0, 0, 1], [5, 2, 1, 9]),
        ([-1], [7]),
        ([-1, 0, 1, 2], [9, 1, 1, 9]),
        ([-1, 0, 0, 0, 0], [10, 2, 2, 2, 2]),
        ([-1, 0, 0, 0, 0], [10, 3, 3, 3, 3]),
    ],
)
def _mast_amplifiers(rng: Random) -> Arguments:
    n = rng.randint(3, 11)
    return [-1, *(rng.randrange(max(0, i - 4), i) for i in range(1, n))], integers(rng, 1, 20, n, n)
