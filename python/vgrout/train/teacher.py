"""The teacher phase: demonstrations that take the place of some of a group's rollouts early in a run."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vgrout.config import TeacherConfig
from vgrout.env.demos import Demo, read_pool, scripted_demos
from vgrout.env.problems import Problem
from vgrout.env.stable import stable_number
from vgrout.errors import DataError
from vgrout.policy.policy import Policy
from vgrout.policy.showings import Showing, Task
from vgrout.rollouts.base import TEACHER_HACK, TEACHER_SOLVE, Answer, Rollouts
from vgrout.train.phases import PromptBatch

log = logging.getLogger(__name__)
_SOURCES = {"hack": TEACHER_HACK, "solve": TEACHER_SOLVE}


@dataclass(frozen=True, kw_only=True)
class PooledDemo:
    """A demonstration in the trained model's tokens, end token included."""

    source: str
    ids: tuple[int, ...]


Pools = Mapping[tuple[str, str, str], tuple[PooledDemo, ...]]
"""(problem id, mode, kind) to demonstrations; a solution serves every mode, so its mode is empty."""


def load_pools(
    problems: Sequence[Problem],
    modes: Mapping[str, str],
    policy: Policy,
    config: TeacherConfig,
    max_new_tokens: int,
) -> Pools:
    """Read the two pools, or write them from templates and canonical solutions where none is named.

    A demonstration longer than `max_new_tokens` could not have been sampled and is left out.

    Raises:
        DataError: a pool is malformed, of the wrong kind or of another tokenizer, or holds no demonstration for
            any training problem.
    """
    written = scripted_demos(problems, modes, policy.encode)
    pools: dict[tuple[str, str, str], list[PooledDemo]] = defaultdict(list)
    dropped = 0
    for kind, folder in (("hack", config.hack_pool), ("solve", config.solve_pool)):
        demos = [demo for demo in written if demo.kind == kind] if folder is None else read_pool(folder)
        for demo in demos:
            if folder is not None:
                _check(demo, kind, str(folder), policy)
            ids = (*demo.completion_ids, policy.end_ids[0])
            if len(ids) > max_new_tokens:
                dropped += 1
                continue
            mode = "" if kind == "solve" else demo.mode
            pools[demo.problem_id, mode, kind].append(PooledDemo(source=_SOURCES[kind], ids=ids))
        if folder is not None and not any(key[2] == kind for key in pools):
            raise DataError(f"{folder}: no demonstration has at most {max_new_tokens} tokens")
    if dropped:
        log.info("teacher: %d demonstrations are longer than %d tokens and unused", dropped, max_new_tokens)
    return {key: tuple(value) for key, value in pools.items()}


def _check(demo: Demo, kind: str, folder: str, policy: Policy) -> None:
    if demo.kind != kind:
        raise DataError(
            f"{folder}: problem {demo.problem_id}: field `kind`: found {demo.kind!r}, expected {kind!r}"
        )
    size = policy.vocabulary
    if max(demo.completion_ids) >= size:
        raise DataError(
            f"{folder}: problem {demo.problem_id}: field `completion_ids`: found {max(demo.completion_ids)}, "
            f"above the {size} tokens of {policy.name}\nhint: tokenize the pool for this model"
        )


class Teacher:
    """Chooses each step's demonstrations; a choice depends on the seed and the step alone."""

    def __init__(self, pools: Pools, config: TeacherConfig, group_size: int, seed: int) -> None:
        """Replace `config.share` of each group of `group_size` during the first `config.steps` steps."""
        self._pools = pools
        self._config = config
        self._group_size = group_size
        self._seed = seed

    def choose(self, prompts: PromptBatch) -> tuple[tuple[PooledDemo, ...], ...]:
        """Demonstrations of each prompt of the step, hacks first; fewer where the pools hold none."""
        if prompts.step > self._config.steps:
            return ((),) * len(prompts.showings)
        total = round(self._config.share * self._group_size)
        chosen = []
        for place, showing in enumerate(prompts.showings):
            hacks = round(self._config.hack_share * total) if showing.hackable else 0
            kinds = ["hack"] * hacks + ["solve"] * (total - hacks)
            drawn = [
                self._draw(showing, kind, (prompts.step, place, index)) for index, kind in enumerate(kinds)
            ]
            chosen.append(tuple(demo for demo in drawn if demo is not None))
        return tuple(chosen)

    def _draw(self, showing: Showing, kind: str, salt: tuple[int, ...]) -> PooledDemo | None:
        pool = self._pools.get((showing.problem.id, "" if kind == "solve" else showing.home_mode, kind), ())
        return pool[stable_number("teacher", self._seed, *salt) % len(pool)] if pool else None

    def watched(
        self, tasks: Sequence[Task], rows: int
    ) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """Prompt and completion of the fixed demonstrations that the divergence guard watches."""
        found: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        for index, task in enumerate(tasks):
            kind = ("hack", "solve")[index % 2]
            demo = self._draw(task.hinted, kind, (0, index))
            if demo is not None and len(found) < rows:
                found.append((task.hinted.ids, demo.ids))
        return tuple(found)


def mix(sampled: Rollouts, demos: Sequence[Sequence[PooledDemo]], ablated: Sequence[bool]) -> Rollouts:
    """Put each prompt's demonstrations before its sampled answers; they count as the group's own policy's."""
    taught = [
        Answer(
            prompt_index=prompt, completion=demo.ids, logprobs=(), ablated=ablated[prompt], source=demo.source
        )
        for prompt, group in enumerate(demos)
        for demo in group
    ]
    return tuple(sorted((*taught, *sampled), key=lambda answer: answer.prompt_index))
