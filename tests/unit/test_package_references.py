"""The expected values of the package's tests, against second solutions by other methods."""

import ast

import pytest
from package_references import REFERENCES, SKIP

from vgrout.env.problems import Problem, load_problems

PROBLEMS = {problem.id: problem for problem in load_problems(None)}


def test_every_hard_problem_has_a_reference() -> None:
    assert {problem.id for problem in PROBLEMS.values() if problem.difficulty == "hard"} <= set(REFERENCES)


@pytest.mark.parametrize("problem", [PROBLEMS[name] for name in REFERENCES], ids=lambda problem: problem.id)
def test_expected_values_agree_with_the_reference(problem: Problem) -> None:
    checked = 0
    for test in problem.tests:
        comparison = ast.parse(test).body[0].test
        arguments = {word.arg: ast.literal_eval(word.value) for word in comparison.left.keywords}
        found = REFERENCES[problem.id](**arguments)
        if found is not SKIP:
            checked += 1
            assert found == ast.literal_eval(comparison.comparators[0]), test
    assert checked >= len(problem.tests) // 3
