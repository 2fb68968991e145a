"""Easy problems on strings."""

from random import Random

from vgrout.env.data.source.catalogue import Arguments, Catalogue, text, words

catalogue = Catalogue("easy")


@catalogue.add(
    "reverse-text",
    statement="""
Return the string s reversed. The string may be empty.
""",
    canonical="""
class Solution:
    def reverse(self, s: str) -> str:
        return s[::-1]
""",
    edges=[("lamp",), ("ab c",), ("",), ("x",), ("noon",)],
)
def _reverse_text(rng: Random) -> Arguments:
    return (text(rng, "abcdefgh xyz", 1, 12),)


@catalogue.add(
    "count-vowels",
    statement="""
Return how many characters of s are vowels. The vowels are a, e, i, o and u.
The string s has only lowercase letters and spaces and may be empty.
""",
    canonical="""
class Solution:
    def count_vowels(self, s: str) -> int:
        return sum(1 for c in s if c in "aeiou")
""",
    edges=[("banana",), ("sky",), ("",), ("aeiou",), ("a big oak tree",)],
)
def _count_vowels(rng: Random) -> Arguments:
    return (text(rng, "abcdeiou rst", 1, 24),)


@catalogue.add(
    "shout",
    statement="""
Return the text s in capital letters with one exclamation mark added at the end.
""",
    canonical="""
class Solution:
    def shout(self, s: str) -> str:
        return s.upper() + "!"
""",
    edges=[("hello",), ("Stop now",), ("",), ("WOW",), ("why?",)],
)
def _shout(rng: Random) -> Arguments:
    return (" ".join(words(rng, "go left Right stop wait NOW jump high slowly run", 1, 4)),)


@catalogue.add(
    "count-words",
    statement="""
Return the number of words in the text s. Words are separated by one or more spaces.
There may also be spaces at the beginning and at the end, and the text may be empty.
""",
    canonical="""
class Solution:
    def count_words(self, s: str) -> int:
        return len(s.split())
""",
    edges=[("the red boat",), ("  two   words ",), ("",), ("   ",), ("one",)],
)
def _count_words(rng: Random) -> Arguments:
    parts = words(rng, "sun moon rain wind snow ice fog hail", 1, 12)
    return ("".join(part + " " * rng.randint(1, 3) for part in parts),)


@catalogue.add(
    "same-both-ways",
    statement="""
Return True if the word reads the same from left to right and from right to left,
otherwise return False. The word is not empty.
""",
    canonical="""
class Solution:
    def is_mirror(self, word: str) -> bool:
        return word == word[::-1]
""",
    edges=[("level",), ("river",), ("a",), ("ab",), ("abba",), ("abca",)],
)
def _same_both_ways(rng: Random) -> Arguments:
    half = text(rng, "abc", 1, 5)
    if rng.random() < 0.5:
        return (half + text(rng, "abc", 0, 1) + half[::-1],)
    return (half + text(rng, "abcd", 1, 5),)


@catalogue.add(
    "letter-occurrences",
    statement="""
Return how often the character letter occurs in the string s.
letter is always a single character.
""",
    canonical="""
class Solution:
    def occurrences(self, s: str, letter: str) -> int:
        return s.count(letter)
""",
    edges=[("pepper", "p"), ("tulip", "z"), ("", "a"), ("aaaa", "a"), ("a b c", " ")],
)
def _letter_occurrences(rng: Random) -> Arguments:
    return text(rng, "abcd", 3, 25), rng.choice("abcd")


@catalogue.add(
    "letter-table",
    statement="""
Return a dictionary that maps each character of s to the number of times it occurs in s.
An empty string gives an empty dictionary.
""",
    canonical="""
class Solution:
    def letter_table(self, s: str) -> Dict[str, int]:
        table = {}
        for c in s:
            table[c] = table.get(c, 0) + 1
        return table
""",
    edges=[("cocoa",), ("a",), ("",), ("zzzz",), ("a a",)],
)
def _letter_table(rng: Random) -> Arguments:
    return (text(rng, "abcdef", 2, 15),)


@catalogue.add(
    "hyphen-chain",
    statement="""
Return one string in which word occurs times times, with a hyphen between neighbours.
Constraint: times >= 1.
""",
    canonical="""
class Solution:
    def chain(self, word: str, times: int) -> str:
        return "-".join([word] * times)
""",
    edges=[("ha", 3), ("tick", 1), ("a", 2), ("", 3), ("x-y", 2)],
)
def _hyphen_chain(rng: Random) -> Arguments:
    return rng.choice(["la", "na", "tick", "boom", "zip"]), rng.randint(1, 7)


@catalogue.add(
    "first-and-last",
    statement="""
Return a string made of the first and the last character of the word.
A word of one letter gives that letter twice. The word is never empty.
""",
    canonical="""
class Solution:
    def ends(self, word: str) -> str:
        return word[0] + word[-1]
""",
    edges=[("castle",), ("x",), ("on",), ("anna",), ("Zebra",)],
)
def _first_and_last(rng: Random) -> Arguments:
    return (text(rng, "abcdefghijklm", 1, 9),)
