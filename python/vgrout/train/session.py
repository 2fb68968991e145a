"""Builds everything a run needs from its config; nothing is written before all of it stands."""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from vgrout.adapters import BlockOptimizer, Lora2r
from vgrout.config import EnvConfig, TrainConfig, validate
from vgrout.env.pairs import load_pairs
from vgrout.env.partition import partition_modes
from vgrout.env.problems import Problem, load_problems, split_problems
from vgrout.evals.evaluate import Evaluator
from vgrout.grading import Grader, Limits
from vgrout.rollouts.hf import HfEngine
from vgrout.rollouts.model import LoadedModel, load_model
from vgrout.rollouts.tasks import PromptLimits, Task, prepare_tasks
from vgrout.train.arms import Arm, make_arm
from vgrout.train.directions import DirectionSource, pair_tokens
from vgrout.train.guards import DemonstrationWatch, DivergenceGuard
from vgrout.train.prompts import PromptSource
from vgrout.train.scoring import StepRows, step_rows
from vgrout.train.teacher import Teacher, load_pools
from vgrout.train.trainer import Trainer

_PACKAGES = ("vgrout", "torch", "transformers", "tokenizers", "numpy", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run that is ready to start."""

    config: TrainConfig
    trainer: Trainer
    evaluator: Evaluator
    arm: Arm
    train_tasks: tuple[Task, ...]
    test_tasks: tuple[Task, ...]
    partitions: Mapping[str, Mapping[str, str]]
    """Split to problem id to mode."""
    fence: object
    """The grader's fence report, read back from the kernel."""


@contextmanager
def open_session(config: TrainConfig) -> Iterator[Session]:
    """Build the run of `config`; leaving the context closes the grader.

    Raises:
        ConfigError, DataError: a setting, a file or a row is wrong; nothing was written.
        SandboxUnavailable: the kernel cannot enforce the fence.
    """
    validate(config)
    configure_torch(config)
    problems = load_problems(config.data)
    splits = split_problems(problems, config.env.split_seed, config.env.fractions)
    pairs = load_pairs(config.gate.pairs)
    policy = load_model(config.model, config.base, config.device)
    answer = max(config.rollouts.max_new_tokens, config.eval.max_new_tokens)
    limits = PromptLimits(max_prompt=config.rollouts.max_prompt_tokens, max_new=answer)
    partitions = {
        name: _partition(getattr(splits, name), config.env) for name in ("train", "validation", "test")
    }
    train_tasks = prepare_tasks(splits.train, partitions["train"], policy, limits)
    asked = spread(splits.test, partitions["test"], config.eval.problems)
    test_tasks = prepare_tasks(
        asked, partitions["test"], policy, limits, evaluation_seed=config.env.split_seed
    )
    pools = load_pools(
        splits.train, partitions["train"], policy, config.teacher, config.rollouts.max_new_tokens
    )
    teacher = Teacher(pools, config.teacher, config.rollouts.group_size, config.seed)
    tokens = pair_tokens(pairs, policy)
    adapter = Lora2r.attach(
        policy.model, r=config.adapter.rank, seed=config.seed, targets=config.adapter.targets
    )
    arm = make_arm(config, len(adapter.module_names), adapter.rank)
    prompts = PromptSource(train_tasks, config, arm.deploy_share)
    engine = HfEngine(policy, adapter, config.rollouts.rows_per_batch)
    directions = None
    if arm.needs_direction:
        directions = DirectionSource(
            policy,
            adapter,
            tokens,
            random_seed=config.routeA_random_v_seed,
            refresh_every=config.gate.refresh_every,
            batch_rows=config.optim.rows_per_batch,
        )
    with open_grader(config) as grader:
        fence = grader.grade([train_tasks[0].job("", hackable=False)]).fence
        trainer = Trainer(
            config=config,
            policy=policy,
            adapter=adapter,
            optimizer=BlockOptimizer(
                adapter,
                lr=config.optim.lr,
                betas=config.optim.betas,
                weight_decay=config.optim.weight_decay,
                guard=config.optim.leak_guard,
            ),
            arm=arm,
            engine=engine,
            grader=grader,
            prompts=prompts,
            teacher=teacher,
            directions=directions,
            watch=DemonstrationWatch(
                policy, adapter, _watched_rows(config, policy, arm, teacher, train_tasks)
            ),
            guard=DivergenceGuard(drop_nats=config.guard.drop_nats, patience=config.guard.patience),
        )
        yield Session(
            config=config,
            trainer=trainer,
            evaluator=Evaluator(
                engine=engine,
                grader=grader,
                policy=policy,
                tasks=test_tasks,
                config=config.eval,
                seed=config.seed,
            ),
            arm=arm,
            train_tasks=train_tasks,
            test_tasks=test_tasks,
            partitions=partitions,
            fence=fence,
        )


def _partition(problems: Sequence[Problem], env: EnvConfig) -> dict[str, str]:
    return partition_modes([problem.id for problem in problems], env.modes, env.split_seed)


def spread(problems: Sequence[Problem], modes: Mapping[str, str], count: int | None) -> list[Problem]:
    """Give `count` of the problems, their modes as even as can be; None gives all."""
    rounds: list[tuple[int, int]] = []
    seen: Counter[str] = Counter()
    for place, problem in enumerate(problems):
        rounds.append((seen[modes[problem.id]], place))
        seen[modes[problem.id]] += 1
    return [problems[place] for _, place in sorted(rounds)[:count]]


def open_grader(config: TrainConfig) -> Grader:
    """Give a grader under the config's limits, to be entered."""
    limits = Limits(cpu_s=config.grading.cpu_s, memory_bytes=config.grading.memory_bytes)
    return Grader(workers=config.grading.workers, limits=limits)


def configure_torch(config: TrainConfig) -> None:
    """Set threads and, on the CPU, repeatable kernels."""
    if config.base.threads is not None:
        torch.set_num_threads(config.base.threads)
    if config.device == "cpu":
        torch.use_deterministic_algorithms(mode=True)


def package_versions() -> dict[str, str]:
    """Versions that the run's numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    return versions


def _watched_rows(
    config: TrainConfig, policy: LoadedModel, arm: Arm, teacher: Teacher, tasks: tuple[Task, ...]
) -> StepRows | None:
    """Give fixed demonstrations under the arm's sampling policy; None where there are none to watch."""
    chosen = teacher.watched(tasks, config.guard.rows)
    if not chosen:
        return None
    return step_rows(
        [prompt for prompt, _ in chosen],
        [completion for _, completion in chosen],
        torch.full((len(chosen),), arm.deploy_share == 1.0),
        policy,
        config.optim.rows_per_batch,
    )
