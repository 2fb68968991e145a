"""Training: `train` makes a run; the loop and what it is made of stand in the modules."""

from typing import TYPE_CHECKING

from vgrout.config import TrainConfig, validate

if TYPE_CHECKING:
    from rich.console import Console

    from vgrout.train.run import RunResult


def train(config: TrainConfig, console: "Console | None" = None) -> "RunResult":
    """Train and evaluate one arm, as `vgrout-train` does; a preset of `vgrout.presets` is a config to start from.

    Progress goes to `console`, by default on standard error; `Console(quiet=True)` shows none.

    Raises:
        ConfigError, DataError: bad input; nothing was written.
        Diverged: a guard stopped the run; its evidence is in the run directory.
        Interrupted: Ctrl-C; says which step is saved.
    """
    from rich.console import Console

    from vgrout.train.run import run

    validate(config)
    return run(config, console or Console(stderr=True))
