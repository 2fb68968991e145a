"""Medium problems on strings: parsing, encoding, formatting."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, text, words

catalogue = Catalogue("medium")


@catalogue.add(
    "nesting-depth",
    statement="""
A packing list describes boxes inside boxes with the characters ( ) [ ] only. The list is valid if
every opening bracket is closed by a bracket of the same kind and brackets do not cross. Return the
greatest number of brackets that are open at the same time, or -1 if the list is not valid.
The empty list is valid and has depth 0.

Constraints: 0 <= len(s) <= 1000.
""",
    canonical="""
class Solution:
    def depth(self, s: str) -> int:
        partner = {")": "(", "]": "["}
        open_brackets = []
        deepest = 0
        for c in s:
            if c in partner:
                if not open_brackets or open_brackets.pop() != partner[c]:
                    return -1
            else:
                open_brackets.append(c)
                deepest = max(deepest, len(open_brackets))
        return -1 if open_brackets else deepest
""",
    edges=[("([])[]",), ("([)]",), ("",), ("(((",), ("]",), ("[[[()]]]",)],
)
def _nesting_depth(rng: Random) -> Arguments:
    s = ""
    for _ in range(rng.randint(2, 8)):
        at = rng.randint(0, len(s))
        s = s[:at] + rng.choice(["()", "[]"]) + s[at:]
    if rng.random() < 0.3:
        at = rng.randrange(len(s))
        s = s[:at] + rng.choice("()[]") + s[at + 1 :]
    return (s,)


@catalogue.add(
    "number-in-base",
    statement="""
Return the integer n written in the given base. Use the digits 0-9 and then the lowercase letters
a-z, no leading zeros, and a minus sign in front of negative numbers. Zero is "0".

Constraints: -10**12 <= n <= 10**12, 2 <= base <= 36.
""",
    canonical="""
class Solution:
    def in_base(self, n: int, base: int) -> str:
        symbols = "0123456789abcdefghijklmnopqrstuvwxyz"
        if n == 0:
            return "0"
        rest, out = abs(n), ""
        while rest:
            out = symbols[rest % base] + out
            rest //= base
        return "-" + out if n < 0 else out
""",
    edges=[(10, 2), (-255, 16), (0, 7), (35, 36), (36, 36), (-1, 2)],
)
def _number_in_base(rng: Random) -> Arguments:
    return rng.randint(-(10 ** rng.randint(1, 9)), 10 ** rng.randint(1, 9)), rng.randint(2, 36)


@catalogue.add(
    "letter-wheel",
    statement="""
A toy disc turns every letter by a number of places in the alphabet: with shift 2, a becomes c and z
becomes b. Capital letters stay capital, all other characters stay as they are, and a negative shift
turns backwards. Return the turned text.

Constraints: 0 <= len(message) <= 500, -1000 <= shift <= 1000. Letters are a-z and A-Z.
""",
    canonical="""
class Solution:
    def turn(self, message: str, shift: int) -> str:
        out = []
        for c in message:
            if "a" <= c <= "z":
                c = chr((ord(c) - 97 + shift) % 26 + 97)
            elif "A" <= c <= "Z":
                c = chr((ord(c) - 65 + shift) % 26 + 65)
            out.append(c)
        return "".join(out)
""",
    edges=[("Zebra, ox!", 2), ("cd", -3), ("", 5), ("xyz", 26), ("Hi 5", 1000)],
)
def _letter_wheel(rng: Random) -> Arguments:
    return " ".join(words(rng, "Meet at the old Mill before 9 sharp! (Quietly)", 1, 6)), rng.randint(-60, 60)


@catalogue.add(
    "short-beads",
    statement="""
A string of beads is written with one lowercase letter per bead. Shorten it: every longest run of
equal letters becomes the length of the run followed by the letter, but a run of a single bead is
written as the letter alone. Return the shortened string.

Constraints: 0 <= len(beads) <= 500.
""",
    canonical="""
class Solution:
    def shorten(self, beads: str) -> str:
        out = ""
        for letter, run in groupby(beads):
            length = len(list(run))
            out += letter if length == 1 else f"{length}{letter}"
        return out
""",
    edges=[("aaabcc",), ("xyz",), ("",), ("bbbbbbbbbbbb",), ("abba",)],
)
def _short_beads(rng: Random) -> Arguments:
    return ("".join(rng.choice("abc") * rng.randint(1, 4) for _ in range(rng.randint(2, 10))),)


@catalogue.add(
    "ledger-undo",
    statement="""
A small till understands three commands, given as strings:
- "add X" appends the integer X to the ledger,
- "undo" cancels the latest add or clear that is not yet cancelled (nothing happens if there is none),
- "clear" empties the ledger.
Undoing a clear brings back the entries it removed. Return the final ledger as a list of integers.

Constraints: 0 <= len(commands) <= 300.
""",
    canonical="""
class Solution:
    def final_ledger(self, commands: List[str]) -> List[int]:
        states = [[]]
        for command in commands:
            if command == "undo":
                if len(states) > 1:
                    states.pop()
            elif command == "clear":
                states.append([])
            else:
                states.append(states[-1] + [int(command.split()[1])])
        return states[-1]
""",
    edges=[
        (["add 5", "add 7", "undo"],),
        (["add 1", "add 2", "clear", "undo", "add 3"],),
        ([],),
        (["undo", "add -4"],),
        (["clear", "undo", "undo", "add 9"],),
        (["add 1", "clear", "add 2", "undo", "undo"],),
    ],
)
def _ledger_undo(rng: Random) -> Arguments:
    kinds = ["add"] * 6 + ["undo"] * 3 + ["clear"]
    chosen = [rng.choice(kinds) for _ in range(rng.randint(4, 14))]
    return ([f"add {rng.randint(-9, 20)}" if kind == "add" else kind for kind in chosen],)


@catalogue.add(
    "badge-check",
    statement="""
A badge number is a string of digits. Number the digits from the right, starting with 1, and multiply
each digit by its place number. The badge is genuine if the sum of these products is divisible by 11.
Return True for a genuine badge, otherwise False.

Constraints: 1 <= len(badge) <= 40.
""",
    canonical="""
class Solution:
    def is_genuine(self, badge: str) -> bool:
        return sum(place * int(digit) for place, digit in enumerate(reversed(badge), 1)) % 11 == 0
""",
    edges=[("132",), ("123",), ("0",), ("7",), ("51",), ("00000",)],
)
def _badge_check(rng: Random) -> Arguments:
    badge = text(rng, "0123456789", 2, 9)
    missing = sum(place * int(digit) for place, digit in enumerate(reversed(badge), 2)) % 11
    if rng.random() < 0.6 and missing != 1:
        return (badge + str((11 - missing) % 11),)
    return (badge + rng.choice("0123456789"),)


@catalogue.add(
    "narrow-sign",
    statement="""
A sign shows width characters per line. Break the text into lines: take the words in order, put as
many words on each line as fit with one space between neighbours, then go on with the next line.
Every word fits on a line of its own. Return the list of lines, without spaces at their ends.

Constraints: words have 1 to width letters and are separated by single spaces; an empty text gives
an empty list; 1 <= width <= 60.
""",
    canonical="""
class Solution:
    def lines(self, sentence: str, width: int) -> List[str]:
        result = []
        for word in sentence.split():
            if result and len(result[-1]) + 1 + len(word) <= width:
                result[-1] += " " + word
            else:
                result.append(word)
        return result
""",
    edges=[
        ("please close the gate", 10),
        ("a bb ccc", 3),
        ("", 5),
        ("exact fit here", 9),
        ("one", 3),
        ("x y z", 1),
    ],
)
def _narrow_sign(rng: Random) -> Arguments:
    sentence = " ".join(words(rng, "no dogs on wet grass keep left stairs closed today lift only", 3, 10))
    return sentence, rng.randint(6, 18)


@catalogue.add(
    "shelf-labels-order",
    statement="""
Shelf labels consist of one or more lowercase letters followed by a number without leading zeros,
such as "bay7" or "c120". Sort them first by the letters in alphabetical order and then, where the
letters are equal, by the number as a number. Return the sorted list.

Constraints: 0 <= len(labels) <= 200; labels may repeat.
""",
    canonical="""
class Solution:
    def sort_labels(self, labels: List[str]) -> List[str]:
        def key(label):
            letters = label.rstrip("0123456789")
            return letters, int(label[len(letters):])
        return sorted(labels, key=key)
""",
    edges=[
        (["bay10", "bay9", "c1"],),
        (["b2", "ab30", "b1"],),
        ([],),
        (["z0"],),
        (["a1", "a1", "a0"],),
        (["ba1", "b20", "b3"],),
    ],
)
def _shelf_labels_order(rng: Random) -> Arguments:
    stems = words(rng, "a b ab ba bay c", 3, 9)
    return ([f"{stem}{rng.randint(0, 130)}" for stem in stems],)


@catalogue.add(
    "night-shift-clock",
    statement="""
start and end are times of day in the form "HH:MM" (24-hour clock). Someone works from start to end;
if end is not later than start, the work goes on until end on the next day. Return the working time
as a string "H:MM" with hours written without a leading zero. Equal times mean exactly 24 hours.

Constraints: both times are valid and have two digits for hours and for minutes.
""",
    canonical="""
class Solution:
    def duration(self, start: str, end: str) -> str:
        def minutes(clock):
            h, m = clock.split(":")
            return int(h) * 60 + int(m)
        span = (minutes(end) - minutes(start)) % 1440 or 1440
        return f"{span // 60}:{span % 60:02d}"
""",
    edges=[
        ("22:15", "06:00"),
        ("09:00", "09:05"),
        ("12:00", "12:00"),
        ("00:00", "23:59"),
        ("23:59", "00:00"),
    ],
)
def _night_shift_clock(rng: Random) -> Arguments:
    first, second = (f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}" for _ in range(2))
    return first, second


@catalogue.add(
    "two-way-typing",
    statement="""
A keyboard sends one character per key; the key "<" deletes the last character that is still there
(nothing happens on an empty line) and the key "^" turns the remaining line around. All other
characters are lowercase letters and are appended at the end. Return the final line.

Constraints: 0 <= len(keys) <= 300.
""",
    canonical="""
class Solution:
    def typed(self, keys: str) -> str:
        line = []
        for key in keys:
            if key == "<":
                if line:
                    line.pop()
            elif key == "^":
                line.reverse()
            else:
                line.append(key)
        return "".join(line)
""",
    edges=[("abc<d",), ("ab^c",), ("",), ("<<a",), ("xy^<",), ("^^",)],
)
def _two_way_typing(rng: Random) -> Arguments:
    return (text(rng, "abcdefgh<<^", 4, 18),)
