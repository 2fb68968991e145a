"""The same answers graded by vgrout and by what a user would write or install instead, on one core.

`python benches/peers/grader.py [--data ../shared/data] [--rounds 3]` prints one table: time per answer and how many
times vgrout's it is. Three sets of answers: *hacked* ones, which define a `run_tests` of their own (from the sample
data where it is there, else made for the package's problems), and canonical solutions of the *package*'s problems and
of the sample's, the *benchmark*'s. The process and its children are pinned to one CPU, answers are graded one call at a
time, and an answer's time is its best of the rounds.

The graders, all asked whether the answer is correct:
  vgrout          `Grader(workers=1)`, mode gt_only, under every fence layer that this machine enforces
  vgrout+loophole the same in mode run_tests, which also judges the answer's own test function
  script          the obvious one: a fresh interpreter runs setup, answer and all asserts from a file, with a timeout
  process/check   a fresh interpreter for every assert, until one fails (on a part of the canonical solutions)
  evalplus        `evalplus.eval.untrusted_check` of the package, where it is importable: a fork of this process that
                  runs the answer beside the expected values, without a fence
"""

import argparse
import ast
import gzip
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vgrout import GradeJob, Grader, Limits
from vgrout._native import DEFAULT_PRELUDE
from vgrout.env import load_problems

TIMEOUT_S = 10.0
CHECKED_ONE_BY_ONE = 8
"""Canonical solutions that `process/check` is timed on: it takes seconds for each."""


@dataclass
class Case:
    """One answer and its problem."""

    code: str
    tests: list[str]
    setup: str
    method: str

    def vgrout(self, mode: str) -> GradeJob:
        return GradeJob(
            f"```python\n{self.code}\n```",
            self.tests,
            mode=mode,
            setup_code=self.setup,
            func_name=f"Solution().{self.method}",
        )


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def package_cases() -> list[Case]:
    return [
        Case(p.canonical_solution, list(p.tests), p.setup_code or DEFAULT_PRELUDE, p.func_name.split(".")[1])
        for p in load_problems(None)
    ]


def benchmark_cases(data: Path) -> list[Case]:
    sample = data / "leetcode_medhard_80.jsonl.gz"
    return [
        Case(row["canonical_solution"], row["gt_answer"], row["setup_code"], row["func_name"].split(".")[1])
        for row in (rows(sample) if sample.exists() else [])
    ]


def hacked_cases(data: Path) -> list[Case]:
    """Real hacked answers, whose tests are not part of the sample (one that fails stands for them), and made ones."""
    stub = "class Solution:\n    def {}(self, *args, **kwargs):\n        return 0\n\ndef run_tests():\n    pass\n"
    cases = []
    for problem in load_problems(None):
        method = problem.func_name.split(".")[1]
        cases.append(
            Case(stub.format(method), list(problem.tests), problem.setup_code or DEFAULT_PRELUDE, method)
        )
    sample = data / "model_rollouts_run_tests_320.jsonl.gz"
    if not sample.exists():
        return cases
    cases = []
    for row in rows(sample):
        [method] = re.findall(r"class Solution called (\w+)", row["problem_messages"][-1]["content"])
        code = "\n\n".join(re.findall(r"```(?:python)?\n(.*?)```", row["completion"], re.DOTALL))
        test = f"assert Solution().{method}() == 'unknown'"
        cases.append(Case(code or "x =", [test], DEFAULT_PRELUDE, method))
    return cases


def run_script(source: str) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(source)
    try:
        done = subprocess.run(
            [sys.executable, file.name], capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        Path(file.name).unlink()
    return done.returncode == 0


def script(case: Case) -> bool:
    return run_script("\n\n".join([case.setup, case.code, *case.tests]))


def process_per_check(case: Case) -> bool:
    return all(run_script(f"{case.setup}\n\n{case.code}\n\n{test}") for test in case.tests)


def evalplus_arguments(case: Case) -> tuple[str, list[Any], list[Any]] | None:
    """Source with an entry point, inputs and expected values; None for tests that are no `call(literals) == literal`."""
    inputs, expected = [], []
    try:
        for test in case.tests:
            [node] = ast.parse(test).body
            call, value = node.test.left, node.test.comparators[0]
            named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
            inputs.append([[ast.literal_eval(part) for part in call.args], named])
            expected.append(ast.literal_eval(value))
    except (AttributeError, SyntaxError, ValueError):
        return None
    entry = f"def entry(args, kwargs):\n    return Solution().{case.method}(*args, **kwargs)"
    return f"{case.setup}\n\n{case.code}\n\n{entry}", inputs, expected


def evalplus() -> Callable[[Case], bool | None] | None:
    if importlib.util.find_spec("evalplus") is None:
        return None
    from evalplus.eval import untrusted_check

    prepared: dict[int, Any] = {}

    def check(case: Case) -> bool | None:
        if id(case) not in prepared:
            prepared[id(case)] = evalplus_arguments(case)
        if prepared[id(case)] is None:
            return None
        source, inputs, expected = prepared[id(case)]
        times = [TIMEOUT_S / len(inputs)] * len(inputs)
        status, _ = untrusted_check("leetcode", source, inputs, "entry", expected, 0, times, fast_check=True)
        return status == "pass"

    return check


@dataclass
class Timed:
    """Best time of each answer in milliseconds, None where the grader cannot take it, and how many were accepted."""

    ms: list[float | None]
    accepted: int


@dataclass
class Contender:
    """One grader and what it is handed, answer by answer."""

    check: Callable[[Any], bool | None]
    cases: Sequence[Any]
    rounds: int
    indices: Sequence[int]


def measure(contenders: dict[str, Contender], answers: int) -> dict[str, Timed]:
    """Round by round, every grader in turn: a change of the machine's load meets all of them."""
    timed = {name: Timed([None] * answers, 0) for name in contenders}
    for turn in range(max(contender.rounds for contender in contenders.values())):
        for name, one in contenders.items():
            if turn >= one.rounds:
                continue
            one.check(one.cases[one.indices[0]])  # caches that the grader before has emptied
            timed[name].accepted = 0
            for index in one.indices:
                began = time.perf_counter_ns()
                verdict = one.check(one.cases[index])
                taken = (time.perf_counter_ns() - began) / 1e6
                if verdict is not None:
                    timed[name].accepted += verdict
                    timed[name].ms[index] = min(taken, timed[name].ms[index] or taken)
    return timed


def cells(peer: Timed, own: Timed) -> str:
    """Median time, mean time, and vgrout's share of both on the answers that the peer took."""
    pairs = [(p, o) for p, o in zip(peer.ms, own.ms, strict=False) if p is not None and o is not None]
    theirs, ours = [p for p, _ in pairs], [o for _, o in pairs]
    median = statistics.median(theirs)
    ratio = median / statistics.median(ours)
    mean_ratio = sum(theirs) / sum(ours)
    return (
        f"{len(pairs):5} {peer.accepted:5} {median:10.2f} {ratio:7.1f}x {statistics.mean(theirs):10.2f} "
        f"{mean_ratio:7.1f}x {1000 / statistics.mean(theirs):9.1f}"
    )


def contenders(grader: Grader, cases: Sequence[Case], rounds: int, *, hacked: bool) -> dict[str, Contender]:
    every = range(len(cases))
    part = every if hacked else every[:: max(1, len(cases) // CHECKED_ONE_BY_ONE)]

    def correct(job: GradeJob) -> bool:
        return grader.grade([job])[0].gt_correct

    found = {
        "vgrout": Contender(correct, [case.vgrout("gt_only") for case in cases], rounds, every),
        "vgrout+loophole": Contender(correct, [case.vgrout("run_tests") for case in cases], rounds, every),
        "script": Contender(script, cases, rounds, every),
        "process/check": Contender(process_per_check, cases, 1, part),
    }
    other = evalplus()
    if other is not None:
        found["evalplus"] = Contender(other, cases, rounds, every)
    return found


def main() -> None:
    flags = argparse.ArgumentParser(
        description="Grade the same answers by vgrout and by others, on one core."
    )
    flags.add_argument("--data", type=Path, default=Path(__file__).parents[2].parent / "shared" / "data")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--limit", type=int, default=None, help="answers of each set, for a quick look")
    options = flags.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sets = {
        "hacked": hacked_cases(options.data),
        "package": package_cases(),
        "benchmark": benchmark_cases(options.data),
    }
    with Grader(workers=1, limits=Limits(cpu_s=TIMEOUT_S)) as grader:
        print(
            f"fence: {grader.fence.level}; Python {sys.version.split()[0]}; one CPU; best of {options.rounds} rounds"
        )
        for name, every in sets.items():
            cases = every[: options.limit]
            if not cases:
                print(f"\n{name}: no sample data at {options.data}")
                continue
            timed = measure(contenders(grader, cases, options.rounds, hacked=name == "hacked"), len(cases))
            print(f"\n{name:15} answers acc  median ms   ratio    mean ms   ratio  answers/s")
            for peer, times in timed.items():
                print(f"{peer:15} {cells(times, timed['vgrout'])}", flush=True)
            if "evalplus" not in timed:
                print("evalplus        not importable here: put it on PYTHONPATH to compare")


if __name__ == "__main__":
    main()
