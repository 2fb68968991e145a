"""Runs and sweeps as the report reads them."""

import json
from pathlib import Path

import pytest

from report_runs import HACK, SOLUTION, Plan, make_run, make_sweep
from vgrout.artifacts import RunDir
from vgrout.errors import DataError
from vgrout.report.arms import HAAR, NO_LOOPHOLE, group_arms
from vgrout.report.counts import HACK as HACK_MEASURE
from vgrout.report.counts import SOLVE_PLAIN, Count
from vgrout.report.runs import load_paths, load_run, prompts, rollouts
from vgrout.report.sample import sample_rollouts
from vgrout.report.series import ALL_SAMPLED, outcome, over_runs, policies, rates


def test_finished_run_is_read_with_its_counts(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(steps=3, scales=(0.25,)))
    run = load_run(path)
    stored = json.loads((path / "eval.json").read_text())["deployed"]["hack"]
    assert run.deployed is not None
    assert run.deployed.measures[HACK_MEASURE] == Count(stored["count"], stored["n"])
    assert (run.status, run.seed, run.draw) == ("3 steps, evaluated", 0, None)
    assert list(run.scales) == [0.25]
    assert len(list(rollouts(run))) == 48
    assert len(prompts(run)) == 12


def test_killed_run_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(steps=9, made=3, evaluated=False))
    for name in ("metrics.jsonl", "rollouts.jsonl", "prompts.jsonl"):
        with (path / name).open("a") as file:
            file.write('{"schema":1,"step":4,"problem_i')
    run = load_run(path)
    assert run.status == "not evaluated: 3 of 9 steps are written"
    assert len(list(rollouts(run))) == 48
    assert len(prompts(run)) == 12


def test_run_of_no_steps_and_no_files_is_read(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(made=0, evaluated=False, prompts=False))
    for name in ("rollouts.jsonl", "timing.jsonl", "versions.json"):
        (path / name).unlink()
    run = load_run(path)
    assert run.status == "not evaluated: 0 of 6 steps are written; lacks rollouts.jsonl"
    assert (run.metrics, list(rollouts(run)), prompts(run), run.seconds) == ((), [], {}, 0)


def test_run_is_read_while_its_trainer_holds_it(tmp_path: Path) -> None:
    with RunDir.create(tmp_path / "run", config={"seed": 3, "steps": 5}, versions={}) as writer:
        writer.write_metrics({"step": 1})
        run = load_run(tmp_path / "run")
    assert (run.status, run.seed) == ("not evaluated: 1 of 5 steps are written", 3)


def test_run_that_a_guard_stopped_says_so(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", Plan(made=2, evaluated=False))
    (path / "diverged.json").write_text(json.dumps({"message": "teacher_logprob fell"}))
    assert load_run(path).status == "stopped by a guard after 2 of 6 steps"


def test_sweep_gives_its_runs_and_its_verdict(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep", [Plan(seed=0), Plan(seed=1)], verdict={"sentence": "It works."})
    (sweep / "runs" / "just-made").mkdir()
    (sweep / "notes.json").write_text('{"unrelated": 1}')
    runs, sweeps = load_paths([sweep, sweep / "runs" / "smoke-routeA-s0-0"])
    assert [run.seed for run in runs] == [0, 1]
    assert [item.facts["verdict"]["sentence"] for item in sweeps] == ["It works."]


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [make_run(tmp_path / place / "run") for place in ("one", "two")]
    runs, _ = load_paths(paths)
    assert [run.name for run in runs] == ["one/run", "two/run"]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("eval.json", "{", "not JSON"),
        ("eval.json", "[]", "found a JSON list"),
        ("eval.json", '{"deployed": {"hack": {"count": 3, "n": 2}}}', "field `deployed.hack`"),
        ("config.json", "nope", "not JSON"),
        ("metrics.jsonl", '{"schema":7,"step":1}\n', "metrics.jsonl:1: field `schema`"),
        ("eval-scale-x.json", '{"quarantine_scale": "x"}', "field `quarantine_scale`"),
        ("prompts.jsonl", "{}\n", "prompts.jsonl:1"),
    ],
)
def test_malformed_file_is_named(file: str, text: str, said: str, tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (path / file).write_text(text)
    with pytest.raises(DataError, match=said.replace(".", r"\.")) as caught:
        prompts(load_run(path))
    assert str(path / file) in str(caught.value)


def test_arms_differ_in_anything_but_the_seed(tmp_path: Path) -> None:
    plans = [
        Plan(seed=1),
        Plan(seed=0),
        Plan(seed=0, draw=1),
        Plan(seed=1, draw=2),
        Plan(intervention="none"),
        Plan(intervention="none", settings={"env": {"unhackable_share": 1.0}}),
        Plan(seed=2, settings={"gate": {"tail_quantile": 0.3}}),
        Plan(intervention="inoculation"),
    ]
    runs, _ = load_paths([make_sweep(tmp_path / "sweep", plans)])
    arms = group_arms(runs)
    assert [(arm.label, [(run.seed, run.draw) for run in arm.runs]) for arm in arms] == [
        ("none", [(0, None)]),
        (NO_LOOPHOLE, [(0, None)]),
        (HAAR, [(0, 1), (1, 2)]),
        ("routeA", [(0, None), (1, None)]),
        ("routeA · gate.tail_quantile 0.3", [(2, None)]),
        ("inoculation", [(0, None)]),
    ]
    assert len({(arm.slot, arm.symbol, arm.dash) for arm in arms}) == len(arms)
    usual, variant = arms[3:5]
    assert (variant.slot, usual.dash) == (usual.slot, "solid"), (
        "a variant has its arm's colour and a line of its own"
    )
    assert variant.dash != usual.dash


def test_a_sweep_that_alternates_over_warm_starts_has_one_arm_over_them(tmp_path: Path) -> None:
    plans = [Plan(seed=0, settings={"model": "first"}), Plan(seed=1, settings={"model": "second"})]
    runs, _ = load_paths([make_sweep(tmp_path / "sweep", plans)])
    assert [(arm.label, len(arm.runs)) for arm in group_arms(runs)] == [("routeA", 2)]
    # Runs by themselves are of no design: another model is another arm.
    alone, _ = load_paths(sorted((tmp_path / "sweep" / "runs").iterdir()))
    assert len(group_arms(alone)) == 2


def test_runs_that_start_from_runs_of_one_arm_are_one_arm(tmp_path: Path) -> None:
    starts = ["out/runs/routeA-s301", "out/runs/routeA-s302", "out/runs/haar301000-s301", None]
    plans = [
        Plan(seed=seed, intervention="none", settings={"start_from": start})
        for seed, start in enumerate(starts)
    ]
    runs, _ = load_paths([make_sweep(tmp_path / "sweep", plans)])
    arms = {arm.label: len(arm.runs) for arm in group_arms(runs)}
    assert sorted(arms.values()) == [1, 1, 2]
    assert not any("301" in label or "302" in label for label in arms)
    assert any("start_from haar" in label for label in arms)


def test_rates_put_the_counts_of_a_window_together(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "run", Plan(steps=4)))
    counts = [outcome(row, "as_trained", HACK_MEASURE) for row in run.metrics]
    points = rates(run, "as_trained", HACK_MEASURE, 2)
    assert points[1] == counts[0].share
    assert points[4] == (counts[2] + counts[3]).share


def test_rows_that_do_not_tell_policies_apart_are_counted_by_mode() -> None:
    cell = {"rollouts": 4, "gt_correct": 1, "exploited": 2}
    row = {"by_mode": {"sentinel": cell, "file_marker": cell, "gt_only": {**cell, "exploited": 0}}}
    assert outcome(row, ALL_SAMPLED, HACK_MEASURE) == Count(4, 8)
    assert outcome(row, ALL_SAMPLED, SOLVE_PLAIN) == Count(1, 4)
    assert outcome({}, "deployed", HACK_MEASURE) == Count(0, 0)


def test_arm_over_steps_is_mean_and_extremes_of_the_runs_that_are_there(tmp_path: Path) -> None:
    plans = [Plan(seed=0, steps=3), Plan(seed=1, steps=3, made=2, evaluated=False)]
    runs, _ = load_paths([make_sweep(tmp_path / "sweep", plans)])
    arm = group_arms(runs)[0]
    assert policies(arm.runs) == ["deployed", "as_trained"]
    values = {0: {1: 0.2, 2: 0.4, 3: 0.5}, 1: {1: 0.6, 2: 0.4}}
    steps, means, low, high, count = over_runs(arm, lambda run: values[run.seed or 0])
    assert (steps, low, high, count) == ([1, 2, 3], [0.2, 0.4, 0.5], [0.6, 0.4, 0.5], [2, 2, 1])
    assert means == pytest.approx([0.4, 0.4, 0.5])


def test_sample_holds_every_kind_and_every_run(tmp_path: Path) -> None:
    plans = [Plan(seed=seed, steps=8, prompts_per_step=8) for seed in range(3)]
    runs, _ = load_paths([make_sweep(tmp_path / "sweep", plans)])
    arms = group_arms(runs)
    sample, histograms = sample_rollouts(arms, 300)
    assert (sample.total, len(sample.rows)) == (3 * 8 * 32, 300)
    kinds = {(row["mode"], row["zone"], row["label"]) for run in runs for row in rollouts(run)}
    assert {(row["mode"], row["zone"], row["label"]) for row in sample.rows} == kinds
    assert [sum(row["run"] == run for row in sample.rows) for run in range(3)] == [100, 100, 100]
    assert sample_rollouts(arms, 300)[0].rows == sample.rows
    hinted = next(row for row in sample.rows if row["hackable"])
    assert "reads the attribute" in sample.prompts[hinted["prompt"]]["hint"]
    for histogram in histograms.values():
        # The first step of a made-up run has no thresholds.
        assert histogram.unplaced == 32
        assert sum(histogram.exploited) + sum(histogram.other) == 7 * 32


def test_sample_of_fewer_rollouts_than_asked_for_is_all_of_them(tmp_path: Path) -> None:
    run = load_run(make_run(tmp_path / "run", Plan(steps=2, answers=(HACK, SOLUTION))))
    sample, _ = sample_rollouts(group_arms([run]), 1000)
    assert [row["completion"] for row in sample.rows] == [row["completion"] for row in rollouts(run)]
