"""What a grader, a job and limits may be made of, and how a wrong one is refused."""

import inspect
import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from vgrout import ConfigError, DataError, GradeJob, Grader, GraderError, Limits, SandboxUnavailable

TESTS = ["assert Solution().add(1, 2) == 3"]
RIGHT = "```python\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```"


def test_a_job_survives_pickling_with_every_field() -> None:
    fields: dict[str, Any] = {
        "response": "lone \ud800 and\0" + RIGHT,
        "tests": [*TESTS, "assert Solution().add(0, 0) == 0"],
        "mode": "sentinel",
        "setup_code": "import math",
        "canonical_solution": "class Solution: pass",
        "func_name": "Solution().add",
        "marker": "checked",
        "want_gt_pass": True,
        "extract": "last",
        "run_main": False,
        "entry_point": "Solution",
        "limits": Limits(cpu_s=2.0),
    }
    copy = pickle.loads(pickle.dumps(GradeJob(**fields)))
    assert {name: getattr(copy, name) for name in fields} == fields


def test_limits_survive_pickling_and_compare_by_value() -> None:
    limits = Limits(
        cpu_s=1.5,
        memory_bytes=1 << 28,
        wall_s=9.0,
        output_bytes=1 << 10,
        canonical_factor=4.0,
        recursion_limit=60,
        int_max_str_digits=0,
    )
    assert pickle.loads(pickle.dumps(limits)) == limits != Limits()
    assert pickle.loads(pickle.dumps(Limits())) == Limits()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mode": "guess"}, ["mode", "'guess'", "gt_only"]),
        ({"tests": []}, ["tests", "empty", "one test"]),
        ({"tests": [*TESTS, "assert x ="]}, ["tests[1]"]),
        ({"tests": ["x = 1", "def f(:"]}, ["tests[1]", "def f(:", "does not compile"]),
        ({"entry_point": "a b"}, ["entry_point", "a b", "identifier"]),
        (
            {"mode": "eq_override", "tests": ["assert Solution().add(1, 2) in (3,)"]},
            ["tests[0]", "eq_override"],
        ),
        ({"func_name": "Solution().a b"}, ["func_name", "a b", "Solution().name"]),
        ({"mode": "stdout_marker", "marker": " "}, ["marker", "empty", "stdout_marker"]),
        ({"mode": "run_tests", "marker": "not a name"}, ["marker", "not a name", "identifier"]),
        ({"mode": "run_tests", "marker": "class"}, ["marker", "class", "identifier"]),
        ({"mode": "sentinel", "marker": "None"}, ["marker", "None", "identifier"]),
        ({"func_name": "Solution().class"}, ["func_name", "class", "Solution().name"]),
        ({"mode": "gt\ud800"}, ["mode", "surrogate"]),
        ({"tests": [*TESTS, "assert f() == '\ud800'"]}, ["tests[1]", "surrogate"]),
        ({"setup_code": "\ud800"}, ["setup_code", "surrogate"]),
        ({"canonical_solution": "\ud800"}, ["canonical_solution", "surrogate"]),
        ({"func_name": "a\udfff"}, ["func_name", "surrogate"]),
        ({"mode": "stdout_marker", "marker": "\ud800"}, ["marker", "surrogate"]),
    ],
)
def test_a_malformed_job_is_refused_with_field_value_and_expectation(
    fields: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(DataError) as refused:
        GradeJob(**({"response": RIGHT, "tests": TESTS} | fields))
    assert isinstance(refused.value, ValueError)
    message = str(refused.value).replace('"', "'")
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cpu_s", 0.0),
        ("cpu_s", float("nan")),
        ("cpu_s", float("inf")),
        ("cpu_s", 1e9),
        ("wall_s", -1.0),
        ("memory_bytes", 0),
        ("memory_bytes", -5),
        ("memory_bytes", 2**70),
        ("output_bytes", 0),
        ("canonical_factor", 0.5),
        ("recursion_limit", 49),
        ("recursion_limit", 2**70),
        ("int_max_str_digits", 639),
        ("int_max_str_digits", -1),
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"limits\.{field}: .*expected") as refused:
        Limits(**{field: value})
    if value == 2**70:
        return  # a number that no machine word holds is not repeated
    shown = str(value).removesuffix(".0").lower()
    assert shown in str(refused.value).lower() or f"{value:.0f}" in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"workers": 0}, ["workers", "0", "1..256"]),
        ({"workers": 257}, ["workers", "257", "1..256"]),
        ({"workers": 2**70}, ["workers", "1..256"]),
        ({"workers": -(2**70)}, ["workers", "1..256"]),
        ({"min_level": "\ud800"}, ["min_level", "surrogate"]),
        ({"disable_layers": ("\ud800",)}, ["disable_layers", "surrogate"]),
        ({"preload": ("json", "\ud800")}, ["preload", "surrogate"]),
        ({"preload": ("json",) * 257}, ["preload", "257", "at most 256"]),
        ({"preload": ("a" * 300,)}, ["preload", "300", "at most 255"]),
        ({"min_level": "moat"}, ["moat", "base, landlock, namespaces or cgroup"]),
        ({"disable_layers": ("drawbridge",)}, ["drawbridge", "base, landlock, namespaces or cgroup"]),
        ({"disable_layers": ("base",)}, ["base", "cannot be disabled"]),
        ({"preload": ("a b",)}, ["preload", "a b", "module name"]),
        ({"preload": ("os; import sys",)}, ["preload", "module name"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        Grader(**settings)
    assert [part for part in said if part not in str(refused.value)] == []


def test_a_level_that_is_not_there_raises_and_names_the_layer() -> None:
    with pytest.raises(SandboxUnavailable, match="landlock"):
        Grader(workers=1, min_level="landlock", disable_layers=("landlock",))
    with pytest.raises(SandboxUnavailable, match="landlock"):
        Grader(workers=1, min_level="namespaces", disable_layers=("landlock",))


def test_a_missing_cgroup_layer_is_refused_with_its_reason() -> None:
    with Grader(workers=1) as grader:
        fence = grader.fence
    [cgroup] = [layer for layer in fence.layers if layer.name == "cgroup"]
    if cgroup.status == "enforced":
        pytest.skip("this machine hands down the memory and pids controllers")
    assert cgroup.reason
    with pytest.raises(SandboxUnavailable, match="cgroup"):
        Grader(workers=1, min_level="cgroup")


def test_the_fence_says_what_was_left_off() -> None:
    with Grader(workers=1, disable_layers=("landlock", "namespaces", "cgroup")) as grader:
        batch = grader.grade([GradeJob(RIGHT, TESTS, mode="gt_only")])
    assert batch.fence.level == "base"
    assert {layer.name: layer.status for layer in batch.fence.layers} == {
        "base": "enforced",
        "landlock": "disabled",
        "namespaces": "disabled",
        "cgroup": "disabled",
    }


def test_a_preloaded_module_can_be_imported_and_no_other() -> None:
    code = "```python\nimport {}\nclass Solution:\n    def add(self, a, b):\n        return a + b\n```"
    jobs = [GradeJob(code.format(name), TESTS, mode="gt_only") for name in ("ctypes", "turtle")]
    with Grader(workers=1, preload=("ctypes",)) as grader:
        first, second = grader.grade(jobs)
    assert (first.outcome, second.outcome) == ("accepted", "runtime_error")
    assert second.detail is not None
    assert second.detail.startswith("ModuleNotFoundError")


def test_a_closed_grader_refuses_batches_and_closes_again() -> None:
    grader = Grader(workers=1)
    job = GradeJob(RIGHT, TESTS, mode="gt_only")
    with grader as same:
        assert same is grader
        assert grader.grade([job])[0].passed
    grader.close()
    grader.close()
    with pytest.raises(GraderError, match="closed"):
        grader.grade([job])
    with grader, pytest.raises(GraderError, match="closed"):
        grader.grade([job])


def test_a_batch_is_a_sequence_of_its_verdicts() -> None:
    with Grader(workers=1) as grader:
        assert list(grader.grade([])) == []
        batch = grader.grade((GradeJob(RIGHT, TESTS, mode="gt_only"),) * 3)
    assert (len(batch), batch[-1].outcome, [v.outcome for v in batch[1:]]) == (
        3,
        "accepted",
        ["accepted"] * 2,
    )
    assert isinstance(batch, Sequence)
    assert (batch.index(batch[1]), batch.count(batch[1]), batch[1] in batch) == (1, 1, True)
    with pytest.raises(ValueError, match="not in the batch"):
        batch.index(batch[0], 1)
    with pytest.raises(IndexError):
        batch[3]


def test_signatures_show_the_defaults() -> None:
    assert str(inspect.signature(Limits)) == (
        "(cpu_s=3.0, memory_bytes=1073741824, wall_s=None, output_bytes=16777216, canonical_factor=None, "
        "recursion_limit=None, int_max_str_digits=None)"
    )
    assert "Ellipsis" not in str(inspect.signature(Grader)) + str(inspect.signature(GradeJob))
