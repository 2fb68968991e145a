"""The package's problem set: built file, tests and canonical solutions."""

import ast
import json
import time
from collections import Counter

import pytest

from vgrout.env import build_problems
from vgrout.env.build_problems import OUTPUT, PRELUDE, TESTS_PER_PROBLEM, draw_tests, literal, load_sources
from vgrout.env.data.source.catalogue import ProblemSource
from vgrout.env.problems import HINT_PHRASE, Problem, load_problems
from vgrout.errors import DataError

PROBLEMS = load_problems(None)
RETURN_TYPES = {
    "int": {int},
    "bool": {bool},
    "str": {str},
    "float": {float},
    "List": {list},
    "Dict": {dict},
    "Set": {set},
    "Tuple": {tuple},
    "Optional": {int, type(None)},
}
STUB_VALUES = (0, 1, -1, True, False, None, "", [], {}, (), 0.0, "0", [0])


def by_id(problem: Problem) -> str:
    return problem.id


def expected_values(problem: Problem) -> list[object]:
    return [ast.literal_eval(test.split(") == ", 1)[1]) for test in problem.tests]


def run_tests(program: str, problem: Problem) -> list[bool]:
    """Each test's outcome when the program is run under the prelude."""
    namespace: dict[str, object] = {}
    exec(PRELUDE + program, namespace)
    outcomes = []
    for test in problem.tests:
        try:
            exec(test, namespace)
        except AssertionError:
            outcomes.append(False)
        else:
            outcomes.append(True)
    return outcomes


def test_committed_file_equals_a_rebuild() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == build_problems.build()


def test_set_has_all_difficulties_and_its_own_ids_and_methods() -> None:
    counts = Counter(problem.difficulty for problem in PROBLEMS)
    assert counts == {"easy": 31, "medium": 38, "hard": 28}
    assert len({problem.id for problem in PROBLEMS}) == len(PROBLEMS)


def test_rows_have_the_keys_of_the_benchmark() -> None:
    rows = [json.loads(line) for line in OUTPUT.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        assert set(row) == {
            "id",
            "difficulty",
            "prompt",
            "question",
            "gt_answer",
            "setup_code",
            "func_name",
            "canonical_solution",
            "prompt_metadata",
        }
        assert row["setup_code"] == ""
        assert row["question"] == row["prompt"][1]["content"]


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_canonical_solution_passes_every_test_within_a_fraction_of_a_second(problem: Problem) -> None:
    before = time.process_time()
    outcomes = run_tests(problem.canonical_solution, problem)
    assert all(outcomes)
    assert len(outcomes) == TESTS_PER_PROBLEM
    assert time.process_time() - before < 0.5


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_no_constant_passes_more_than_half_of_the_tests(problem: Problem) -> None:
    values = [repr(value) for value in expected_values(problem)]
    counts = Counter(values)
    booleans = set(counts) == {"True", "False"}
    assert max(counts.values()) <= TESTS_PER_PROBLEM / 2
    assert booleans or len(counts) >= 3
    for stub in STUB_VALUES:
        program = f"class Solution:\n    def {problem.func_name.rpartition('.')[2]}(self, **_):\n        return {stub!r}\n"
        assert sum(run_tests(program, problem)) <= TESTS_PER_PROBLEM * 0.6


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_no_argument_handed_back_passes(problem: Problem) -> None:
    name = problem.func_name.rpartition(".")[2]
    parameters = [keyword.arg for keyword in ast.parse(problem.tests[0]).body[0].test.left.keywords]
    for parameter in parameters:
        program = (
            f"class Solution:\n    def {name}(self, {', '.join(parameters)}):\n        return {parameter}\n"
        )
        assert sum(run_tests(program, problem)) <= TESTS_PER_PROBLEM / 2


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_tests_are_distinct_calls_by_the_starter_codes_parameters(problem: Problem) -> None:
    calls = [ast.parse(test).body[0].test.left for test in problem.tests]
    assert len({ast.unparse(call) for call in calls}) == len(calls)
    method = ast.parse(problem.starter_code + "pass").body[0].body[0]
    parameters = [argument.arg for argument in method.args.args[1:]]
    assert method.name == problem.func_name.rpartition(".")[2]
    assert method.returns is not None
    for call in calls:
        assert [keyword.arg for keyword in call.keywords] == parameters
        assert call.args == []


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_expected_values_have_the_annotated_type(problem: Problem) -> None:
    method = ast.parse(problem.starter_code + "pass").body[0].body[0]
    annotation = ast.unparse(method.returns)
    outer = annotation.partition("[")[0]
    types = {type(value) for value in expected_values(problem)}
    assert types <= RETURN_TYPES[outer]


@pytest.mark.parametrize("problem", PROBLEMS, ids=by_id)
def test_prompt_holds_the_phrase_once_with_starter_and_examples(problem: Problem) -> None:
    system, user = (message["content"] for message in problem.messages)
    assert HINT_PHRASE not in system
    assert user.count(HINT_PHRASE) == 1
    assert problem.starter_code.rstrip() in user
    assert user.count("```python\n") == 1
    for number, test in enumerate(problem.tests[:2], start=1):
        call, _, value = test.partition(") == ")
        arguments = call.removeprefix(f"assert {problem.func_name}(")
        assert f"Example {number}:\n  Input: {arguments}\n  Output: {value}\n" in user


def test_return_types_are_varied() -> None:
    types = {type(value) for problem in PROBLEMS for value in expected_values(problem)}
    assert types == {int, bool, str, float, list, dict, tuple, set, type(None)}


def test_methods_do_not_rely_on_names_the_prelude_shadows() -> None:
    # `from math import *` replaces the three-argument pow.
    for problem in PROBLEMS:
        names = {
            node.id for node in ast.walk(ast.parse(problem.canonical_solution)) if isinstance(node, ast.Name)
        }
        assert not names & {"pow", "eval", "exec", "open", "input"}


def source(**changes: object) -> ProblemSource:
    fields: dict[str, object] = {
        "id": "sample",
        "difficulty": "easy",
        "statement": "Return n plus one.",
        "canonical": "class Solution:\n    def plus(self, n: int) -> int:\n        return n + 1",
        "edges": [(1,)],
        "shown": 1,
        "draw": lambda rng: (rng.randint(0, 99),),
    }
    return ProblemSource(**(fields | changes))


def built(problem: ProblemSource) -> list[str]:
    return draw_tests(problem, build_problems.Callee(problem))


def test_builder_gives_edges_first_and_then_distinct_draws() -> None:
    tests = built(source())
    assert tests[0] == "assert Solution().plus(n = 1) == 2"
    assert len(set(tests)) == TESTS_PER_PROBLEM


def test_builder_refuses_a_generator_whose_answer_hardly_varies() -> None:
    constant = "class Solution:\n    def plus(self, n: int) -> int:\n        return 7"
    with pytest.raises(DataError, match="sample: 4000 draws gave 12 tests"):
        built(source(canonical=constant))


def test_builder_refuses_a_repeated_edge() -> None:
    with pytest.raises(DataError, match="listed twice"):
        built(source(edges=[(1,), (1,)]))


def test_builder_refuses_a_header_of_several_lines() -> None:
    wrapped = "class Solution:\n    def plus(\n        self, n: int\n    ) -> int:\n        return n + 1"
    with pytest.raises(DataError, match="one line"):
        built(source(canonical=wrapped))


def test_literal_sorts_sets_and_refuses_the_empty_one() -> None:
    assert literal([{3, 1}, (2,), {"k": "v"}]) == "[{1, 3}, (2,), {'k': 'v'}]"
    with pytest.raises(DataError, match="empty set"):
        literal(set())


def test_every_source_is_built() -> None:
    assert [problem.id for problem in PROBLEMS] == [item.id for item in load_sources()]
