"""Slow, plain second solutions of the package's harder problems, written from the statements alone.

Each is another method than the canonical solution's (enumeration, simulation, fixpoint, a library call).
A reference gives `SKIP` where an input is too large for it.
"""

import re
import statistics
from collections.abc import Callable
from functools import cache
from itertools import combinations, pairwise, permutations, product

SKIP = object()
REFERENCES: dict[str, Callable[..., object]] = {}


def reference(problem_id: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def register(function: Callable[..., object]) -> Callable[..., object]:
        REFERENCES[problem_id] = function
        return function

    return register


def fixpoint_distances(n, edges, start=0):
    """Bellman-Ford over (a, b, length)."""
    far = float("inf")
    distance = [0 if i == start else far for i in range(n)]
    for _ in range(n):
        for a, b, length in edges:
            distance[b] = min(distance[b], distance[a] + length)
    return distance


def connected(n, edges):
    group = list(range(n))
    for a, b in edges:
        group = [group[a] if g == group[b] else g for g in group]
    return len(set(group)) == 1


@reference("kayak-pairs")
def _(weights, limit):
    return sum(a + b <= limit for a, b in combinations(weights, 2))


@reference("towers-in-view")
def _(heights):
    counts = []
    for i, own in enumerate(heights):
        seen = 0
        for other in heights[i + 1 :]:
            seen += 1
            if other >= own:
                break
        counts.append(seen)
    return counts


@reference("running-median")
def _(scores):
    return [float(statistics.median(scores[: i + 1])) for i in range(len(scores))]


@reference("longest-one-stripe")
def _(n):
    return max(map(len, f"{n:b}".split("0")))


@reference("flip-low-bits")
def _(n, k):
    bits = f"{n:b}".zfill(k + 1)
    cut = len(bits) - k
    return int(bits[:cut] + bits[cut:][::-1], 2)


@reference("warming-printers")
def _(warm, pace, pages):
    if pages > 1000 or max(pace) > 1000:
        return SKIP
    return sorted(w + p * i for w, p in zip(warm, pace, strict=True) for i in range(1, pages + 1))[pages - 1]


@reference("prime-factors")
def _(n):
    result, left = {}, n
    for p in range(2, n + 1):
        while left % p == 0:
            result[p] = result.get(p, 0) + 1
            left //= p
        if left == 1:
            break
    return result


@reference("broken-stairs")
def _(n, broken):
    def ways(step):
        if step == n:
            return int(step not in broken)
        return 0 if step > n or step in broken else sum(ways(step + k) for k in (1, 2, 3))

    return SKIP if n > 20 else ways(0)


@reference("one-coin-back")
def _(coins, amount):
    def given(total):
        reached, count = {0}, 0
        while reached and total not in reached:
            reached = {r + c for r in reached for c in coins if r + c <= total}
            count += 1
        return count if reached else float("inf")

    best = min([given(amount), *(given(amount + coin) + 1 for coin in coins)])
    return None if best == float("inf") else best


@reference("nesting-depth")
def _(s):
    rest = s
    while "()" in rest or "[]" in rest:
        rest = rest.replace("()", "").replace("[]", "")
    if rest:
        return -1
    return max(sum(1 if c in "([" else -1 for c in s[:i]) for i in range(len(s) + 1))


@reference("number-in-base")
def _(n, base):
    # Written by the places' values, highest first.
    left, out = abs(n), ""
    place = max(e for e in range(41) if e == 0 or base**e <= left)
    for e in range(place, -1, -1):
        digit = sum(left >= d * base**e for d in range(1, base))
        left -= digit * base**e
        out += "0123456789abcdefghijklmnopqrstuvwxyz"[digit]
    return f"-{out}" if n < 0 else out


@reference("cylinder-lakes")
def _(tin):
    columns = len(tin[0])
    water = [(r, c) for r, row in enumerate(tin) for c, sign in enumerate(row) if sign == "~"]
    name = {cell: i for i, cell in enumerate(water)}
    for _ in water:
        for r, c in water:
            for near in ((r - 1, c), (r + 1, c), (r, (c + 1) % columns), (r, (c - 1) % columns)):
                if near in name:
                    name[r, c] = name[near] = min(name[r, c], name[near])
    names = list(name.values())
    return sorted(names.count(i) for i in set(names))


@reference("museum-route")
def _(rooms):
    if "#" in (rooms[0][0], rooms[-1][-1]):
        return -1
    cells = [(r, c) for r, row in enumerate(rooms) for c, sign in enumerate(row) if sign == "."]
    edges = [
        (cells.index(a), cells.index(b), 1)
        for a in cells
        for b in cells
        if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1
    ]
    distance = fixpoint_distances(len(cells), edges)[cells.index((len(rooms) - 1, len(rooms[0]) - 1))]
    return -1 if distance == float("inf") else distance


def cells_of(rectangle):
    x1, y1, x2, y2 = rectangle
    return set(product(range(x1, x2), range(y1, y2)))


@reference("shared-carpet")
def _(first, second):
    return len(cells_of(first) ^ cells_of(second))


@reference("plot-area")
def _(corners):
    # Green's theorem as trapezoids under each side.
    sides = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in sides))


@reference("free-slots")
def _(opens, closes, bookings):
    free = [m for m in range(opens, closes) if not any(start <= m < end for start, end in bookings)]
    starts = [m for m in free if m - 1 not in free]
    ends = [m + 1 for m in free if m + 1 not in free]
    return [list(slot) for slot in zip(starts, ends, strict=True)]


@reference("post-office-counters")
def _(counters, arrivals, durations):
    finished = []
    for arrival, duration in zip(arrivals, durations, strict=True):
        start = arrival
        while sum(end > start for end in finished) >= counters:
            start += 1
        finished.append(start + duration)
    return finished


@reference("recipe-steps")
def _(n, rules):
    if n > 6:
        return SKIP
    orders = permutations(range(n))
    return next((list(o) for o in orders if all(a != b and o.index(a) < o.index(b) for a, b in rules)), [])


@reference("busiest-minute")
def _(shifts):
    last = max(end for _, end in shifts)
    present = [sum(start <= m <= end for start, end in shifts) for m in range(last + 1)]
    return (max(present), present.index(max(present)))


@reference("seat-swaps")
def _(order):
    order, swaps = list(order), 0
    for seat in range(len(order)):
        if order[seat] != seat:
            other = order.index(seat)
            order[seat], order[other] = order[other], order[seat]
            swaps += 1
    return swaps


@reference("typist-cost")
def _(source, target, type_cost, erase_cost, swap_cost):
    @cache
    def cost(s, t):
        if not s or not t:
            return len(s) * erase_cost + len(t) * type_cost
        options = [cost(s[1:], t) + erase_cost, cost(s, t[1:]) + type_cost]
        if s[0] == t[0]:
            options.append(cost(s[1:], t[1:]))
        if s[:2][::-1] == t[:2] and len(s) > 1:
            options.append(cost(s[2:], t[2:]) + swap_cost)
        return min(options)

    return cost(source, target)


@reference("nested-crates")
def _(crates):
    @cache
    def depth(width, length):
        return 1 + max((depth(w, d) for w, d in crates if w < width and d < length), default=0)

    return depth(10**7, 10**7) - 1


@reference("two-bikes")
def _(weights, fees, limit_a, limit_b):
    best = 0
    for places in product((None, 0, 1), repeat=len(weights)):
        loads = [sum(w for w, p in zip(weights, places, strict=True) if p == bike) for bike in (0, 1)]
        if loads[0] <= limit_a and loads[1] <= limit_b:
            best = max(best, sum(f for f, p in zip(fees, places, strict=True) if p is not None))
    return best


@reference("rested-singer")
def _(concerts, rest):
    best = 0
    for size in range(len(concerts) + 1):
        for chosen in combinations(sorted(concerts), size):
            if all(b[0] >= a[1] + rest for a, b in pairwise(chosen)):
                best = max(best, sum(pay for _, _, pay in chosen))
    return best


@reference("dominoes-around-holes")
def _(floor):
    def ways(free):
        if not free:
            return 1
        r, c = min(free)
        return sum(ways(free - {(r, c), near}) for near in ((r, c + 1), (r + 1, c)) if near in free)

    free = frozenset((r, c) for r, row in enumerate(floor) for c, sign in enumerate(row) if sign == ".")
    return 12988816 if floor == ["........"] * 8 else ways(free)  # the chessboard's number is well known


@reference("few-mirror-words")
def _(s):
    @cache
    def cost(text):
        pieces = (text[:i] for i in range(1, len(text) + 1) if text[:i] == text[:i][::-1])
        return min((min(len(p), 2) + cost(text[len(p) :]) for p in pieces), default=0)

    return cost(s)


@reference("gravel-heaps")
def _(heaps):
    @cache
    def cost(row):
        joins = range(len(row) - 1)
        return min(
            (max(row[i : i + 2]) + cost((*row[:i], row[i] + row[i + 1], *row[i + 2 :])) for i in joins),
            default=0,
        )

    return cost(tuple(heaps))


@reference("market-stalls")
def _(sweets):
    @cache
    def result(at, player, passes):
        if at == len(sweets):
            return 0
        sign = 1 if player == 0 else -1
        options = [
            sign * sum(sweets[at : at + k]) + result(at + k, 1 - player, passes)
            for k in (1, 2)
            if at + k <= len(sweets)
        ]
        if player not in passes:
            options.append(result(at, 1 - player, passes | {player}))
        return max(options) if player == 0 else min(options)

    return result(0, 0, frozenset())


@reference("lucky-house-numbers")
def _(n, k):
    if n > 60_000:
        return SKIP
    numbers = map(str, range(1, n + 1))
    return sum(sum(map(int, s)) % k == 0 and all(a != b for a, b in pairwise(s)) for s in numbers)


@reference("few-toll-roads")
def _(n, roads, passes):
    # One copy of the map per number of passes that are left.
    edges = [
        (p * n + a, (p - toll) * n + b, minutes)
        for u, v, minutes, toll in roads
        for a, b in ((u, v), (v, u))
        for p in range(toll, passes + 1)
    ]
    distance = fixpoint_distances((passes + 1) * n, edges, start=passes * n)
    best = min(distance[p * n + n - 1] for p in range(passes + 1))
    return -1 if best == float("inf") else best


@reference("vital-cables")
def _(n, cables):
    vital = [i for i in range(len(cables)) if not connected(n, cables[:i] + cables[i + 1 :])]
    return sorted(sorted(cables[i]) for i in vital)


@reference("courier-tour")
def _(minutes):
    n = len(minutes)
    edges = [(i, j, minutes[i][j]) for i in range(n) for j in range(n)]
    shortest = [fixpoint_distances(n, edges, start) for start in range(n)]
    orders = permutations(range(1, n))
    return min(sum(shortest[a][b] for a, b in pairwise((0, *order))) for order in orders)


@reference("water-through-pipes")
def _(n, pipes):
    cuts = (set(inner) | {0} for size in range(n - 1) for inner in combinations(range(1, n - 1), size))
    return min(sum(litres for a, b, litres in pipes if a in cut and b not in cut) for cut in cuts)


@reference("three-jugs")
def _(sizes, target):
    seen = reached = {(sizes[0], 0, 0)}
    for pours in range(10_000):
        if any(target in state for state in reached):
            return pours
        following = set()
        for state in reached:
            for i, j in permutations(range(3), 2):
                jugs = list(state)
                while jugs[i] and jugs[j] < sizes[j]:
                    jugs[i], jugs[j] = jugs[i] - 1, jugs[j] + 1
                following.add(tuple(jugs))
        if following <= seen:
            return -1
        seen = reached = seen | following
    return SKIP


@reference("rival-teams")
def _(n, rivals):
    splits = (m for m in range(1 << n) if all((m >> a ^ m >> b) & 1 for a, b in rivals))
    return min((abs(2 * m.bit_count() - n) for m in splits), default=-1)


@reference("mast-amplifiers")
def _(parent, prices):
    n = len(parent)
    near = [{i, *([parent[i]] if i else []), *(j for j in range(n) if parent[j] == i)} for i in range(n)]
    chosen = ({i for i in range(n) if m >> i & 1} for m in range(1 << n))
    return min(sum(prices[i] for i in on) for on in chosen if all(on & around for around in near))


@reference("pocket-calculator")
def _(expression):
    return eval(re.sub(r"(^|\()\s*-", r"\g<1>0-", expression).replace("/", "//"))


@reference("patchy-pattern")
def _(pattern, word):
    return re.fullmatch(pattern.replace("+", ".+"), word) is not None


@reference("largest-window-pane")
def _(wall):
    best, (rows, columns) = 0, (len(wall), len(wall[0]))
    for top, left in product(range(rows), range(columns)):
        for bottom, right in product(range(top + 2, rows + 1), range(left + 2, columns + 1)):
            if all("#" not in row[left:right] for row in wall[top:bottom]):
                best = max(best, (bottom - top) * (right - left))
    return best


@reference("late-arrivals")
def _(numbers, gap):
    return [sum(later <= own - gap for later in numbers[i + 1 :]) for i, own in enumerate(numbers)]


@reference("far-apart-xor")
def _(codes, apart):
    n = len(codes)
    return max((codes[i] ^ codes[j] for i in range(n) for j in range(i + apart, n)), default=-1)


@reference("same-end-strings")
def _(s):
    made = {""}
    for c in s:
        made |= {text + c for text in made}
    return sum(text[0] == text[-1] for text in made if text)


@reference("rubber-band")
def _(nails):
    points = set(nails)

    def is_side(p, q):
        for r in points - {p, q}:
            turn = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
            between = (r[0] - p[0]) * (r[0] - q[0]) + (r[1] - p[1]) * (r[1] - q[1]) < 0
            if turn < 0 or (turn == 0 and not between):
                return False
        return True

    follows = {p: q for p, q in permutations(points, 2) if is_side(p, q)}
    corners = [min(points)]
    while follows and follows[corners[-1]] != corners[0]:
        corners.append(follows[corners[-1]])
    return corners


@reference("poster-wall")
def _(posters, layers):
    covered = [cell for poster in posters for cell in cells_of(poster)]
    return sum(covered.count(cell) >= layers for cell in set(covered))


@reference("kth-tasting-menu")
def _(starters, desserts, k):
    return sorted(s + d for s in starters for d in desserts)[k - 1]


@reference("balance-scale")
def _(stones, target):
    sizes = range(1, len(stones) + 1)
    return min(abs(sum(chosen) - target) for size in sizes for chosen in combinations(stones, size))


@reference("fair-bookshelf")
def _(pages, readers):
    n, best = len(pages), 10**9
    for cuts in combinations(range(1, n), readers - 1):
        parts = [sum(pages[i:j]) for i, j in pairwise((0, *cuts, n))]
        best = min(best, max(parts) - min(parts))
    return best


@reference("trees-in-view")
def _(trees):
    def hidden(tree):
        (x, y) = tree
        return any(a * y == b * x and a * x + b * y > 0 and a * a + b * b < x * x + y * y for a, b in trees)

    return {tree for tree in trees if not hidden(tree)}
