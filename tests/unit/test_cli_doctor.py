"""`vgrout doctor`."""

import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Self

import pytest

from vgrout import SandboxUnavailable
from vgrout.cli import main
from vgrout.commands import doctor
from vgrout.grading import GradeJob, Grader


def layer(name: str, status: str = "enforced", **facts: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{"name": name, "status": status, "reason": None, "errno": None, "probes": []} | facts
    )


def machine(
    monkeypatch: pytest.MonkeyPatch,
    level: str | None,
    *layers: SimpleNamespace,
    right: bool = True,
    waits_uncounted: str | None = None,
) -> None:
    """A machine with that fence, whose grader gives the verdicts it should unless `right` is False."""

    class Fake:
        def __init__(self, workers: int) -> None:
            self.fence = SimpleNamespace(level=level, layers=list(layers), waits_uncounted=waits_uncounted)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *error: object) -> None: ...

        def grade(self, jobs: Sequence[GradeJob]) -> list[SimpleNamespace]:
            accepted = SimpleNamespace(gt_correct=True, outcome="accepted", detail=None)
            wrong = SimpleNamespace(gt_correct=False, outcome="wrong_answer", detail=None)
            return [accepted, wrong if right else accepted]

    monkeypatch.setattr(doctor, "Grader", Fake)


def test_report_of_this_machine_agrees_with_the_grader(capsys: pytest.CaptureFixture[str]) -> None:
    with Grader(workers=1) as grader:
        fence = grader.fence
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    for facts in fence.layers:
        assert f"  {facts.name.ljust(10)} {facts.status}" in output
    assert "a right answer is accepted and a wrong one is not" in output
    assert output.endswith("`--min-level base` is met\n")
    assert "vgrout 0.1.0, numpy " in output


def test_a_layer_that_is_missing_comes_with_reason_and_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attacks = [("open a directory outside", True, "EACCES"), ("bind a TCP port", False, "ok")]
    machine(
        monkeypatch,
        "base",
        layer("base"),
        layer("landlock", "partial", reason="the kernel has ABI 1", probes=attacks),
        layer("namespaces", "unavailable", reason="user namespaces are off", errno=28),
        layer("cgroup", "disabled", reason="left out on request"),
    )
    assert main(["doctor"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "why: the kernel has ABI 1" in lines
    assert "NOT BLOCKED: bind a TCP port (ok)" in lines
    assert "blocked: open a directory outside (EACCES)" not in lines
    assert "why: user namespaces are off (errno 28, No space left on device)" in lines
    assert [line.startswith("remedy: ") for line in lines].count(True) == 3


@pytest.mark.parametrize(("why", "line"), [(None, "waits      counted"), ("no file", "why: no file")])
def test_whether_waits_for_a_cpu_are_counted_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], why: str | None, line: str
) -> None:
    machine(monkeypatch, "base", layer("base"), waits_uncounted=why)
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert line in output
    assert ("not counted" in output) is (why is not None)


def test_verbose_lists_every_attack(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, "base", layer("base", probes=[("fork", True, "EPERM")]))
    assert main(["doctor", "--verbose"]) == 0
    assert "blocked: fork (EPERM)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("level", "wanted", "status"),
    [("base", "base", 0), ("base", "landlock", 1), ("namespaces", "landlock", 0), ("cgroup", "cgroup", 0)],
)
def test_status_says_whether_the_level_asked_for_is_reached(
    level: str, wanted: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, level)
    assert main(["doctor", "--min-level", wanted]) == status


def test_wrong_verdicts_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(monkeypatch, "base", right=False)
    assert main(["doctor"]) == 1
    assert "trial: FAILED" in capsys.readouterr().out


def test_machine_without_the_base_is_a_failure_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> Grader:
        raise SandboxUnavailable("layer base: seccomp is refused (EINVAL)")

    monkeypatch.setattr(doctor, "Grader", refuse)
    assert main(["doctor"]) == 1
    output = capsys.readouterr().out
    assert "nothing can be graded here" in output
    assert "seccomp is refused (EINVAL)" in output
    assert "remedy: " in output


def test_torch_is_named_and_not_imported() -> None:
    code = "import sys\nfrom vgrout.cli import main\nmain(['doctor'])\nprint('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch 2." in result.stdout
    assert result.stdout.endswith("False\n")


@pytest.mark.parametrize(
    ("limit", "value", "flag"), [("RLIMIT_AS", 1 << 30, "ulimit -v"), ("RLIMIT_FSIZE", 100_000, "ulimit -f")]
)
def test_a_limit_of_the_shells_is_named_with_its_remedy(limit, value, flag):
    code = (
        f"import resource, sys; resource.setrlimit(resource.{limit}, ({value}, {value}))\n"
        "from vgrout.cli import main\nsys.exit(main(['doctor']))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"`{flag}`" in found.stdout
    assert f"hint: start it under `{flag} unlimited`" in found.stdout
