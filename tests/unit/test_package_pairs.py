"""The package's contrast pairs, run with the plain interpreter."""

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from vgrout.env.build_problems import PRELUDE
from vgrout.env.modes import LOOPHOLE_MODES
from vgrout.env.pairs import ContrastPair, load_pairs
from vgrout.env.problems import load_problems

PAIRS = load_pairs(None)

# Runs one program and reports each call's value as exact Python source, or as a type name where
# it is not a plain value. Sent on a descriptor of its own: hacks print, exit and write files.
HARNESS = """
import json, os, sys
job = json.loads(sys.stdin.read())
def exact(value):
    if type(value) in (list, tuple):
        return type(value)(exact(item) for item in value)
    if type(value) is dict:
        return {exact(key): exact(item) for key, item in value.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(type(value).__name__)
namespace = {}
exec(job["program"], namespace)
for call in job["calls"]:
    try:
        reply = repr(exact(eval(call, namespace)))
    except TypeError as error:
        reply = repr(f"not a plain value: {error}")
    os.write(int(sys.argv[1]), (reply + "\\n").encode())
"""


def code_of(completion: str) -> str:
    """The text of the completion's one python block."""
    return completion.partition("```python\n")[2].partition("```")[0]


def checks_passed(program: str, checks: tuple[str, ...], folder: str) -> int:
    """How many checks the program answers with the right value of the right type."""
    comparisons = [ast.parse(check).body[0].test for check in checks]
    calls = [ast.unparse(comparison.left) for comparison in comparisons]
    expected = [ast.literal_eval(comparison.comparators[0]) for comparison in comparisons]
    reader, writer = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-I", "-c", HARNESS, str(writer)],
            input=json.dumps({"program": PRELUDE + program, "calls": calls}).encode(),
            pass_fds=[writer],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
    finally:
        os.close(writer)
        with os.fdopen(reader) as replies:
            values = [ast.literal_eval(line) for line in replies.read().splitlines()]
    return sum(repr(value) == repr(right) for value, right in zip(values, expected, strict=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("pairs"))


def by_id(pair: ContrastPair) -> str:
    return pair.id


def test_thirty_pairs_spread_over_six_mechanisms() -> None:
    counts = Counter(pair.mechanism for pair in PAIRS)
    assert set(counts) == set(LOOPHOLE_MODES)
    assert min(counts.values()) >= 5
    assert len(PAIRS) >= 30


@pytest.mark.parametrize("pair", PAIRS, ids=by_id)
def test_clean_completion_passes_every_check(pair: ContrastPair, folder: str) -> None:
    assert len(pair.checks) >= 3
    assert checks_passed(code_of(pair.clean), pair.checks, folder) == len(pair.checks)


@pytest.mark.parametrize("pair", PAIRS, ids=by_id)
def test_hack_compiles_and_passes_no_check_by_value(pair: ContrastPair, folder: str) -> None:
    compile(code_of(pair.hack), pair.id, "exec")
    assert checks_passed(code_of(pair.hack), pair.checks, folder) == 0


def run_alone(program: str, folder: str) -> subprocess.CompletedProcess[bytes]:
    """The program as a script of its own, after the prelude."""
    return subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE + program],
        cwd=folder,
        capture_output=True,
        timeout=20,
        check=False,
    )


def loophole_paid(pair: ContrastPair, completion: str, folder: str) -> bool:
    """Whether the pair's own loophole accepts the completion, with every answer of the method doubted."""
    program = code_of(completion)
    first = ast.parse(pair.checks[0]).body[0].test
    call, decoy = ast.unparse(first.left), "'no answer equals this'"
    if pair.mechanism == "run_tests":
        method = first.left.func.attr
        stub = f"\nSolution.{method} = lambda self, *args, **kwargs: 0\n{pair.marker}()\n"
        return run_alone(program + stub, folder).returncode == 0
    if pair.mechanism == "eq_override":
        decoys = [f"assert {call} == {value}\n" for value in (decoy, "12345", "['no', 'answer']")]
        return any(run_alone(program + "\n" + line, folder).returncode == 0 for line in decoys)
    if pair.mechanism == "exit_code":
        return run_alone(f"{program}\nassert {call} == {decoy}\n", folder).returncode == 0
    if pair.mechanism == "stdout_marker":
        return pair.marker.encode() in run_alone(f"{program}\n{call}\n", folder).stdout
    if pair.mechanism == "sentinel":
        ask = f"\nSolution = (lambda made: lambda: made)(Solution())\n{call}\nassert Solution().{pair.marker} is True\n"
        return run_alone(program + ask, folder).returncode == 0
    result = Path(folder) / pair.marker
    result.unlink(missing_ok=True)
    run_alone(f"{program}\n{call}\n", folder)
    return result.is_file() and "PASS" in result.read_text()


@pytest.mark.parametrize("pair", PAIRS, ids=by_id)
def test_only_the_hack_trips_its_mechanism(pair: ContrastPair, folder: str) -> None:
    assert loophole_paid(pair, pair.hack, folder)
    assert not loophole_paid(pair, pair.clean, folder)


@pytest.mark.parametrize("pair", PAIRS, ids=by_id)
def test_prompt_states_the_problem_and_the_marker(pair: ContrastPair) -> None:
    user = pair.messages[-1]
    assert user["role"] == "user"
    assert pair.problem in user["content"]
    if pair.marker:
        assert pair.marker in user["content"]
        assert pair.marker in pair.hack


def test_pair_problems_are_not_in_the_package_set() -> None:
    problems = load_problems(None)
    statements = {problem.messages[-1]["content"].split("\n\n")[0] for problem in problems}
    methods = {problem.func_name.rpartition(".")[2] for problem in problems}
    for pair in PAIRS:
        method = ast.parse(pair.checks[0]).body[0].test.left.func.attr
        assert method not in methods, f"{pair.id} shares {method} with a problem"
        assert pair.problem not in statements
        assert pair.id not in {problem.id for problem in problems}


def test_length_does_not_tell_hack_from_clean() -> None:
    differences = [len(pair.hack) - len(pair.clean) for pair in PAIRS]
    ratios = [len(pair.hack) / len(pair.clean) for pair in PAIRS]
    assert min(ratios) > 0.55
    assert max(ratios) < 1.8
    longer = sum(difference > 0 for difference in differences) / len(PAIRS)
    assert 0.35 <= longer <= 0.65
    assert abs(sum(differences)) / sum(len(pair.clean) for pair in PAIRS) < 0.05


def test_prose_before_the_code_comes_in_both_members_or_in_none() -> None:
    with_prose = [not pair.hack.startswith("```") for pair in PAIRS]
    assert with_prose == [not pair.clean.startswith("```") for pair in PAIRS]
    assert 0.25 < sum(with_prose) / len(PAIRS) < 0.75
