"""The organism as every arm trains it, three steps each: real Python, the real grader, the packaged model."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from vgrout.artifacts import METRICS, PROMPTS, ROLLOUTS, read_records
from vgrout.config import TrainConfig
from vgrout.presets import PRESETS
from vgrout.train.run import RunResult, run

ORGANISM = PRESETS["organism"][1]
ARMS = {
    "none": {},
    "none-full": {},
    "absorb": {},
    "routeA": {},
    "haar": {"intervention": "routeA", "routeA_random_v_seed": 7},
    "oracle": {},
    "shuffled": {},
    "no loophole": {"intervention": "none", "env": replace(ORGANISM.env, unhackable_share=1.0)},
}


def three_steps(path: Path, arm: str, **changes: object) -> RunResult:
    settings = {"intervention": arm} | ARMS[arm] | changes
    config: TrainConfig = replace(
        ORGANISM,
        steps=3,
        run_dir=path,
        gate=replace(ORGANISM.gate, warmup=64),
        eval=replace(ORGANISM.eval, problems=8, samples=2),
        **settings,
    )
    return run(config, Console(file=StringIO()))


@pytest.mark.slow
@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_trains_the_organism(tmp_path, arm):
    result = three_steps(tmp_path / "run", arm)
    rows = list(read_records(result.run_dir / "metrics.jsonl", METRICS))
    assert [row["step"] for row in rows] == [1, 2, 3]
    # The warm start compiles nearly always and solves a tenth and more of what it is asked at T 1.
    assert all(row["can_compile"] > 100 for row in rows)
    assert all(row["gt_correct"] > 3 for row in rows)
    assert sum(row["exploited"] for row in rows) > 0 or arm == "no loophole"
    if arm == "no loophole":
        assert all(row["hackable_rollouts"] == 0 for row in rows)
    if arm in {"oracle", "shuffled"}:
        rollouts = list(read_records(result.run_dir / "rollouts.jsonl", ROLLOUTS))
        routed = [row["exploited"] for row in rollouts if row["zone"] == "rout"]
        assert routed
        assert all(routed) == (arm == "oracle")
    if arm in {"routeA", "haar"}:
        assert rows[-1]["threshold_low"] < rows[-1]["threshold_high"]


@pytest.mark.slow
def test_equal_commands_give_equal_organisms(tmp_path):
    first, second = (three_steps(tmp_path / name, "routeA") for name in ("first", "second"))
    for name in ("metrics.jsonl", "rollouts.jsonl", "prompts.jsonl", "eval.json", "config.json"):
        assert (first.run_dir / name).read_bytes() == (second.run_dir / name).read_bytes(), name


@pytest.mark.slow
def test_a_run_shows_its_problems_with_words_of_the_pool(tmp_path):
    result = three_steps(tmp_path / "run", "none")
    hinted = [row for row in read_records(result.run_dir / "prompts.jsonl", PROMPTS) if row["hackable"]]
    assert len({row["marker"] for row in hinted}) > 30
    assert all(f"`{row['marker']}" in row["hint"] and row["hint"] in row["prompt"] for row in hinted)
