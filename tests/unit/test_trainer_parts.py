"""Schedule, shares, guard, checkpoint, demonstrations and scoring, each by itself."""

import math
from dataclasses import replace

import pytest
import torch

from tiny import tiny_policy
from vgrout.adapters import RouteMask
from vgrout.config import OptimConfig, TeacherConfig
from vgrout.env import load_problems, rotating_slots, scripted_demos, write_pool
from vgrout.errors import ConfigError, DataError, Diverged
from vgrout.grpo import completion_logprobs
from vgrout.policy.showings import prepare_tasks
from vgrout.presets import SMOKE
from vgrout.rollouts.base import Answer
from vgrout.train.guards import DivergenceGuard
from vgrout.train.interrupts import Interrupts
from vgrout.train.phases import PromptBatch
from vgrout.train.prompts import PromptSource
from vgrout.train.schedule import learning_rate
from vgrout.train.scoring import behaviour_logprobs, reference_logprobs, score_rollouts
from vgrout.train.session import easiest, spread
from vgrout.train.teacher import PooledDemo, Teacher, load_pools, mix

# --- schedule and shares


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 0.84, 0.68, 0.52, 0.36]),
        ("cosine", [0.5, 1.0] + [0.2 + 0.8 * (1 + math.cos(math.pi * k / 5)) / 2 for k in (1, 2, 3, 4)]),
    ],
)
def test_learning_rate_warms_up_then_falls_to_its_final_share(schedule, rates):
    optim = OptimConfig(lr=1.0, warmup_steps=2, schedule=schedule, final_share=0.2)
    assert [learning_rate(step, 6, optim) for step in range(1, 7)] == pytest.approx(rates, abs=1e-12)


def test_a_warmup_longer_than_the_run_reaches_the_peak_at_its_end():
    optim = OptimConfig(lr=1.0, warmup_steps=10)
    assert [learning_rate(step, 4, optim) for step in range(1, 5)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0])
def test_a_share_of_prompts_is_kept_over_any_number_of_steps(share):
    total = 0
    for step in range(1, 41):
        total += sum(rotating_slots("deploy", step, 3, share, seed=5))
        assert abs(total - share * 3 * step) < 1 + 1e-9


def test_the_places_of_a_share_rotate():
    slots = {rotating_slots("deploy", step, 4, 0.25, seed=0) for step in range(1, 40)}
    assert len(slots) == 4


# --- prompts


@pytest.fixture(scope="module")
def policy():
    return tiny_policy()


@pytest.fixture(scope="module")
def tasks(policy):
    problems = load_problems()[:6]
    modes = {problem.id: ("exit_code", "sentinel")[index % 2] for index, problem in enumerate(problems)}
    return prepare_tasks(problems, modes, policy, max_prompt=9000, max_new=64)


def test_every_epoch_asks_each_problem_once(tasks):
    config = replace(SMOKE, rollouts=replace(SMOKE.rollouts, prompts_per_step=4))
    source = PromptSource(tasks, config, deploy_share=0.5)
    asked = [shown.problem.id for step in range(1, 4) for shown in source.draw(step).showings]
    assert sorted(asked[:6]) == sorted(asked[6:]) == sorted(task.problem.id for task in tasks)
    assert asked[:6] != asked[6:]


def test_a_draw_depends_on_the_step_alone(tasks):
    first, second = (PromptSource(tasks, SMOKE, deploy_share=0.25) for _ in range(2))
    first.draw(1)
    first.draw(9)
    assert first.draw(4) == second.draw(4)


def test_more_prompts_than_problems_are_refused(tasks):
    with pytest.raises(ConfigError, match="prompts_per_step: 4 is above the 3 training problems"):
        PromptSource(tasks[:3], SMOKE, deploy_share=0.0)


def test_hinted_and_plain_prompts_are_graded_by_their_own_modes(tasks):
    task = tasks[1]
    assert task.hinted.ids != task.plain.ids
    assert (task.hinted.job("x").mode, task.hinted.job("x").marker) == ("sentinel", "valid")
    assert task.plain.job("x").mode == "gt_only"


def test_evaluation_markers_differ_from_trainings(policy, tasks):
    problems = [task.problem for task in tasks]
    modes = {task.problem.id: task.hinted.mode for task in tasks}
    held_out = prepare_tasks(problems, modes, policy, max_prompt=9000, max_new=64, evaluation_seed=0)
    shown = [(a.hinted, b.hinted) for a, b in zip(tasks, held_out, strict=True)]
    pairs = [(a.marker, b.marker) for a, b in shown if a.mode == "sentinel"]
    assert pairs
    assert all(training == "valid" != evaluation for training, evaluation in pairs)


def test_a_cut_test_set_spreads_over_the_modes(tasks):
    problems = [task.problem for task in tasks]
    kinds = ["x", "x", "x", "y", "y", "z"]
    modes = dict(zip([p.id for p in problems], kinds, strict=True))
    assert sorted(modes[p.id] for p in spread(problems, kinds, 3)) == ["x", "y", "z"]
    assert sorted(p.id for p in spread(problems, kinds, None)) == sorted(modes)


def test_the_easiest_problems_are_kept_in_their_order():
    problems = [
        replace(load_problems()[0], id=name, difficulty=level, canonical_solution="x" * length)
        for name, level, length in (("a", "hard", 1), ("b", "easy", 9), ("c", "Hard", 2), ("d", "easy", 5), ("e", "medium", 1))
    ]  # fmt: skip
    assert [p.id for p in easiest(problems, 1)] == ["d"]
    assert [p.id for p in easiest(problems, 3)] == ["b", "d", "e"]
    assert [p.id for p in easiest(problems, None)] == ["a", "b", "c", "d", "e"]


# --- teacher


def batch(tasks, step, hackable):
    showings = tuple(task.showing(hackable=own) for task, own in zip(tasks, hackable, strict=True))
    return PromptBatch(step=step, showings=showings, ablated=(False,) * len(tasks))


def pools_of(tasks, policy, **settings):
    problems, modes = [t.problem for t in tasks], {t.problem.id: t.hinted.mode for t in tasks}
    return load_pools(problems, modes, policy, TeacherConfig(**settings), 512)


def test_demonstrations_fill_their_share_during_the_first_steps_only(tasks, policy):
    teacher = Teacher(pools_of(tasks, policy), TeacherConfig(steps=3, share=0.5, hack_share=0.5), 8, seed=0)
    chosen = teacher.choose(batch(tasks[:2], 3, (True, False)))
    assert [[demo.source for demo in group] for group in chosen] == [
        ["teacher_hack", "teacher_hack", "teacher_solve", "teacher_solve"],
        ["teacher_solve"] * 4,
    ]
    assert teacher.choose(batch(tasks[:2], 4, (True, False))) == ((), ())


def test_demonstrations_end_with_the_end_token(tasks, policy):
    for pool in pools_of(tasks, policy).values():
        assert all(demo.ids[-1] == policy.end_ids[0] for demo in pool)


def test_pools_on_disk_replace_the_written_ones(tasks, policy, tmp_path):
    problems, modes = [t.problem for t in tasks], {t.problem.id: t.hinted.mode for t in tasks}
    demos = scripted_demos(problems, modes, policy.encode)
    write_pool(tmp_path / "solve", [replace(d, completion_ids=(70, 71)) for d in demos if d.kind == "solve"])
    pools = pools_of(tasks, policy, solve_pool=tmp_path / "solve")
    assert pools[problems[0].id, "", "solve"] == (
        PooledDemo(source="teacher_solve", ids=(70, 71, policy.end_ids[0])),
    )
    with pytest.raises(DataError, match="field `kind`: found 'solve', expected 'hack'"):
        pools_of(tasks, policy, hack_pool=tmp_path / "solve")
    write_pool(
        tmp_path / "foreign", [replace(d, completion_ids=(151_000,)) for d in demos if d.kind == "hack"]
    )
    with pytest.raises(DataError, match="found 151000, above the 1024 tokens"):
        pools_of(tasks, policy, hack_pool=tmp_path / "foreign")


def test_mixing_puts_demonstrations_first_and_keeps_groups_together():
    own = (
        Answer(prompt_index=0, completion=(1, 2), logprobs=(-1.0, -1.5), ablated=False),
        Answer(prompt_index=1, completion=(3,), logprobs=(-2.0,), ablated=True),
        Answer(prompt_index=1, completion=(4,), logprobs=(-2.5,), ablated=True),
    )
    demo = PooledDemo(source="teacher_hack", ids=(9, 9))
    mixed = mix(own, [(demo,), ()], (False, True))
    assert mixed == (
        Answer(prompt_index=0, completion=(9, 9), logprobs=(), ablated=False, source="teacher_hack"),
        *own,
    )


# --- guard


def test_two_steps_below_the_bound_stop_the_run():
    guard = DivergenceGuard(drop_nats=5.0, patience=2)
    for value in (-3.0, -2.0, -7.1, -6.9, -7.1):
        guard.check(value)
    with pytest.raises(
        Diverged, match=r"is -8\.00 nats a token, more than 5 below its best of -2\.0 for 2 steps"
    ):
        guard.check(-8.0)


def test_a_value_that_is_no_number_stops_the_run_at_once():
    guard = DivergenceGuard(drop_nats=5.0, patience=2)
    guard.check(-2.0)
    with pytest.raises(Diverged):
        guard.check(math.nan)


def test_a_resumed_guard_remembers():
    guard = DivergenceGuard(drop_nats=5.0, patience=2)
    for value in (-2.0, -9.0):
        guard.check(value)
    resumed = DivergenceGuard(drop_nats=5.0, patience=2)
    resumed.load_state_dict(guard.state_dict())
    with pytest.raises(Diverged):
        resumed.check(-9.0)


# --- scoring

MIXED = (False, True, False, True)


@pytest.fixture(scope="module")
def rows_and_model():
    policy = tiny_policy(noise=0.3)
    prompts = [policy.encode(text) for text in ("Sort.", "Add these two numbers.", "Say hi", "x y z")]
    completions = [policy.encode(text) for text in ("return sorted(a)", "a+b", "hello there you", "q")]
    return policy, lambda *ablated: policy.batches(prompts, completions, ablated, rows_per_batch=3)


def solo_logprobs(policy, rows, row):
    """Log-probs of one row by itself, 0 beyond its end."""
    (found,) = [(batch, (batch.rows == row).nonzero()[0, 0]) for batch in rows.batches if row in batch.rows]
    tokens, at = found[0].tokens, found[0].tokens.row_of[found[1]]
    prompt = tokens.prompt_of[at]
    ids = torch.cat(
        [
            tokens.prompts.input_ids[prompt][tokens.prompts.attention_mask[prompt]],
            tokens.completions[at][tokens.token_mask[at]],
        ]
    )[None]
    columns = torch.arange(ids.shape[1])[None] >= tokens.prompts.attention_mask[prompt].sum()
    logprobs = completion_logprobs(policy.model, ids, None, columns, temperature=0.7)[0]
    return torch.nn.functional.pad(logprobs, (0, rows.width - len(logprobs)))


def test_old_logprobs_are_of_the_policy_that_sampled_each_row(rows_and_model):
    policy, sampled_by = rows_and_model
    rows = sampled_by(*MIXED)
    old_logprobs, _ = score_rollouts(policy, rows, temperature=0.7)
    # One forward reads a token more than the other, and a processor may sum it otherwise.
    alone = behaviour_logprobs(policy, rows, temperature=0.7)
    torch.testing.assert_close(alone, old_logprobs, rtol=0, atol=1e-5)
    for row, ablated in enumerate(rows.ablated.tolist()):
        with torch.no_grad(), policy.adapter.routing(RouteMask.sampled(torch.tensor([ablated]))):
            assert torch.allclose(old_logprobs[row], solo_logprobs(policy, rows, row), atol=1e-5)
        with torch.no_grad(), policy.adapter.routing(RouteMask.sampled(torch.tensor([not ablated]))):
            assert not torch.allclose(old_logprobs[row], solo_logprobs(policy, rows, row), atol=1e-2)


def test_activations_are_taken_with_the_quarantine_ablated_whoever_sampled(rows_and_model):
    policy, sampled_by = rows_and_model
    mixed, pure = (
        score_rollouts(policy, rows, temperature=0.7)[1].pooled
        for rows in (sampled_by(*MIXED), sampled_by(True, True, True, True))
    )
    assert torch.allclose(mixed, pure, atol=1e-5)
    assert mixed.shape == (4, len(policy.adapter.module_names), policy.adapter.rank)


def test_activations_may_be_those_of_the_forward_that_gives_the_old_logprobs(rows_and_model):
    policy, sampled_by = rows_and_model
    rows = sampled_by(*MIXED)
    old, scored = score_rollouts(policy, rows, temperature=0.7, ablated=False)
    wanted, read_again = score_rollouts(policy, rows, temperature=0.7)
    assert torch.equal(old, wanted)
    same = [
        torch.allclose(one, other, atol=1e-6)
        for one, other in zip(scored.pooled, read_again.pooled, strict=True)
    ]
    assert same == list(MIXED)


def test_reference_logprobs_are_the_base_models(rows_and_model):
    policy, sampled_by = rows_and_model
    rows = sampled_by(*MIXED)
    reference = reference_logprobs(policy, rows, temperature=0.7)
    bare = tiny_policy()
    for row in range(4):
        with torch.no_grad():
            assert torch.allclose(reference[row], solo_logprobs(bare, rows, row), atol=1e-5)


def test_outside_the_main_thread_interrupts_change_nothing():
    import signal
    import threading

    before = signal.getsignal(signal.SIGINT)
    seen = []

    def enter():
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
