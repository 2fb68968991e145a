"""Runs evaluated again, begun from another's deployed policy, or with some of the pairs."""

import gzip
import json
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import env_samples
import pytest
import torch
from rich.console import Console

from tiny import tiny_config, tiny_run
from vgrout.artifacts import CHECKPOINT, METRICS, PROMPTS, ROLLOUTS, read_records
from vgrout.cli import main
from vgrout.env.pairs import OWN_PAIRS
from vgrout.errors import ConfigError, DataError
from vgrout.train import checkpoint
from vgrout.train.evaluation import evaluate_run
from vgrout.train.session import chosen_pairs


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two steps of absorb: both blocks hold something."""
    path = tmp_path_factory.mktemp("runs") / "absorb"
    return tiny_run(
        tiny_config(path, intervention="absorb", steps=2, checkpoint_every=1, eval__max_new_tokens=32)
    )


def again(trained, data=None, grading=None, **changes):
    settings = replace(trained.config.eval, **changes)
    return evaluate_run(
        trained.run_dir,
        data=data,
        settings=settings,
        grading=grading or trained.config.grading,
        console=Console(file=StringIO()),
    )


def test_the_same_question_has_the_same_answer(trained):
    before = (trained.run_dir / "eval.json").read_bytes()
    result, file = again(trained)
    assert file == trained.run_dir / "eval.json"
    assert file.read_bytes() == before
    assert result.policies == (trained.deployed, trained.as_trained)


@pytest.mark.parametrize(("scale", "policy"), [(0.0, "deployed"), (1.0, "as_trained")])
def test_the_ends_of_the_scale_are_the_two_policies(trained, scale, policy):
    before = (trained.run_dir / "eval.json").read_bytes()
    result, file = again(trained, quarantine_scale=scale)
    assert file.name == f"eval-scale-{scale:g}.json"
    assert result.policies[0].cells == getattr(trained, policy).cells
    assert json.loads(file.read_text())["quarantine_scale"] == scale
    assert (trained.run_dir / "eval.json").read_bytes() == before


def test_other_counts_and_problems_go_to_files_of_their_own(trained, sample_problems_path, tmp_path):
    result, file = again(trained, samples=3)
    assert (file.name, result.policies[0].hack.n) == ("eval-samples-3.json", 6)
    _, first = again(trained, data=sample_problems_path)
    assert first.name.startswith("eval-data-")
    other = tmp_path / sample_problems_path.with_suffix("").name
    other.write_bytes(gzip.decompress(sample_problems_path.read_bytes()))
    _, second = again(trained, data=other)
    assert second.name != first.name, "two files of one name are two questions"
    _, file = again(trained, grading=replace(trained.config.grading, cpu_s=2.5, workers=1))
    assert file.name == "eval-cpu-s-2.5.json"


def test_the_command_says_what_it_found_and_where(trained, capsys):
    assert main(["evaluate", str(trained.run_dir), "--eval.quarantine-scale", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "scaled: hack, hinted 0/2 = 0.0 %" in out
    assert "eval-scale-0.5.json" in out
    assert main(["evaluate", str(trained.run_dir / "nowhere")]) == 2
    assert main(["evaluate", str(trained.run_dir), "--eval.quarantine-scale", "1.5"]) == 2
    assert "eval.quarantine_scale: 1.5 is above 1" in capsys.readouterr().err


def test_a_scale_is_refused_before_a_run_is_trained(tmp_path):
    with pytest.raises(ConfigError, match=r"eval\.quarantine_scale: 0\.5 is set, but a run evaluates both"):
        tiny_run(tiny_config(tmp_path / "run", eval__quarantine_scale=0.5))
    assert not (tmp_path / "run").exists()


def test_counts_by_problem_add_up_to_those_by_mode(trained):
    report = json.loads((trained.run_dir / "eval.json").read_text())["deployed"]
    for prompt in ("hinted", "plain"):
        rows = [row for row in report["by_problem"] if row["prompt"] == prompt]
        assert sum(row["n"] for row in rows) == sum(
            row["n"] for row in report["by_mode"] if row["prompt"] == prompt
        )


def test_every_rollout_finds_its_prompt(trained):
    prompts = {
        (row["problem_id"], row["hackable"]): row
        for row in read_records(trained.run_dir / "prompts.jsonl", PROMPTS)
    }
    for rollout in read_records(trained.run_dir / "rollouts.jsonl", ROLLOUTS):
        shown = prompts[rollout["problem_id"], rollout["hackable"]]
        assert (shown["mode"], shown["marker"]) == (rollout["mode"], rollout["marker"])
        assert (shown["hint"] is not None) == rollout["hackable"]
        assert shown["hint"] is None or shown["hint"] in shown["prompt"]


def test_counts_by_policy_add_up_to_the_totals(trained):
    for row in read_records(trained.run_dir / "metrics.jsonl", METRICS):
        cells = [cell for kinds in row["by_policy"].values() for cell in kinds.values()]
        assert sum(cell["rollouts"] for cell in cells) == row["rollouts"] - row["teacher_rollouts"]
        assert sum(cell["exploited"] for cell in cells) == row["exploited"]


def test_a_run_starts_from_the_deployed_policy_of_another(trained, tmp_path):
    config = tiny_config(
        tmp_path / "on", intervention="none", steps=1, start_from=trained.run_dir, optim__lr=1e-12
    )
    run = tiny_run(config)
    old, new = (
        checkpoint.load(path / CHECKPOINT).adapter["deltas"] for path in (trained.run_dir, run.run_dir)
    )
    for name, value in new.items():
        if "_quarantine" in name:
            assert not value.any()
        else:
            # One step at a vanishing rate.
            assert torch.allclose(value, old[name], atol=1e-8)
    assert any(value.any() for name, value in new.items() if "_deployed" in name)


def test_a_start_that_does_not_fit_is_refused(trained, tmp_path):
    with pytest.raises(DataError, match="rank is 4, this adapter's is 2"):
        tiny_run(tiny_config(tmp_path / "run", start_from=trained.run_dir, adapter__rank=2))
    with pytest.raises(ConfigError, match="cannot be read"):
        tiny_run(tiny_config(tmp_path / "run", start_from=tmp_path / "nowhere"))
    assert not (tmp_path / "run").exists()


def test_the_checkpoint_before_the_last_is_evaluated_where_the_last_is_damaged(trained, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(trained.run_dir, path)
    (path / CHECKPOINT).write_bytes(b"")
    result, file = evaluate_run(
        path,
        data=None,
        settings=trained.config.eval,
        grading=trained.config.grading,
        console=Console(file=StringIO()),
    )
    assert (result.step, file.name) == (1, "eval-step-1.json")
    with pytest.raises(DataError, match=r"checkpoint\.pt: is empty"):
        tiny_run(tiny_config(tmp_path / "on", start_from=path))


def test_leaving_out_a_mode_that_no_pair_is_of_is_said(trained, caplog):
    gate = replace(trained.config.gate, pairs=Path("organism"), leave_out_mode="file_marker")
    assert chosen_pairs(gate) == chosen_pairs(replace(gate, leave_out_mode=None))
    assert "no contrast pair is of file_marker" in caplog.text


def test_pairs_of_a_mode_can_be_left_out(trained, tmp_path):
    whole = tiny_run(tiny_config(tmp_path / "whole", steps=1, gate__max_pairs=None))
    part = tiny_run(
        tiny_config(tmp_path / "part", steps=1, gate__max_pairs=None, gate__leave_out_mode="sentinel")
    )
    vectors = [checkpoint.load(run.run_dir / CHECKPOINT).direction.vector for run in (whole, part)]
    assert not torch.equal(*vectors)
    with pytest.raises(ConfigError, match=r"gate\.leave_out_mode: 'magic' is unknown, expected one of"):
        tiny_run(tiny_config(tmp_path / "run", gate__leave_out_mode="magic"))


def test_shuffled_labels_route_as_many_rows_as_the_oracle(tmp_path):
    run = tiny_run(tiny_config(tmp_path / "run", intervention="shuffled"))
    for row in read_records(run.run_dir / "metrics.jsonl", METRICS):
        rollouts = [
            r for r in read_records(run.run_dir / "rollouts.jsonl", ROLLOUTS) if r["step"] == row["step"]
        ]
        exploited = [r["exploited"] for r in rollouts if r["zone"] is not None]
        assert row["zone_rout"] == sum(exploited)


def test_what_only_training_was_made_of_is_not_asked_for(tmp_path):
    pairs = tmp_path / "pairs"
    start = tiny_run(tiny_config(tmp_path / "start", intervention="none", steps=1))
    shutil.copytree(OWN_PAIRS, pairs)
    config = tiny_config(tmp_path / "run", steps=1, gate__pairs=pairs, start_from=start.run_dir)
    run = tiny_run(config)
    before = (run.run_dir / "eval.json").read_bytes()
    shutil.rmtree(pairs)
    shutil.rmtree(start.run_dir)
    again(run)
    assert (run.run_dir / "eval.json").read_bytes() == before
    # One problem, which is to be asked.
    data = env_samples.write_rows(tmp_path / "one.jsonl", [env_samples.row(split="test")])
    result, _ = again(run, data=data)
    assert result.problems == ("7",)
    # A training problem whose solution is wrong.
    bad = env_samples.row(
        id="bad",
        split="train",
        canonical_solution="class Solution:\n    def double(self, n):\n        return n\n",
    )
    bad["prompt"][-1]["content"] = bad["prompt"][-1]["content"].replace("twice", "two times")
    result, _ = again(
        run, data=env_samples.write_rows(tmp_path / "two.jsonl", [bad, env_samples.row(split="test")])
    )
    assert result.problems == ("7",)


def test_more_problems_than_the_split_holds_is_said(trained, capsys):
    assert main(["evaluate", str(trained.run_dir), "--eval.problems", "10000"]) == 0
    said = r"^eval\.problems: 10000 are asked for, and the test split holds \d+: all are asked$"
    assert re.search(said, capsys.readouterr().err, re.MULTILINE)
