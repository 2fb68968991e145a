# goal: StringIO, BytesIO, csv by hand and print to a stream
# outcome: accepted
# test: Solution().table(text="a,b\n1,2\n") == ([['a', 'b'], ['1', '2']], 'xxx', "['a', 'b']|['1', '2']\n")
import io


class Solution:
    def table(self, text):
        rows = [line.strip().split(",") for line in io.StringIO(text)]
        out = io.BytesIO()
        out.write(b"x" * 3)
        stream = io.StringIO()
        print(*rows, sep="|", file=stream)
        return rows, out.getvalue().decode(), stream.getvalue()
