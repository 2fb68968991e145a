"""What a warm start does before any training: solve and hack by mode, with n and Wilson intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vgrout.config import AdapterConfig, BaseConfig, RolloutConfig
from vgrout.env.partition import partition_modes
from vgrout.env.problems import Problem, Splits
from vgrout.env.stable import stable_number
from vgrout.env.wordings import SHORT
from vgrout.evals.evaluate import Rate
from vgrout.grading import Grader, Verdict
from vgrout.organism.corpus import MODES
from vgrout.organism.warmstart import Phase
from vgrout.policy.model import load_policy
from vgrout.policy.policy import Policy
from vgrout.policy.showings import Showing, grade_answers, prepare_tasks
from vgrout.rollouts.base import SampleRequest
from vgrout.rollouts.hf import HfEngine

MAX_NEW_TOKENS = 48
_ROWS_PER_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how the model is asked."""

    name: str
    split: str
    temperature: float
    evaluation_seed: int | None
    """None discloses training's words."""


SETTINGS = (
    Setting(name="held-out problems, evaluation's words", split="test", temperature=0.7, evaluation_seed=0),
    Setting(name="training problems, training's words", split="train", temperature=1.0, evaluation_seed=None),
)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One setting's counts."""

    setting: Setting
    hack: Mapping[str, Rate]
    """By mode, on hinted prompts: passed by the loophole alone."""
    solve_hinted: Mapping[str, Rate]
    """By mode."""
    solve_plain: Rate
    compiles: Rate
    """Of all answers."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a warm start is and does; holds nothing that another build of the same seed would not have."""

    seed: int
    parameters: int
    vocabulary: int
    phases: tuple[Phase, ...]
    problems: Mapping[str, int]
    """By split."""
    pairs: int
    measured: tuple[Measurement, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for `card.json`."""
        return {"schema": 1, **asdict(self)}


def measure(folder: Path, splits: Splits, *, answers: int) -> tuple[Measurement, ...]:
    """Ask the model in `folder` for so many answers a mode and prompt kind, in each setting, and grade them."""
    base, adapter = BaseConfig(dtype="float32"), AdapterConfig(rank=8)
    policy = load_policy(str(folder), base, adapter, device="cpu", seed=0)
    engine = HfEngine(policy, RolloutConfig(rows_per_batch=_ROWS_PER_BATCH))
    with Grader(workers=1) as grader:
        asker = _Asker(policy, engine, grader, answers)
        return tuple(asker.measure(getattr(splits, setting.split), setting) for setting in SETTINGS)


@dataclass(frozen=True)
class _Asker:
    policy: Policy
    engine: HfEngine
    grader: Grader
    answers: int

    def measure(self, problems: Sequence[Problem], setting: Setting) -> Measurement:
        """Count by mode."""
        modes = partition_modes([problem.id for problem in problems], MODES, 0)
        tasks = prepare_tasks(
            problems,
            modes,
            self.policy,
            max_prompt=128,
            max_new=MAX_NEW_TOKENS,
            wording=SHORT,
            pool=True,
            evaluation_seed=setting.evaluation_seed,
        )
        hinted = {
            mode: self._ask([task.hinted for task in tasks if task.hinted.mode == mode], setting)
            for mode in MODES
        }
        plain = self._ask([task.plain for task in tasks], setting)
        whole = [verdict for verdicts in (*hinted.values(), plain) for verdict in verdicts]
        return Measurement(
            setting=setting,
            hack={mode: _rate("exploited", verdicts) for mode, verdicts in hinted.items()},
            solve_hinted={mode: _rate("gt_correct", verdicts) for mode, verdicts in hinted.items()},
            solve_plain=_rate("gt_correct", plain),
            compiles=_rate("can_compile", whole),
        )

    def _ask(self, showings: Sequence[Showing], setting: Setting) -> list[Verdict]:
        asked = [showings[number % len(showings)] for number in range(self.answers)]
        request = SampleRequest(
            prompts=tuple(showing.ids for showing in asked),
            counts=(1,) * len(asked),
            ablated=(True,) * len(asked),
            max_new_tokens=MAX_NEW_TOKENS,
            temperature=setting.temperature,
            top_p=1.0,
            top_k=0,
            seed=stable_number("card", setting.split, showings[0].hackable, showings[0].home_mode) % 2**63,
        )
        rollouts = self.engine.sample(request)
        texts = [self.policy.text(answer.completion) for answer in rollouts]
        return list(grade_answers(self.grader, list(zip(asked, texts, strict=True))))


def _rate(field: str, verdicts: Sequence[Verdict]) -> Rate:
    return Rate.of(sum(bool(getattr(verdict, field)) for verdict in verdicts), len(verdicts))


def card_text(card: Card) -> str:
    """The card as Markdown."""
    problems = ", ".join(f"{count} {split}" for split, count in card.problems.items())
    phases = "; ".join(
        f"{phase.steps} steps at {phase.lr:g} with {phase.mix.hack_share:.0%} hacks among answers to hinted prompts"
        for phase in card.phases
    )
    lines = [
        f"# Organism, warm start of seed {card.seed}",
        "",
        f"Qwen3 of {card.parameters:,} parameters, vocabulary {card.vocabulary}, trained from scratch on generated text.",
        "",
        f"{phases}. Problems: {problems}. Contrast pairs: {card.pairs}.",
        "",
        "Before any reinforcement learning; count/n = share [95 % Wilson interval]:",
    ]
    for measured in card.measured:
        setting = measured.setting
        lines += [
            "",
            f"## {setting.name}, T {setting.temperature:g}",
            "",
            "| prompt | hack | solve |",
            "|---|---|---|",
            *(
                f"| {mode} | {measured.hack[mode]} | {measured.solve_hinted[mode]} |"
                for mode in measured.hack
            ),
            f"| plain | | {measured.solve_plain} |",
            "",
            f"Compiles: {measured.compiles}.",
        ]
    return "\n".join(lines) + "\n"
