"""`vgrout evaluate RUN [flags]`: ask the held-out problems of a finished or interrupted run again.

Exit status: 0 done, 2 bad input, 130 interrupted, 1 anything else.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vgrout.config import EvalConfig, GraderConfig, TrainConfig, validate
from vgrout.config_file import load_config
from vgrout.flags import DONE, parse_flags, path_and_flags


@dataclass(frozen=True, kw_only=True)
class EvaluateFlags:
    """The flags; what is not said is as in the run."""

    data: Path | None = None
    """Problems whose test split is asked; None asks those of the run."""
    eval: EvalConfig = field(default_factory=EvalConfig)
    grading: GraderConfig = field(default_factory=GraderConfig)


def run(arguments: Sequence[str]) -> int:
    """`vgrout evaluate RUN [flags]`."""
    path, given = path_and_flags("RUN", arguments, "give the folder of a run first")
    own = load_config(path / "config.json") if path.name else TrainConfig()
    flags = parse_flags(
        EvaluateFlags,
        given,
        program="vgrout evaluate RUN",
        description="Ask the held-out problems of a run again, from its last checkpoint. The result stands in the run's "
        "folder: eval.json, or a file named for what was asked differently (eval-scale-0.5.json).",
        default=EvaluateFlags(eval=own.eval, grading=own.grading),
        hint="`vgrout evaluate RUN --help` lists every flag",
    )
    validate(TrainConfig(eval=flags.eval, grading=flags.grading))
    from rich.console import Console

    from vgrout.train.evaluation import evaluate_run

    result, file = evaluate_run(
        path, data=flags.data, settings=flags.eval, grading=flags.grading, console=Console(stderr=True)
    )
    for one in result.policies:
        sys.stdout.write(
            f"{one.policy}: hack, hinted {one.hack}; solve, hinted {one.solve_hinted}; solve, plain {one.solve_plain}\n"
        )
    sys.stdout.write(f"after step {result.step}; written to {file}\n")
    return DONE
