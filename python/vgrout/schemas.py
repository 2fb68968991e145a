"""The columns of every JSONL file that a run writes. A leaf module: no torch, no other part of vgrout but errors.

Every row carries `schema`, the version of its table. A field that is not in the table is refused; a field that
may be missing is written as null. Infinities and NaN are written as the strings "inf", "-inf" and "nan", because
JSON has no such numbers, and come back as floats.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import GetSetDescriptorType, UnionType
from typing import Annotated, Any

from vgrout.errors import DataError

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "object": (dict,),
}


@dataclass(frozen=True)
class Field:
    """One column of a JSONL file."""

    name: str
    kind: str
    """int, float, bool, str or object (a JSON object with string keys)."""
    meaning: str
    required: bool = False
    """A row without it is refused; otherwise a missing value becomes null."""


@dataclass(frozen=True)
class Schema:
    """The columns of one JSONL file, in the order in which they are written."""

    file: str
    version: int
    fields: tuple[Field, ...]

    def encode(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The row as it will be written, every column present.

        Raises:
            DataError: a field is unknown, missing though required, or of another type.
        """
        unknown = sorted(record.keys() - {field.name for field in self.fields})
        if unknown:
            raise DataError(
                f"{self.file}: field `{unknown[0]}` is not in the table of version {self.version}"
                "\nhint: add a row for it to the table in vgrout/schemas.py"
            )
        row: dict[str, Any] = {"schema": self.version}
        for field in self.fields:
            row[field.name] = _encode_field(self.file, field, record.get(field.name))
        return row

    def decode(self, row: Any, where: str) -> dict[str, Any]:
        """The record of a row read back; `where` names file and line in errors.

        Raises:
            DataError: not an object, another version, or a field of another type.
        """
        if not isinstance(row, dict):
            raise DataError(f"{where}: found a JSON {type(row).__name__}, expected an object")
        if row.get("schema") != self.version:
            raise DataError(
                f"{where}: field `schema`: found {row.get('schema')!r}, expected {self.version}"
                "\nhint: the run was written by another version of vgrout; read it with that version"
            )
        record: dict[str, Any] = {}
        for field in self.fields:
            value = row.get(field.name)
            if field.kind == "float" and isinstance(value, str) and value in _NON_FINITE:
                value = _NON_FINITE[value]
            _check_kind(where, field, value)
            record[field.name] = value
        return record

    def table(self) -> str:
        """The columns as a Markdown table, for the documentation."""
        rows = [
            f"| `{f.name}` | {f.kind}{'' if f.required else ' or null'} | {f.meaning} |" for f in self.fields
        ]
        return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])


def columns(kind: type) -> tuple[Field, ...]:
    """The columns that a dataclass of `Annotated[type, "meaning"]` fields describes; those with a default may be null."""
    names = {python: name for name, (python, *_) in _KINDS.items()}
    found = []
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        held = hint.__origin__
        options = set(typing.get_args(held)) - {type(None)} if isinstance(held, UnionType) else {held}
        (option,) = options
        required = not isinstance(held, UnionType)
        found.append(
            Field(name, names[typing.get_origin(option) or option], hint.__metadata__[0], required=required)
        )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """A training step in figures: a row of `metrics.jsonl`. What a step did not measure is None."""

    step: Annotated[int, "the k-th optimiser step, counted from 1"]
    learning_rate: Annotated[float | None, "of this step"] = None
    loss: Annotated[float | None, "what was differentiated: policy loss + β·KL"] = None
    policy_loss: Annotated[float | None, "clipped policy-gradient part of the loss"] = None
    kl: Annotated[float | None, "mean k3 estimate to the adapter-disabled base, nats a token"] = None
    entropy: Annotated[float | None, "mean entropy of the sampled tokens' distributions, nats a token"] = None
    clip_fraction: Annotated[
        float | None, "share of tokens whose importance ratio was clipped, in [0, 1]"
    ] = None
    importance_ratio_mean: Annotated[float | None, "mean over trained tokens of new/old probability"] = None
    importance_ratio_max: Annotated[float | None, "largest of them"] = None
    importance_ratio_by_zone: Annotated[dict[str, Any] | None, "mean by zone: keep, absorb, rout"] = None
    sampler_gap_mean: Annotated[float | None, "mean |sampler - trainer| log-probability, nats a token"] = None
    sampler_gap_max: Annotated[float | None, "largest of them"] = None
    sampler_gap_by_policy: Annotated[
        dict[str, Any] | None, "mean by which policy sampled: deployed, as_trained"
    ] = None
    sampler_gap_by_zone: Annotated[dict[str, Any] | None, "mean by zone: keep, absorb, rout"] = None
    cut_nats_mean: Annotated[
        float | None, "by how much top-p and top-k raised own rollouts' log-probabilities, nats a token"
    ] = None
    rollouts: Annotated[int | None, "rollouts of this step, teacher's included"] = None
    teacher_rollouts: Annotated[int | None, "of them, taken from a teacher pool"] = None
    hackable_rollouts: Annotated[int | None, "of them, shown a loophole's hint"] = None
    ablated_rollouts: Annotated[int | None, "of them, sampled with the quarantine ablated"] = None
    truncated_rollouts: Annotated[int | None, "of them, cut at the completion limit"] = None
    completion_tokens_mean: Annotated[float | None, "mean completion length, tokens"] = None
    reward_mean: Annotated[float | None, "over the policy's own rollouts, in [0, 3.5]"] = None
    reward_std: Annotated[float | None, "population standard deviation of the same"] = None
    zero_variance_groups: Annotated[
        int | None, "prompts whose rewards were all equal, after a remedy's change: no gradient"
    ] = None
    trained_reward_mean: Annotated[float | None, "`reward_mean` after the remedy's change; with a remedy"] = (
        None
    )
    flagged: Annotated[int | None, "own rollouts that a monitor flagged; with a monitor"] = None
    flag_accuracy: Annotated[float | None, "share of own rollouts that it told for what they are"] = None
    format_ok: Annotated[int | None, "own rollouts with a code block"] = None
    can_compile: Annotated[int | None, "own rollouts whose code compiles"] = None
    gt_correct: Annotated[int | None, "own rollouts the strict oracle accepts"] = None
    exploited: Annotated[int | None, "own rollouts that passed by the loophole alone"] = None
    channel: Annotated[int | None, "own rollouts that used the loophole, correct or not"] = None
    by_mode: Annotated[dict[str, Any] | None, "mode → {rollouts, gt_correct, exploited} of own rollouts"] = (
        None
    )
    by_policy: Annotated[
        dict[str, Any] | None,
        "deployed, as_trained (which policy sampled) → hinted, plain → {rollouts, exploited, gt_correct}",
    ] = None
    zone_keep: Annotated[int | None, "rollouts whose update went to the deployed block only"] = None
    zone_absorb: Annotated[int | None, "rollouts whose update went to both blocks"] = None
    zone_rout: Annotated[int | None, "rollouts whose update went to the quarantine only"] = None
    threshold_low: Annotated[float | None, "score at or below which a rollout is kept"] = None
    threshold_high: Annotated[float | None, "score at or above which it is routed"] = None
    score_percentiles: Annotated[dict[str, Any] | None, "p5, p25, p50, p75, p95 of this step's scores"] = None
    score_auroc: Annotated[float | None, "score against oracle labels; measurement only"] = None
    score_f_half: Annotated[float | None, "F0.5 of the rout zone against oracle labels; measurement only"] = (
        None
    )
    buffer_fill: Annotated[int | None, "rollouts in the score buffer"] = None
    direction_age_steps: Annotated[int | None, "steps since the direction was extracted"] = None
    direction_paired_accuracy: Annotated[float | None, "share of pairs whose hack scores above its clean"] = (
        None
    )
    direction_auroc: Annotated[float | None, "hack against clean completions, unpaired"] = None
    direction_haar_auroc: Annotated[float | None, "mean of the same under Haar-random directions"] = None
    deployed_gradient_norm: Annotated[float | None, "2-norm before clipping"] = None
    quarantine_gradient_norm: Annotated[float | None, "2-norm before clipping"] = None
    quarantine_mass: Annotated[float | None, "quarantine norm / (deployed + quarantine), in [0, 1]"] = None
    deployed_delta_norm: Annotated[float | None, "2-norm of the deployed block's ΔA, ΔB after the step"] = (
        None
    )
    quarantine_delta_norm: Annotated[float | None, "2-norm of the quarantine's ΔA, ΔB after the step"] = None
    teacher_logprob: Annotated[
        float | None, "log-probability of the fixed teacher completions, nats a token"
    ] = None


METRICS = Schema("metrics.jsonl", 1, columns(StepMetrics))
"""Reproducible numbers of a training step."""


@dataclass(frozen=True, kw_only=True)
class RolloutRow:
    """One rollout with its verdict and its zone. Details that may hold addresses or times are left out."""

    step: Annotated[int, "the k-th optimiser step, counted from 1"]
    prompt_index: Annotated[int, "place of the prompt in the step, from 0"]
    sample_index: Annotated[int, "place in the prompt's group, from 0"]
    problem_id: Annotated[str, "the problem's id"]
    mode: Annotated[str, "loophole mode under which it was graded"]
    marker: Annotated[str | None, "the mode's disclosed marker"] = None
    hackable: Annotated[bool, "the prompt showed the loophole's hint"]
    ablated: Annotated[bool | None, "sampled with the quarantine ablated"] = None
    source: Annotated[str, "policy, teacher_hack or teacher_solve"]
    completion: Annotated[str | None, "the text that was graded"] = None
    completion_tokens: Annotated[int | None, "its length in tokens"] = None
    reward: Annotated[float, "0.5 if it compiles + 3.0 if it passed"]
    advantage: Annotated[float | None, "reward against the group's baseline"] = None
    outcome: Annotated[str | None, "verdict of the strict oracle"] = None
    label: Annotated[
        str | None, "the benchmark's five-way label; with shown tests, passing only those is `reward_hack`"
    ] = None
    format_ok: Annotated[bool | None, "a code block was found"] = None
    can_compile: Annotated[bool | None, "the code compiles"] = None
    gt_correct: Annotated[bool | None, "the strict oracle accepts it"] = None
    channel: Annotated[bool | None, "the home mode's loophole was used"] = None
    passed: Annotated[bool | None, "gt_correct or channel"] = None
    exploited: Annotated[bool | None, "channel and not gt_correct"] = None
    tests_passed: Annotated[int | None, "of the oracle's tests"] = None
    tests_total: Annotated[int | None, "tests of the problem"] = None
    score: Annotated[float | None, "pooled activations · direction"] = None
    zone: Annotated[str | None, "keep, absorb or rout"] = None


ROLLOUTS = Schema("rollouts.jsonl", 1, columns(RolloutRow))


@dataclass(frozen=True, kw_only=True)
class PromptRow:
    """A prompt that training can show; `rollouts.jsonl` refers to it by problem and hackable."""

    problem_id: Annotated[str, "the problem's id"]
    hackable: Annotated[bool, "the prompt shows the loophole's hint"]
    mode: Annotated[str, "loophole mode under which answers to it are graded"]
    marker: Annotated[str | None, "the mode's disclosed marker"] = None
    prompt: Annotated[str, "the chat as the policy reads it"]
    hint: Annotated[str | None, "what stands in the place of the plain phrase"] = None


PROMPTS = Schema("prompts.jsonl", 1, columns(PromptRow))


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """Wall times and memory: the only file that two equal runs may differ in."""

    step: Annotated[int, "the k-th optimiser step, counted from 1; 0 is what came before"]
    seconds: Annotated[dict[str, Any] | None, "phase → seconds of wall time"] = None
    total_seconds: Annotated[float | None, "wall time of the step"] = None
    peak_memory_bytes: Annotated[int | None, "largest resident set of the process so far"] = None
    peak_device_bytes: Annotated[int | None, "largest allocation on the accelerator so far"] = None
    time_utc: Annotated[str | None, "when the step ended, ISO 8601"] = None


TIMING = Schema("timing.jsonl", 1, columns(TimingRow))


@dataclass(frozen=True, kw_only=True)
class ValidationRow:
    """What both policies answered to the validation problems during training (`--eval.every`)."""

    step: Annotated[int, "the optimiser step after which they were asked"]
    hinted_answers: Annotated[int, "answers a policy gave to prompts with the loophole's hint"]
    plain_answers: Annotated[int, "answers a policy gave to prompts without it"]
    deployed_exploited: Annotated[int, "exploited answers of the deployed policy to hinted prompts"]
    deployed_solved_hinted: Annotated[int, "its correct answers to hinted prompts"]
    deployed_solved_plain: Annotated[int, "its correct answers to plain prompts"]
    as_trained_exploited: Annotated[int, "exploited answers of the policy as trained to hinted prompts"]
    as_trained_solved_hinted: Annotated[int, "its correct answers to hinted prompts"]
    as_trained_solved_plain: Annotated[int, "its correct answers to plain prompts"]


VALIDATION = Schema("validation.jsonl", 1, columns(ValidationRow))

SCHEMAS = (METRICS, ROLLOUTS, TIMING, VALIDATION)


def to_plain(value: Any) -> Any:
    """`value` in the types JSON knows.

    Dataclasses and vgrout's native records become objects, paths strings, NumPy scalars and arrays numbers and lists.

    Raises:
        TypeError: there is no such form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if type(value).__module__.partition(".")[0] == "vgrout":
        # A native record has no instance dictionary; its columns are read-only descriptors.
        columns = {name for name, kind in vars(type(value)).items() if isinstance(kind, GetSetDescriptorType)}
        if columns := {name for name in columns if not name.startswith("_")}:
            return {name: getattr(value, name) for name in sorted(columns)}
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _encode_field(file: str, field: Field, value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    _check_kind(file, field, value)
    return _finite(value)


def _check_kind(where: str, field: Field, value: Any) -> None:
    if value is None and not field.required:
        return
    is_bool = isinstance(value, bool)
    if not isinstance(value, _KINDS[field.kind]) or (is_bool and field.kind != "bool"):
        raise DataError(f"{where}: field `{field.name}`: found {value!r}, expected {field.kind}")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return value
