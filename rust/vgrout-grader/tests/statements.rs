//! Tests of several statements: what the child may be handed, and what would tell it the expected value.

use vgrout_grader::assertion::parse_test;

/// Tests of several statements whose values leave the child before they are judged.
const JUDGED_OUTSIDE: &[&str] = &[
    "values = [3, 1, 2]\nSolution().arrange(values)\nassert values == [1, 2, 3]",
    "values = [3, 1, 2]\nk = Solution().f(values)\nassert k == 2\nassert values[:k] == [1, 3]",
    "values = [3, 1, 2]\nk = Solution().f(values)\nassert sorted(values[:k]) == [1, 3]",
    "values = [3, 1, 2]\nSolution().arrange(values)\nassert values[0] == 1\nassert len(values) == 3",
    "root = tree_node([1, 2])\nSolution().f(root)\nassert root.left.val == 5",
    "s = Solution()\ndata = [1, 2]\ns.f(data, 3)\ns.f(data, 4)\nassert data == [5]",
    "s = Stack()\nfor i in range(3): s.push(i)\nfor i in range(2): s.push(i)\nassert s.pop() == 1",
    "s = Stack()\ns.push(1)\ns.push(2)\nassert s.pop() == 2\nassert s.pop() == 1",
    "cache = LRUCache(capacity=2); cache.put(1, 1); assert cache.get(1) == 1",
    "s = Solution()\nassert s.f(1) == 2",
    "x = Solution().f(1)\nassert x == 5 and len(x) == 2",
    "x, y = Solution().f(1)\nassert x == 5\nassert y == 6",
    "root = tree_node([1, 2])\nroot.left = TreeNode(5)\nout = Solution().f(root)\nassert is_same_tree(out, tree_node([1]))",
    "head = ListNode(1, ListNode(2))\nSolution().f(head)\nassert is_same_list(head, list_node([2]))",
    "codec = Codec()\nassert codec.decode(codec.encode('abc')) == 'abc'",
    "results = [rs.next() for rs in []] \nassert Solution().f(results) == 1",
    "rs = RecentCounter()\nresults = [rs.ping(t) for t in [1, 100]]\nassert results == [1, 2]",
    "it = NestedIterator([1, [2]])\nout = []\nwhile it.hasNext():\n    out.append(it.next())\nassert out == [1, 2]",
    "s = Stack()\nfor i in range(3):\n    s.push(i)\nassert s.pop() == 2",
    "def isBadVersion(v):\n    return v in (4, 5)\nassert Solution().f(5) == 4",
    "nums = [x * x for x in range(9) if x != 3]\nassert Solution().f(nums) == 4",
    "import random\nrandom.seed(3)\nn = random.randint(1, 9)\nassert Solution().f(n) == 4",
    "out = sorted(Solution().f(1))\nassert out == [1, 2]",
    "assert Solution().f(1)[0] == 1",
    "assert Solution().f(1).val == 1",
    "assert Solution().f(1).next.val == 1",
    "assert list(Solution().f(1)) == [1]",
    "it = Solution().f(1)\nassert list(it) == [2]",
    "assert product_of([1, 2]) == 2",
    "import re\npattern = re.compile('a+')\nassert Solution().f(pattern.pattern) == 1",
    "for i in range(3): print(f'{i}')\nassert Solution().f(1) == 1",
    "@functools.cache\ndef guess(n):\n    return -1 if n > 6 else int(n < 6)\nassert Solution().f(9) == 6",
    "b = Builder()\nb.add(1).done()\nassert b.size == 1",
];

/// Tests in which the child would decide, or be told what is expected.
const TOLD_INSIDE: &[&str] = &[
    "r = [Solution().f(1) == 5]\nassert r == [True]",
    "n = sum(Solution().f(x) == y for x, y in [(1, 5)])\nassert n == 1",
    "out = int(Solution().f(1) == 5)\nassert out == 1",
    "r = 'ok' if Solution().f(1) == 5 else 'bad'\nassert r == 'ok'",
    "r = {'a': Solution().f(1) == 5}\nassert r == {'a': True}",
    "out = Solution().f(1)\nassert check(out, 5)",
    "out = Solution().f(1)\nassert check(out, 5) == True",
    "ok = check(Solution().f(1), 5)\nassert ok",
    "x = Solution().f(1)\nok = operator.eq(x, 5)\nassert ok",
    "x = Solution().f(1)\nok = eq(x, 5)\nassert ok",
    "x = y = Solution().f(1)\nok = not x\nassert ok",
    "x, y = Solution().f(1)\nd = y - 5\nassert d == 0",
    "out = Solution().f(1)\nr = f'{out == 5}'\nassert r == 'True'",
    "out = Solution().f(1)\nr = {5: True}.get(out)\nassert r",
    "out = Solution().f(1)\nr = [False, True][out]\nassert r",
    "known = [False, True]\nout = Solution().f(1)\nr = known[out]\nassert r",
    "known = {5}\nr = known & Solution().f(1)\nassert r == {5}",
    "def ok():\n    return Solution().f(1) == 5\nassert ok()",
    "out = Solution().f(1)\ndef ok():\n    return out == 5\nassert ok() == 1",
    "class Judge:\n    def eq(self, x):\n        return x == 5\nassert Judge().eq(Solution().f(1))",
    "judge = lambda x: x == 5\nr = judge(Solution().f(1))\nassert r",
    "out = Solution().f(1)\nif out == 5:\n    r = 1\nassert r == 1",
    "out = Solution().f(1)\nr = 1\nif out: r = 2\nassert r == 2",
    "r = 0\nfor x in [5]:\n    r += Solution().f(1) == x\nassert r == 1",
    "for x in Solution().f(1):\n    print(x == 5)\nassert x == 5",
    "with Solution().f(1) as x: pass\nassert x.eq(5)",
    "out = Solution().f(1)\nwhile out != 5: break\nassert out",
    "out = []\nout.append(Solution().f(1) == 5)\nassert out == [True]",
    "r = [x == 5 for x in Solution().f(1)]\nassert r == [True]",
    "r = (x := Solution().f(1)) == 5\nassert r",
    "box = Box()\nbox.ok = Solution().f(1) == 5\nassert box.ok",
    "r = min(Solution().f(1), 5)\nassert r == 5",
    "s = Stack()\nr = s.eq(s.pop(), 5)\nassert r",
    "def ok(): return Solution().f(1) == 5\nassert ok()",
    "class Judge: ok = Solution().f(1) == 5\nr = Judge.ok\nassert r",
    "def ok(x=Solution().f(1)):\n    return x == 5\nr = ok()\nassert r",
    "exec('r = Solution().f(1) == 5')\nassert r",
    "r = eval('Solution().f(1) == 5')\nassert r",
    "import builtins\nr = builtins.eval('Solution().f(1) == 5')\nassert r",
    "r = f'{g(1) == 5}'\nassert r == 'True'",
    "r = [*Solution().f(1), 5]\nassert r",
    "r = Solution().f(1) or 5\nassert r == 5",
    "r = map(lambda x: x == 5, Solution().f(1))\nassert list(r) == [True]",
    "r = sorted(Solution().f(1), key=lambda x: x == 5)\nassert r == [5]",
    "g = lambda x=Solution().f(1): x == 5\nassert g()",
    "(y := Solution().f(1))\nr = y == 5\nassert r",
    "match Solution().f(1):\n    case 5: r = 1\nassert r == 1",
    "r = ', '.join(Solution().f(1))\nassert r == 'a, b'",
    "assert Solution().f(1).__eq__(5)",
    // What was handed to the answer may hold objects of the answer's afterwards.
    "values = [3, 1]\nSolution().arrange(values)\nok = values == [1, 3]\nassert ok",
    "values = [3, 1]\nSolution().arrange(values)\nok = values[0] == 1\nassert ok",
    "values = [3, 1]\nSolution().arrange(values)\nn = values.count(1)\nassert n == 1",
    "values = [3, 1]\nSolution().arrange(values)\nok = 1 in values\nassert ok",
    "values = [3, 1]\nSolution().arrange(values)\nr = f'{values == [1, 3]}'\nassert r == 'True'",
    "root = tree_node([1])\nSolution().f(root)\nok = is_same_tree(root, tree_node([2]))\nassert ok",
    "assert Solution().f.__eq__(5)",
    "r = Solution().f(1).eq(5)\nassert r",
    "r = VALUE == 5\nassert r",
    "assert Solution().f(1).startswith('abc')",
    "assert Solution().f(1).count(4) == 1",
    "assert Solution().f(1).issubset({4, 5})",
    "assert Solution().f(1)[Solution().g(2)] == 1",
];

#[test]
fn tests_of_several_statements_are_judged_outside() {
    for text in JUDGED_OUTSIDE {
        parse_test(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn tests_that_tell_the_child_what_is_expected_are_refused() {
    for text in TOLD_INSIDE {
        assert!(parse_test(text).is_err(), "accepted: {text}");
    }
}
