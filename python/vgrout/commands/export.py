"""`vgrout export RUN --out DIR`: a run's policy as files for PEFT, vLLM or transformers.

Exit status: 0 done, 2 bad input, 130 interrupted, 1 anything else.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vgrout.config import Dtype
from vgrout.flags import DONE, parse_flags, path_and_flags


@dataclass(frozen=True, kw_only=True)
class ExportFlags:
    """The flags."""

    out: Path
    """New folder for the files."""
    policy: Literal["deployed", "full"] = "deployed"
    """`deployed` leaves the quarantine out; `full` is the policy as it was trained."""
    merge: bool = False
    """Write a whole model, the policy in its weights, in place of a LoRA; how far it is from the policy is measured."""
    dtype: Dtype = "float32"
    """Type of the numbers that are written. Small differences are lost in a merged bfloat16 model."""
    push_to_hub: str | None = None
    """Upload the folder to this repository of the Hugging Face hub afterwards, made private where there is none."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model is loaded."""


def run(arguments: Sequence[str]) -> int:
    """`vgrout export RUN --out DIR [flags]`."""
    path, given = path_and_flags("RUN", arguments, "give the folder of a run first")
    flags = parse_flags(
        ExportFlags,
        given,
        program="vgrout export RUN",
        description="Write a run's policy, from its last checkpoint, as a LoRA that PEFT and vLLM load, or as a whole "
        "model. A README.md beside it says what it is and what the run's evaluation found.",
        hint="`vgrout export RUN --help` lists every flag",
        bare_switches=True,
    )
    from rich.console import Console

    from vgrout.train.export import export_run, push

    done = export_run(
        path,
        flags.out,
        policy=flags.policy,
        merge=flags.merge,
        dtype=flags.dtype,
        device=flags.device,
        console=Console(stderr=True),
    )
    what = "a whole model" if done.rank is None else f"a LoRA of rank {done.rank}"
    sys.stdout.write(
        f"{done.policy} policy after step {done.step}: {what}, {done.megabytes:.1f} MB, in {done.folder}\n"
    )
    if done.drift is not None:
        sys.stdout.write(f"against the policy as trained: {done.drift}\n")
    if flags.push_to_hub is not None:
        sys.stdout.write(f"pushed: {push(done.folder, flags.push_to_hub)}\n")
    return DONE
