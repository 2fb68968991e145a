"""Sweeps on a real Ray cluster of this machine; skipped where ray is not installed (`just test-ray` brings it)."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweep_fake_jobs import Watch, is_alive
from sweep_ray_jobs import Counting, counting_plan, real_plan

from vgrout.commands.sweep import run as sweep
from vgrout.errors import ConfigError
from vgrout.sweep.folder import SweepFolder
from vgrout.sweep.jobs import VgroutCommands, jobs_of
from vgrout.sweep.local import run_local

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="ray is not installed: `just test-ray`")
NUMBERS = ("metrics.jsonl", "eval.json")


def on_ray(out: Path, what: str) -> dict[str, object]:
    """How the jobs of `sweep_ray_jobs.py` ended."""
    script = Path(__file__).with_name("sweep_ray_jobs.py")
    command = [sys.executable, str(script), str(out), what]
    temporary = out.with_name("t")
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "RAY_TMPDIR": "/tmp"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=170)
    assert done.returncode == 0, done.stderr
    assert list(temporary.glob("vgrout-sweep-*")) == []
    return json.loads(done.stdout.splitlines()[-1])


def values(out: Path) -> dict[str, object]:
    """The numbers of every run."""
    return {
        path.name: (
            (path / "metrics.jsonl").read_text(),
            json.loads((path / "eval.json").read_text())["value"],
        )
        for path in sorted((out / "runs").iterdir())
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The same runs by the local engine."""
    out, plan = tmp_path_factory.mktemp("local") / "sweep", counting_plan()
    with SweepFolder.open(out, plan) as folder:
        assert not run_local(jobs_of(plan), folder, Counting(), slots=2, view=Watch()).failures
    return out


@needs_ray
@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_worker_costs_no_run_and_no_number(tmp_path, local) -> None:
    out = tmp_path / "sweep"
    ended = on_ray(out, "kill")
    assert (ended["done"], ended["failures"]) == (["a", "b", "c"], [])
    told = ended["told"]
    assert told.index("again b") < told.index("resumed b") < told.index("ok b")
    assert values(out) == values(local)
    assert json.loads((out / "runs" / "b" / "eval.json").read_text())["started"] == "resume"
    assert not is_alive(int((out / "runs" / "b" / "parent").read_text()))
    assert (out / "logs" / "a.stdout").read_text() == "done\n"


@needs_ray
@pytest.mark.ray
@pytest.mark.slow
def test_an_interrupt_lets_runs_save_and_what_they_saved_comes_back(tmp_path, local) -> None:
    out = tmp_path / "sweep"
    ended = on_ray(out, "interrupt")
    assert (ended["interrupted"], ended["failures"]) == (True, [])
    # The run saved behind step 3, which no checkpoint of its own is due after.
    assert json.loads((out / "runs" / "b" / "checkpoint.pt").read_text())[0] == 3
    with SweepFolder.open(out, counting_plan()) as folder:
        run_local(jobs_of(counting_plan()), folder, Counting(), slots=2, view=Watch())
    assert values(out) == values(local)


@needs_ray
@pytest.mark.ray
@pytest.mark.slow
def test_a_real_run_has_the_numbers_of_the_local_engine(tmp_path) -> None:
    ended = on_ray(tmp_path / "ray", "real")
    assert ended["done"] == ["real"], ended
    plan, out = real_plan(), tmp_path / "local"
    with SweepFolder.open(out, plan) as folder:
        commands = VgroutCommands(plan, folder.path / "runs")
        assert not run_local(jobs_of(plan), folder, commands, slots=2, view=Watch()).failures
    for name in (*NUMBERS, "rollouts.jsonl"):
        ray, own = (tmp_path / where / "runs" / "real" / name for where in ("ray", "local"))
        assert ray.read_bytes() == own.read_bytes(), name


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
def test_without_ray_the_error_names_the_extra(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"ray is not installed\nhint: install the extra, `vgrout\[ray\]`"):
        sweep(["first-effect", "--engine", "ray", "--out", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_ray_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"--address: h:1 is of a Ray cluster\nhint: add `--engine ray`"):
        sweep(["first-effect", "--address", "h:1", "--out", str(tmp_path / "out")])
    assert list(tmp_path.iterdir()) == []
