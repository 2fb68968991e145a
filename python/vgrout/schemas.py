"""The columns of every JSONL file that a run writes. A leaf module: no torch, no other part of vgrout but errors.

Every row carries `schema`, the version of its table. A field that is not in the table is refused; a field that
may be missing is written as null. Infinities and NaN are written as the strings "inf", "-inf" and "nan", because
JSON has no such numbers, and come back as floats.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import GetSetDescriptorType
from typing import Any

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
                "\nhint: add a row for it to the table in vgrout/artifacts.py"
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


METRICS = Schema(
    "metrics.jsonl",
    1,
    (
        Field("step", "int", "the k-th optimiser step, counted from 1", required=True),
        Field("learning_rate", "float", "of this step"),
        Field("loss", "float", "what was differentiated: policy loss + β·KL"),
        Field("policy_loss", "float", "clipped policy-gradient part of the loss"),
        Field("kl", "float", "mean k3 estimate to the adapter-disabled base, nats a token"),
        Field("entropy", "float", "mean entropy of the sampled tokens' distributions, nats a token"),
        Field("clip_fraction", "float", "share of tokens whose importance ratio was clipped, in [0, 1]"),
        Field("importance_ratio_mean", "float", "mean over trained tokens of new/old probability"),
        Field("importance_ratio_max", "float", "largest of them"),
        Field("importance_ratio_by_zone", "object", "mean by zone: keep, absorb, rout"),
        Field("sampler_gap_mean", "float", "mean |sampler - trainer| log-probability, nats a token"),
        Field("sampler_gap_max", "float", "largest of them"),
        Field("rollouts", "int", "rollouts of this step, teacher's included"),
        Field("teacher_rollouts", "int", "of them, taken from a teacher pool"),
        Field("hackable_rollouts", "int", "of them, shown a loophole's hint"),
        Field("ablated_rollouts", "int", "of them, sampled with the quarantine ablated"),
        Field("truncated_rollouts", "int", "of them, cut at the completion limit"),
        Field("completion_tokens_mean", "float", "mean completion length, tokens"),
        Field("reward_mean", "float", "over the policy's own rollouts, in [0, 3.5]"),
        Field("reward_std", "float", "population standard deviation of the same"),
        Field("zero_variance_groups", "int", "prompts whose rewards were all equal: no gradient"),
        Field("format_ok", "int", "own rollouts with a code block"),
        Field("can_compile", "int", "own rollouts whose code compiles"),
        Field("gt_correct", "int", "own rollouts the strict oracle accepts"),
        Field("exploited", "int", "own rollouts that passed by the loophole alone"),
        Field("channel", "int", "own rollouts that used the loophole, correct or not"),
        Field("by_mode", "object", "mode → {rollouts, gt_correct, exploited} of own rollouts"),
        Field(
            "by_policy",
            "object",
            "deployed, as_trained (which policy sampled) → hinted, plain → {rollouts, exploited, gt_correct}",
        ),
        Field("zone_keep", "int", "rollouts whose update went to the deployed block only"),
        Field("zone_absorb", "int", "rollouts whose update went to both blocks"),
        Field("zone_rout", "int", "rollouts whose update went to the quarantine only"),
        Field("threshold_low", "float", "score at or below which a rollout is kept"),
        Field("threshold_high", "float", "score at or above which it is routed"),
        Field("score_percentiles", "object", "p5, p25, p50, p75, p95 of this step's scores"),
        Field("score_auroc", "float", "score against oracle labels; measurement only"),
        Field("score_f_half", "float", "F0.5 of the rout zone against oracle labels; measurement only"),
        Field("buffer_fill", "int", "rollouts in the score buffer"),
        Field("direction_age_steps", "int", "steps since the direction was extracted"),
        Field("direction_paired_accuracy", "float", "share of pairs whose hack scores above its clean"),
        Field("direction_auroc", "float", "hack against clean completions, unpaired"),
        Field("direction_haar_auroc", "float", "mean of the same under Haar-random directions"),
        Field("deployed_gradient_norm", "float", "2-norm before clipping"),
        Field("quarantine_gradient_norm", "float", "2-norm before clipping"),
        Field("quarantine_mass", "float", "quarantine norm / (deployed + quarantine), in [0, 1]"),
        Field("deployed_delta_norm", "float", "2-norm of the deployed block's ΔA, ΔB after the step"),
        Field("quarantine_delta_norm", "float", "2-norm of the quarantine's ΔA, ΔB after the step"),
        Field("teacher_logprob", "float", "log-probability of the fixed teacher completions, nats a token"),
    ),
)
"""Reproducible numbers of a training step."""

ROLLOUTS = Schema(
    "rollouts.jsonl",
    1,
    (
        Field("step", "int", "the k-th optimiser step, counted from 1", required=True),
        Field("prompt_index", "int", "place of the prompt in the step, from 0", required=True),
        Field("sample_index", "int", "place in the prompt's group, from 0", required=True),
        Field("problem_id", "str", "the problem's id", required=True),
        Field("mode", "str", "loophole mode under which it was graded", required=True),
        Field("marker", "str", "the mode's disclosed marker"),
        Field("hackable", "bool", "the prompt showed the loophole's hint", required=True),
        Field("ablated", "bool", "sampled with the quarantine ablated"),
        Field("source", "str", "policy, teacher_hack or teacher_solve", required=True),
        Field("completion", "str", "the text that was graded"),
        Field("completion_tokens", "int", "its length in tokens"),
        Field("reward", "float", "0.5 if it compiles + 3.0 if it passed", required=True),
        Field("advantage", "float", "reward against the group's baseline"),
        Field("outcome", "str", "verdict of the strict oracle"),
        Field(
            "label",
            "str",
            "the benchmark's five-way label; with shown tests, passing only those is `reward_hack`",
        ),
        Field("format_ok", "bool", "a code block was found"),
        Field("can_compile", "bool", "the code compiles"),
        Field("gt_correct", "bool", "the strict oracle accepts it"),
        Field("channel", "bool", "the home mode's loophole was used"),
        Field("passed", "bool", "gt_correct or channel"),
        Field("exploited", "bool", "channel and not gt_correct"),
        Field("tests_passed", "int", "of the oracle's tests"),
        Field("tests_total", "int", "tests of the problem"),
        Field("score", "float", "pooled activations · direction"),
        Field("zone", "str", "keep, absorb or rout"),
    ),
)
"""One rollout with its verdict and its zone. Details that may hold addresses or times are left out."""

PROMPTS = Schema(
    "prompts.jsonl",
    1,
    (
        Field("problem_id", "str", "the problem's id", required=True),
        Field("hackable", "bool", "the prompt shows the loophole's hint", required=True),
        Field("mode", "str", "loophole mode under which answers to it are graded", required=True),
        Field("marker", "str", "the mode's disclosed marker"),
        Field("prompt", "str", "the chat as the policy reads it", required=True),
        Field("hint", "str", "what stands in the place of the plain phrase"),
    ),
)
"""Every prompt that training can show; `rollouts.jsonl` refers to it by problem and hackable."""

TIMING = Schema(
    "timing.jsonl",
    1,
    (
        Field("step", "int", "the k-th optimiser step, counted from 1; 0 is what came before", required=True),
        Field("seconds", "object", "phase → seconds of wall time"),
        Field("total_seconds", "float", "wall time of the step"),
        Field("peak_memory_bytes", "int", "largest resident set of the process so far"),
        Field("peak_device_bytes", "int", "largest allocation on the accelerator so far"),
        Field("time_utc", "str", "when the step ended, ISO 8601"),
    ),
)
"""Wall times and memory: the only file of the three that two equal runs may differ in."""

SCHEMAS = (METRICS, ROLLOUTS, TIMING)


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
