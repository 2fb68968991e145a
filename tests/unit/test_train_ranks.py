"""A run on several ranks is the run of one: bit for bit, whoever ends it, and wherever it goes on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rank_jobs import IDLE, TINY, RankJobs
from sweep_fake_jobs import until

from tiny import tiny_config, tiny_policy, tiny_run
from vgrout.artifacts import CHECKPOINT, METRICS, read_records
from vgrout.config import RolloutConfig
from vgrout.errors import ConfigError, JobFault, VgroutError
from vgrout.grading import GradeJob
from vgrout.rollouts.base import SampleRequest
from vgrout.rollouts.hf import HfEngine
from vgrout.train import checkpoint
from vgrout.train.ranks import SOLO, Ranks
from vgrout.train.sharded import ShardedGrader, prompts_of
from vgrout.train.torchrun import Place

MEASURED_OF_SAMPLER = {
    "sampler_gap_mean", "sampler_gap_max", "sampler_gap_by_policy", "sampler_gap_by_zone", "cut_nats_mean",
}  # fmt: skip
"""Made of the sampler's own log-probs, which are rounded by the rows decoded together."""


def metrics(path):
    return list(read_records(path / "metrics.jsonl", METRICS))


@pytest.fixture(scope="module")
def jobs():
    with RankJobs() as jobs:
        yield jobs


@pytest.fixture(scope="module")
def runs(jobs, tmp_path_factory):
    """World size to its uninterrupted run, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("ranks"), {}

    def of(world):
        if world not in made:
            made[world] = folder / f"run-{world}"
            ended = jobs.run(world, folder / f"job-{world}", "smoke", *TINY, "--run-dir", made[world])
            assert ended.statuses == [0] * world, ended.err
            # One rank speaks.
            assert [bool(text) for text in ended.out] == [True] + [False] * (world - 1)
            assert ended.err[1:] == [""] * (world - 1)
        return made[world]

    return of


def test_the_run_reaches_every_zone_in_several_batches(runs):
    rows = metrics(runs(1))
    assert all(sum(row[f"zone_{zone}"] or 0 for row in rows) for zone in ("keep", "absorb", "rout"))
    assert max(row["zone_absorb"] or 0 for row in rows) > 3, "more rows than a batch holds"


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_compute_what_one_process_does(runs, world):
    """Zones, thresholds, losses, the buffer and the weights: no tolerance, as batches and their order are the same."""
    one, several = runs(1), runs(world)
    for name in ("rollouts.jsonl", "eval.json", "config.json", "prompts.jsonl", CHECKPOINT):
        assert (several / name).read_bytes() == (one / name).read_bytes(), name
    for row, expected in zip(metrics(several), metrics(one), strict=True):
        assert {n: v for n, v in row.items() if n not in MEASURED_OF_SAMPLER} == {
            n: v for n, v in expected.items() if n not in MEASURED_OF_SAMPLER
        }
        # Rounding of float32 log-probs of a few nats.
        assert row["sampler_gap_max"] == pytest.approx(expected["sampler_gap_max"], abs=1e-5)


def test_a_sharded_base_is_in_pieces_and_trains_the_same_run(jobs, runs, tmp_path):
    path = tmp_path / "run"
    ended = jobs.run(
        2,
        tmp_path / "job",
        *("smoke", *TINY, "--base.shard", "True", "--run-dir", path),
        behaviours=dict.fromkeys((0, 1), ("weigh", 3)),
    )
    assert ended.statuses == [0, 0], ended.err
    assert ["weight 0.50" in text for text in ended.err] == [True, True]
    for name in ("rollouts.jsonl", "eval.json", CHECKPOINT):
        assert (path / name).read_bytes() == (runs(1) / name).read_bytes(), name


def test_one_process_cannot_shard(tmp_path):
    with pytest.raises(ConfigError, match=r"base\.shard: True needs several ranks\nhint: `torchrun"):
        tiny_run(tiny_config(tmp_path / "run", base__shard=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 4)])
def test_a_run_goes_on_at_another_world_size(jobs, runs, tmp_path, before, after):
    path = tmp_path / "run"
    stopped = jobs.run(
        before, tmp_path / "a", "smoke", *TINY, "--run-dir", path, behaviours={0: ("terminate", 3)}
    )
    assert set(stopped.statuses) == {130}
    ended = jobs.run(after, tmp_path / "b", "smoke", "--resume", path)
    assert set(ended.statuses) == {0}, ended.err
    for name in ("rollouts.jsonl", "eval.json", CHECKPOINT):
        assert (path / name).read_bytes() == (runs(1) / name).read_bytes(), name


def test_a_signal_to_one_rank_stops_all_after_the_same_step(jobs, tmp_path):
    path = tmp_path / "run"
    ended = jobs.run(3, tmp_path / "job", "smoke", *IDLE, "--run-dir", path, behaviours={2: ("terminate", 3)})
    assert ended.statuses == [130] * 3
    assert checkpoint.load(path / CHECKPOINT).step == 3
    said = "".join(ended.err)
    assert said.count(f"interrupted; saved after step 3 in {path}") == 1
    assert said.count("hint: go on with") == 1


def test_an_error_on_one_rank_ends_all_and_is_told_once(jobs, tmp_path):
    path = tmp_path / "run"
    ended = jobs.run(3, tmp_path / "job", "smoke", *IDLE, "--run-dir", path, behaviours={2: ("fail", 4)})
    assert ended.statuses == [1] * 3
    said = "".join(ended.err)
    assert ended.err[2] == "error: rank 2: the workers went home\n"
    assert said.count("error:") == 1
    assert "Traceback" not in said
    assert checkpoint.load(path / CHECKPOINT).step == 2


def test_a_killed_rank_ends_the_others_and_leaves_a_checkpoint(jobs, tmp_path):
    path = tmp_path / "run"
    ended = jobs.run(3, tmp_path / "job", "smoke", *IDLE, "--run-dir", path, behaviours={1: ("kill", 4)})
    assert ended.statuses == [1, -signal.SIGKILL, 1]
    said = "".join(ended.err)
    assert said.count("error: rank") == 1
    assert "another rank of the job has ended or does not answer" in said
    assert f"step 2 is saved; go on with `--resume {path}`" in said
    assert checkpoint.load(path / CHECKPOINT).step == 2
    assert ended.seconds < 30, "the connection's end is noticed, not its time-out"


def test_a_rank_that_does_not_answer_is_given_up_after_the_time_out(jobs, tmp_path):
    ended = jobs.run(
        2,
        tmp_path / "job",
        *("smoke", *IDLE, "--ranks.timeout-s", "5", "--run-dir", tmp_path / "run"),
        behaviours={1: ("stop", 3)},
    )
    assert ended.statuses == [1, -signal.SIGKILL]
    assert "another rank of the job has ended or does not answer" in ended.err[0]


def test_bad_input_is_told_once_and_leaves_nothing(jobs, tmp_path):
    for flags, message in (
        (("--data", "missing.jsonl"), "missing.jsonl"),
        (("--gate.warmup", "9999"), "gate.warmup: 9999 is above gate.capacity = 24"),
        (("--no-such-flag",), "no-such-flag"),
    ):
        ended = jobs.run(2, tmp_path / flags[0], "smoke", *IDLE, "--run-dir", tmp_path / "run", *flags)
        assert ended.statuses == [2, 2]
        assert "".join(ended.err).count(message) == 1, ended.err
        assert not (tmp_path / "run").exists()


def ranks_of(agent):
    """Rank to process id of what torchrun started."""
    found = {}
    for task in Path(f"/proc/{agent}/task").iterdir():
        for pid in (task / "children").read_text().split():
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            found |= {int(each[5:]): int(pid) for each in variables if each.startswith(b"RANK=")}
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)  # three processes import torch, on a busy machine one after another
def test_torchrun_ends_with_a_killed_rank_and_the_run_goes_on(jobs, tmp_path):
    path = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    with (tmp_path / "log").open("wb") as log:
        job = subprocess.Popen(
            [*command, "-m", "vgrout.train", "smoke", *IDLE, "--steps", "1000", "--run-dir", str(path)],
            env=jobs.environment,
            stdout=log,
            stderr=log,
        )
        try:
            assert until((path / CHECKPOINT).is_file, 250), (tmp_path / "log").read_text()
            ranks = ranks_of(job.pid)
            assert set(ranks) == {0, 1}
            os.kill(ranks[1], signal.SIGKILL)
            assert job.wait(timeout=90) != 0
        finally:
            job.terminate()
            job.wait()
    assert until(lambda: not Path(f"/proc/{ranks[0]}").exists())
    step = checkpoint.load(path / CHECKPOINT).step
    ended = jobs.run(1, tmp_path / "job", "smoke", "--resume", path, "--steps", step + 1)
    assert ended.statuses == [0], ended.err
    assert [row["step"] for row in metrics(path)] == list(range(1, step + 2))
    assert json.loads((path / "eval.json").read_text())["step"] == step + 1


def test_a_place_is_what_torchrun_says_and_alone_without_it():
    assert Place.of({"RANK": "3"}) == Place.of({}) == Place()
    assert Place.of({"RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "8"}) == Place(
        rank=9, world=16, local_rank=1, local_world=8
    )


def test_parts_of_a_request_draw_what_the_whole_draws():
    """Groups stay whole, and every answer has the random numbers of its place."""
    policy = tiny_policy(noise=0.1)
    whole = SampleRequest(
        prompts=((5, 6, 7), (8, 9), (10,), (11, 12), (13,)),
        counts=(2, 0, 3, 1, 2),
        ablated=(False, True, False, True, False),
        max_new_tokens=6,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        seed=3,
    )
    engine = HfEngine(policy, RolloutConfig())
    expected = [(a.prompt_index, a.completion) for a in engine.sample(whole)]
    for world in (1, 2, 3, 7):
        parts = [prompts_of(whole, rank, world) for rank in range(world)]
        found = [
            (first + a.prompt_index, a.completion)
            for part, first in parts
            if sum(part.counts)
            for a in engine.sample(part)
        ]
        assert found == expected, world


def test_ranks_that_went_apart_are_stopped():
    class Apart(Ranks):
        def gather(self, value):
            return [value, value, "other"]

    with pytest.raises(VgroutError, match=r"metrics of step 3 of ranks \[2\] differ from the first one's"):
        Apart().check_same("metrics of step 3", "mine")
    SOLO.check_same("anything", 1)


def test_a_fault_on_another_rank_names_the_job_of_the_whole_batch():
    class Grader:
        def grade(self, jobs, *, progress=None):
            raise JobFault("setup", [None, None], [(1, "raises")])

    class Second(Ranks):
        rank, world = 1, 3

    jobs = [GradeJob("x", ["assert f() == 1"])] * 6
    with pytest.raises(JobFault) as caught:
        ShardedGrader(Grader(), Second()).grade(jobs)
    assert caught.value.faults == [(4, "raises")]
