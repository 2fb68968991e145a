"""Whole runs on a real vLLM: the organism trained, a real small model graded, and an engine that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vgrout.grading import GradeJob, Grader

ROOT = Path(__file__).parents[2]
SMOLLM2 = ROOT / "models" / "smollm2-135m"
ENGINE = ("--rollouts.engine", "vllm", "--eval.problems", "4", "--eval.samples", "2")


def train(folder: Path, *flags: str) -> subprocess.Popen:
    """A run in `folder / "run"`, what it says in `folder / "said"`."""
    command = [sys.executable, "-m", "vgrout.cli", "train", "organism", *ENGINE, *flags]
    with (folder / "said").open("wb") as said:
        return subprocess.Popen([*command, "--run-dir", str(folder / "run")], stdout=said, stderr=said)


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def engines() -> set[int]:
    """Processes of engines, by their command lines."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"vllm_child.py" in place.read_bytes():
                found.add(int(place.parent.name))
        except OSError:
            continue
    return found


def left_behind() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("vgrout-*")}


def test_the_organism_is_trained_end_to_end(tmp_path):
    before, folders = engines(), left_behind()
    run = train(tmp_path, "--steps", "5", "--rollouts.deploy-share", "0.5")
    run.wait()
    said = (tmp_path / "said").read_text()
    assert run.returncode == 0, said[-3000:]
    assert "deployed" in said
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {
        "config.json", "versions.json", "fence.json", "metrics.jsonl", "rollouts.jsonl", "prompts.jsonl",
        "timing.jsonl", "checkpoint.pt", "eval.json",
    }  # fmt: skip
    rows = rows_of(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    told = [row for row in rows if row["sampler_gap_mean"] is not None]
    assert max(row["sampler_gap_mean"] for row in told) <= 1e-5
    assert set().union(*(row["sampler_gap_by_policy"] for row in told)) == {"deployed", "as_trained"}
    assert sum(row["gt_correct"] for row in rows) > 0
    assert "vllm" in json.loads((tmp_path / "run" / "versions.json").read_text())
    assert (engines() - before, left_behind() - folders) == (set(), set())


def test_a_killed_engine_ends_the_run_with_its_checkpoint(tmp_path):
    before, folders = engines(), left_behind()
    run = train(tmp_path, "--steps", "500")
    deadline = time.monotonic() + 500
    while len(rows_of(tmp_path / "run" / "metrics.jsonl")) < 2:
        assert run.poll() is None, (tmp_path / "said").read_text()[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for pid in engines() - before:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    said = (tmp_path / "said").read_text()
    steps = len(rows_of(tmp_path / "run" / "metrics.jsonl"))
    assert run.returncode == 1, said[-3000:]
    assert "the engine's process has ended" in said
    assert f"hint: saved after step {steps}; go on with `vgrout-train organism --resume" in said
    assert "Traceback" not in said
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    assert (engines() - before, left_behind() - folders) == (set(), set())


def test_a_real_small_model_solves_a_problem_through_vllm():
    if not SMOLLM2.is_dir():
        pytest.skip("there is no models/smollm2-135m: `just smollm2` makes it")
    from test_vllm_engine import loaded_policy

    from vgrout.config import RolloutConfig
    from vgrout.rollouts.base import SampleRequest
    from vgrout.rollouts.vllm import VllmEngine

    policy = loaded_policy(str(SMOLLM2), rank=2)
    text = "Write a Python function `add(a, b)` that returns the sum of a and b. Answer with one code block only."
    config = RolloutConfig(
        engine="vllm", temperature=0.2, top_p=1.0, max_new_tokens=48, max_prompt_tokens=256, rows_per_batch=8
    )
    engine = VllmEngine(policy, config)
    try:
        engine.sync(1)
        request = SampleRequest(
            prompts=(policy.prompt_ids([{"role": "user", "content": text}]),),
            counts=(4,),
            ablated=(True,),
            max_new_tokens=48,
            temperature=0.2,
            top_p=1.0,
            top_k=0,
            seed=1,
        )
        answers = [policy.text(answer.completion) for answer in engine.sample(request)]
    finally:
        engine.close()
    tests = ["assert add(2, 3) == 5", "assert add(-1, 1) == 0"]
    with Grader(workers=1) as grader:
        verdicts = grader.grade([GradeJob(response=answer, tests=tests) for answer in answers])
    assert sum(verdict.gt_correct for verdict in verdicts) > 0, answers[:2]
