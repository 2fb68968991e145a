"""What a run is made of, as digests in its folder: a run goes on with what it began with, or not at all."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from vgrout.adapters.fingerprint import base_fingerprint
from vgrout.artifacts import write_json_atomic
from vgrout.env.jsonl import read_content
from vgrout.errors import DataError
from vgrout.policy.policy import Policy
from vgrout.policy.showings import Task
from vgrout.train.directions import PairTokens
from vgrout.train.teacher import Pools

FILE = "inputs.json"
_SCHEMA = 1
_REMEDIES = {
    "model": "model weights, config or tokenizer have changed\nhint: put back those of `--model`",
    "data": "problems, tests or prompts have changed\nhint: put back the file of `--data`",
    "pairs": "contrast pairs have changed\nhint: put back those of `--gate.pairs`",
    "pools": "demonstrations have changed\nhint: put back those of `--teacher.hack-pool` and `--teacher.solve-pool`",
}
_UNTOLD = {"_name_or_path", "transformers_version"}
"""Of a model's config: where it lay and what wrote it, on which no number depends."""


def input_digests(
    policy: Policy, tasks: Sequence[Task], pairs: Sequence[PairTokens], pools: Pools
) -> dict[str, str]:
    """Of the model, the problems as they are shown and graded, the pairs and the demonstrations: name to digest."""
    return {
        "model": digest(_model(policy)),
        "data": digest(tasks),
        "pairs": digest(pairs),
        "pools": digest(sorted(pools.items())),
    }


def save_inputs(folder: Path, digests: Mapping[str, str]) -> None:
    """Keep the digests with a run."""
    write_json_atomic(folder / FILE, {"schema": _SCHEMA, **digests})


def check_inputs(folder: Path, digests: Mapping[str, str]) -> None:
    """The run began with these.

    Raises:
        DataError: it did not, naming what has changed; or its digests cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(
            f"{path}: is missing, so what the run began with is not known"
            "\nhint: put it back, or start the run again under a new `--run-dir`"
        )
    try:
        stored = json.loads(read_content(path))
        begun = {name: str(stored[name]) for name in digests}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: does not hold what the run began with\nhint: start the run again under a new `--run-dir`"
        ) from error
    for name, now in digests.items():
        if begun[name] != now:
            raise DataError(
                f"{path}: field `{name}`: found {begun[name]}, now {now}: {_REMEDIES[name]}, or start a new run"
            )


def _model(policy: Policy) -> dict[str, Any]:
    weighted: Any = (m for m in policy.model.modules() if isinstance(getattr(m, "weight", None), Tensor))
    config = policy.model.config.to_diff_dict()  # type: ignore[operator, union-attr]
    backend = getattr(policy.tokenizer, "backend_tokenizer", None)
    return {
        "weights": base_fingerprint(weighted),
        "config": {name: str(value) for name, value in config.items() if name not in _UNTOLD},
        "tokenizer": policy.tokenizer.get_vocab() if backend is None else backend.to_str(),
        "chat_template": policy.tokenizer.chat_template,
        "special": [*policy.end_ids, policy.pad_id],
    }


def digest(value: Any) -> str:
    """Of a plain value or of dataclasses: equal values have equal digests."""
    text = json.dumps(value, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return vars(value)
    raise TypeError(f"a {type(value).__name__} has no digest")
