# goal: string constants, translate, Template, textwrap, format and unicodedata
# outcome: accepted
# test: Solution().work(text="Hello, World!") == ['uryyb, jbeyq!', '1-2', 'one two\nthree\nfour', '    3.14|0xff|   mid   |1,000,000', True, ['hello', 'world!']]
import string
import textwrap
import unicodedata


class Solution:
    def work(self, text):
        shift = str.maketrans(
            string.ascii_lowercase, string.ascii_lowercase[13:] + string.ascii_lowercase[:13]
        )
        return [
            text.lower().translate(shift),
            string.Template("$a-$b").substitute(a=1, b=2),
            textwrap.fill("one two three four", 9),
            f"{3.14159:8.2f}|{255:#x}|{'mid':^9}|{10**6:,}",
            unicodedata.normalize("NFD", "é") == "e\u0301",
            text.casefold().split(", "),
        ]
