"""Medium problems on grids, walks and plane geometry with integers."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, grid, integers, text

catalogue = Catalogue("medium")


@catalogue.add(
    "robot-mower",
    statement="""
A mowing robot starts at (0, 0) and faces north (the direction in which y grows). It obeys a string
of commands: F moves one step forward, B one step backward without turning, L turns left on the spot,
R turns right on the spot. Return the tuple (x, y) where it ends; x grows towards the east.

Constraints: 0 <= len(commands) <= 1000.
""",
    canonical="""
class Solution:
    def mow(self, commands: str) -> Tuple[int, int]:
        x, y, dx, dy = 0, 0, 0, 1
        for c in commands:
            if c == "F":
                x, y = x + dx, y + dy
            elif c == "B":
                x, y = x - dx, y - dy
            elif c == "L":
                dx, dy = -dy, dx
            else:
                dx, dy = dy, -dx
        return (x, y)
""",
    edges=[("FFRF",), ("LFB",), ("",), ("RRFF",), ("LLLF",)],
)
def _robot_mower(rng: Random) -> Arguments:
    return (text(rng, "FFFFBLR", 5, 24),)


@catalogue.add(
    "ploughing-order",
    statement="""
A field is a rectangle of numbers, given as a list of rows. A tractor ploughs column by column: the
first column from top to bottom, the second from bottom to top, the third from top to bottom again,
and so on. Return the numbers in the order in which they are ploughed.

Constraints: 1 to 50 rows of 1 to 50 numbers each, all rows equally long.
""",
    canonical="""
class Solution:
    def plough(self, field: List[List[int]]) -> List[int]:
        order = []
        for j in range(len(field[0])):
            column = [row[j] for row in field]
            order.extend(column if j % 2 == 0 else column[::-1])
        return order
""",
    edges=[([[1, 2, 3], [4, 5, 6]],), ([[7]],), ([[1, 2]],), ([[1], [2], [3]],), ([[0, 0], [0, 1]],)],
)
def _ploughing_order(rng: Random) -> Arguments:
    columns = rng.randint(1, 5)
    return ([integers(rng, 0, 30, columns, columns) for _ in range(rng.randint(1, 4))],)


@catalogue.add(
    "cylinder-lakes",
    statement="""
A map is printed around a tin, so that its left and right edges touch. The map is a list of strings
of equal length in which "~" is water and "." is land. Two water cells belong to the same lake if they
are neighbours upwards, downwards, to the left or to the right, where the first and the last cell of
a row are neighbours too (the top and bottom rows are not). Return the sizes of all lakes in
ascending order.

Constraints: 1 to 40 rows and columns.
""",
    canonical="""
class Solution:
    def lakes(self, tin: List[str]) -> List[int]:
        rows, columns = len(tin), len(tin[0])
        seen = set()
        sizes = []
        for i in range(rows):
            for j in range(columns):
                if tin[i][j] != "~" or (i, j) in seen:
                    continue
                stack, size = [(i, j)], 0
                seen.add((i, j))
                while stack:
                    r, c = stack.pop()
                    size += 1
                    for p, q in ((r - 1, c), (r + 1, c), (r, (c - 1) % columns), (r, (c + 1) % columns)):
                        if 0 <= p < rows and tin[p][q] == "~" and (p, q) not in seen:
                            seen.add((p, q))
                            stack.append((p, q))
                sizes.append(size)
        return sorted(sizes)
""",
    edges=[(["~..~", "....", ".~~."],), (["~.~", "~.."],), (["."],), (["~"],), (["...", "~~~"],)],
)
def _cylinder_lakes(rng: Random) -> Arguments:
    return (grid(rng, "~~..." if rng.random() < 0.5 else "~..", 5, 7),)


@catalogue.add(
    "quarter-turns",
    statement="""
A tile pattern is a square or rectangular list of rows. Turn it clockwise by 90 degrees, turns times;
a negative number of turns means counter-clockwise. Return the turned pattern as a list of rows.

Constraints: 1 to 30 rows and columns, -100 <= turns <= 100.
""",
    canonical="""
class Solution:
    def turn_tile(self, tile: List[List[int]], turns: int) -> List[List[int]]:
        for _ in range(turns % 4):
            tile = [list(row) for row in zip(*tile[::-1])]
        return tile
""",
    edges=[([[1, 2], [3, 4]], 1), ([[1, 2, 3]], -1), ([[5]], 3), ([[1, 2], [3, 4]], 4), ([[1], [2]], 2)],
)
def _quarter_turns(rng: Random) -> Arguments:
    columns = rng.randint(1, 4)
    return [integers(rng, 0, 9, columns, columns) for _ in range(rng.randint(1, 4))], rng.randint(-7, 9)


@catalogue.add(
    "falling-diagonals",
    statement="""
Return the sums along the diagonals of a rectangle of numbers that run from the upper right to the
lower left. Diagonal d holds the cells whose row index plus column index is d. The result lists the
sums for d = 0, 1, 2, ... up to the last diagonal.

Constraints: 1 to 50 rows of 1 to 50 numbers each, all rows equally long.
""",
    canonical="""
class Solution:
    def diagonal_sums(self, table: List[List[int]]) -> List[int]:
        sums = [0] * (len(table) + len(table[0]) - 1)
        for i, row in enumerate(table):
            for j, value in enumerate(row):
                sums[i + j] += value
        return sums
""",
    edges=[([[1, 2], [3, 4]],), ([[5, 0, -1]],), ([[8]],), ([[1], [1], [1]],), ([[0, 1], [-1, 0]],)],
)
def _falling_diagonals(rng: Random) -> Arguments:
    columns = rng.randint(1, 5)
    return ([integers(rng, -9, 12, columns, columns) for _ in range(rng.randint(1, 4))],)


@catalogue.add(
    "museum-route",
    statement="""
The rooms of a museum form a grid, given as a list of strings of equal length: "." is an open room and
"#" a closed one. From an open room you may walk to the open room above, below, left or right of it.
Return the smallest number of walks from the upper left room to the lower right room, or -1 if there
is no way or one of these two rooms is closed.

Constraints: 1 to 40 rows and columns.
""",
    canonical="""
class Solution:
    def fewest_walks(self, rooms: List[str]) -> int:
        rows, columns = len(rooms), len(rooms[0])
        if rooms[0][0] == "#" or rooms[-1][-1] == "#":
            return -1
        distance = {(0, 0): 0}
        queue = deque([(0, 0)])
        while queue:
            r, c = queue.popleft()
            for p, q in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
                inside = 0 <= p < rows and 0 <= q < columns
                if inside and rooms[p][q] == "." and (p, q) not in distance:
                    distance[p, q] = distance[r, c] + 1
                    queue.append((p, q))
        return distance.get((rows - 1, columns - 1), -1)
""",
    edges=[
        ([".#.", "...", "##."],),
        ([".#", "#."],),
        (["."],),
        (["#"],),
        (["...#...", ".#.#.#.", ".#...#."],),
    ],
)
def _museum_route(rng: Random) -> Arguments:
    rows = grid(rng, "....#", 6, 7)
    rows[0] = "." + rows[0][1:]
    rows[-1] = rows[-1][:-1] + "."
    return (rows,)


@catalogue.add(
    "shared-carpet",
    statement="""
Two rectangular carpets lie parallel to the walls. Each one is given as [x1, y1, x2, y2] with x1 < x2
and y1 < y2: its lower left and its upper right corner. Return the area of the floor that is covered
by exactly one of the two carpets.

Constraints: all coordinates are integers between -10**6 and 10**6.
""",
    canonical="""
class Solution:
    def covered_once(self, first: List[int], second: List[int]) -> int:
        def area(carpet):
            return (carpet[2] - carpet[0]) * (carpet[3] - carpet[1])
        width = min(first[2], second[2]) - max(first[0], second[0])
        height = min(first[3], second[3]) - max(first[1], second[1])
        shared = max(0, width) * max(0, height)
        return area(first) + area(second) - 2 * shared
""",
    edges=[
        ([0, 0, 4, 3], [2, 1, 6, 5]),
        ([0, 0, 2, 2], [2, 0, 4, 2]),
        ([0, 0, 5, 5], [1, 1, 2, 2]),
        ([-3, -3, -1, -1], [1, 1, 3, 3]),
        ([0, 0, 1, 1], [0, 0, 1, 1]),
    ],
)
def _shared_carpet(rng: Random) -> Arguments:
    def carpet() -> list[int]:
        x, y = rng.randint(-6, 6), rng.randint(-6, 6)
        return [x, y, x + rng.randint(1, 9), y + rng.randint(1, 9)]

    return carpet(), carpet()


@catalogue.add(
    "plot-area",
    statement="""
The corners of a plot of land are given in order around its border (clockwise or counter-clockwise) as
[x, y] pairs of integers. The border does not cross itself. Return the area of the plot as a float; it
is always a multiple of 0.5.

Constraints: 3 <= len(corners) <= 100, -1000 <= x, y <= 1000.
""",
    canonical="""
class Solution:
    def plot_area(self, corners: List[List[int]]) -> float:
        twice = 0
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1]):
            twice += x1 * y2 - x2 * y1
        return abs(twice) / 2
""",
    edges=[
        ([[0, 0], [4, 0], [4, 3]],),
        ([[0, 0], [0, 1], [1, 0]],),
        ([[0, 0], [2, 0], [2, 2], [0, 2]],),
        ([[0, 0], [6, 0], [6, 2], [2, 2], [2, 5], [0, 5]],),
        ([[-1, -1], [3, 0], [1, 1], [0, 4]],),
    ],
)
def _plot_area(rng: Random) -> Arguments:
    # A polyline from left to right above the axis and two corners on the axis: it cannot cross itself.
    columns = sorted(rng.sample(range(-9, 12), rng.randint(2, 6)))
    corners = [[x, rng.randint(1, 9)] for x in columns]
    corners += [[columns[-1], 0], [columns[0], 0]]
    shift = rng.randrange(len(corners))
    turned = corners[shift:] + corners[:shift]
    return (turned[:: rng.choice([1, -1])],)
