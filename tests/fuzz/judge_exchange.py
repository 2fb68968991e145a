"""Fuzz target: whatever messages an answer's child sends, the judge runs none of it and holds no test for it.

`just fuzz` drives it by coverage (libFuzzer through atheris), with libFuzzer's own options behind it;
`tests/unit/test_fuzz_targets.py` feeds it random bytes, so that it cannot rot.
"""

import operator
import sys
import types
from pathlib import Path

GRADER = Path(__file__).parents[2] / "rust" / "vgrout-grader" / "src"
PARTS = (
    "runner",
    "runner_library",
    "runner_streams",
    "runner_files",
    "runner_stub",
    "runner_classes",
    "runner_values",
    "runner_shared",
    "runner_operators",
    "runner_answer",
    "runner_guard",
    "runner_proxy",
    "runner_raised",
    "runner_callable",
    "runner_identity",
    "runner_judge",
)
KINDS = [
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "bytes",
    "array",
    "bytearray",
    "complex",
    "range",
    "slice",
    "deque",
    "defaultdict",
    "OrderedDict",
    "Counter",
    "keys",
    "values",
    "items",
    "iterator",
    "scalar",
    "library",
    "name",
    "record",
    "member",
    "object",
    "handle",
    "function",
    "exception",
    "?",
]
OPERATIONS = ("value", "raise", "bad", "back", "names", "ended", "?")
NAMES = [
    "P",
    "R",
    "Colour",
    "Stop",
    "f",
    "g",
    "Fraction",
    "Decimal",
    "date",
    "datetime",
    "time",
    "timedelta",
    "int",
    "str.join",
    "operator.add",
    "ValueError",
    "SystemExit",
    "StopIteration",
    "unittest.case:SkipTest",
    "os:system",
    "__class__",
    "__dict__",
    "x",
    "a",
    "RED",
    "e1",
]
SETUP = """
import enum, typing
class P:
    def __init__(self, x):
        self.x = x
class R(typing.NamedTuple):
    a: object
class Colour(enum.Enum):
    RED = 1
class Stop(Exception):
    pass
"""
TESTS = (
    "given = [P(1), R(2), {3: Colour.RED}]\nassert f(given, key={4}) == SECRET or given == SECRET",
    "try:\n    found = f(lambda x: x)\nexcept Exception as error:\n    found = error\nassert found == SECRET",
    "def check(candidate):\n    tree = candidate()\n    assert tree.left(1)[2] == SECRET\ncheck(f)",
)
# What only code makes happen: the answer's message must not.
FORBIDDEN = (
    "exec",
    "compile",
    "open",
    "import",
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "pickle.",
    "marshal.",
)


class Source:
    """Reads choices off bytes; zeros where they have ended."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def one_of(self, choices: object) -> object:
        return choices[self.byte() % len(choices)]

    def scalar(self) -> object:
        kind = self.byte() % 8
        if kind < 2:
            return self.one_of(NAMES)
        if kind == 2:
            return bytes(self.byte() for _ in range(self.byte() % 12)).decode("latin-1")
        return (None, True, self.byte() - 128, self.byte() / 7, 10**30)[kind - 3]

    def item(self) -> object:
        return (self.byte() % 12 - 1,) if self.byte() % 2 else self.scalar()

    def items(self) -> object:
        return [self.item() for _ in range(self.byte() % 7)] if self.byte() % 8 else self.scalar()

    def table(self) -> dict:
        return {self.byte() % 12 - 1: (self.one_of(KINDS), self.items()) for _ in range(self.byte() % 6)}


class Answer:
    """The judge's link, with a hostile answer at its other end."""

    def __init__(self, source: Source, watch: "Watch") -> None:
        self.source, self.watch, self.ticket, self.messages = source, watch, None, 0

    def send(self, message: tuple) -> bool:
        if len(message) > 1 and message[0] not in ("value", "raise"):
            self.ticket = message[1]
        return True

    def are_same(self, one: tuple, other: tuple) -> bool:
        return len(one) == len(other) and all(map(operator.is_, one, other))

    def receive(self, _most: int = 0) -> object:
        self.watch.armed = True
        self.messages += 1
        if self.messages > 8:
            return None
        source = self.source
        shape = source.byte() % 16
        if shape == 0:
            return source.items()
        ticket = source.scalar() if shape == 1 else self.ticket
        operation = source.one_of(OPERATIONS)
        if operation == "back":
            return (operation, source.table(), source.item(), source.items(), source.items())
        if operation == "raise" and source.byte() % 8:
            lineage = [
                source.one_of(NAMES),
                *(source.one_of(NAMES) if place % 2 == 0 else place for place in range(source.byte() % 5)),
            ]
            item = [
                lineage,
                source.items(),
                source.items(),
                source.scalar(),
                self.source.item() if source.byte() % 4 == 0 else None,
            ]
        else:
            item = source.items() if source.byte() % 2 else source.item()
        return (operation, ticket, source.table(), item)


class Watch:
    """Raises where a message has made code run."""

    armed = False

    def __call__(self, event: str, _arguments: object) -> None:
        if self.armed and event.startswith(FORBIDDEN):
            self.armed = False
            raise SystemError(f"a message caused {event}")


def load() -> tuple[types.ModuleType, types.CodeType]:
    """The runner as the children run it, and the setup code."""
    text = "\n\n".join((GRADER / f"{part}.py").read_text() for part in PARTS)
    runner = types.ModuleType("runner")
    exec(compile(text, "<vgrout>", "exec"), runner.__dict__)
    return runner, compile(SETUP, "<setup>", "exec")


class Target:
    """One input is one rollout's judge."""

    def __init__(self) -> None:
        self.runner, self.setup = load()
        self.watch = Watch()
        sys.addaudithook(self.watch)
        self.held = self.judged = 0

    def __call__(self, data: bytes) -> None:
        source = Source(data)
        module = types.ModuleType("__main__")
        exec(self.setup, module.__dict__)
        module.__dict__["SECRET"] = object()
        before = sys.modules["__main__"]
        guard = self.runner.Guard()
        judge = self.runner.Judge(Answer(source, self.watch), module.__dict__, "f", "", "f", guard)
        judge.names = frozenset({"g"})
        try:
            verdict, _, text = judge.judge(0, source.one_of(TESTS))
        except self.runner.Gone:
            return
        finally:
            self.watch.armed = False
            sys.modules["__main__"] = before
        self.judged += 1
        if verdict == self.runner.HELD or "a message caused" in text:
            raise AssertionError(f"{verdict}: {text}")


def main() -> None:
    import atheris

    target = Target()
    atheris.instrument_all()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
