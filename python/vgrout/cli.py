"""The command line: `vgrout COMMAND …`; `vgrout-train PRESET …` is `vgrout train PRESET …`.

Nothing here imports torch before a run starts, so that `--help` answers at once.

Exit status: 0 done, 2 bad input, 130 interrupted, 1 anything else.
"""

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

from vgrout.errors import ConfigError, DataError, SandboxUnavailable, StorageError, VgroutError
from vgrout.flags import BAD_INPUT, DONE, FAILED, HELP, INTERRUPTED, complain, usage, with_output
from vgrout.stops import TerminatedAsInterrupted
from vgrout.versions import version_of


@dataclass(frozen=True)
class Command:
    """One sub-command of `vgrout`: a module of `vgrout.commands`, loaded when it is called."""

    summary: str
    module: str
    help: str
    """How to ask for its flags; `{}` stands for the call's first argument."""

    def run(self, arguments: Sequence[str]) -> int:
        """Run it with the arguments after its name; the exit status."""
        return int(importlib.import_module(f"vgrout.commands.{self.module}").run(arguments))


COMMANDS: dict[str, Command] = {
    "train": Command(
        "train and evaluate one arm; `vgrout-train` is the same", "train", "vgrout-train {} --help"
    ),
    "evaluate": Command("ask the held-out problems of a run again", "evaluate", "vgrout evaluate RUN --help"),
    "direction-bench": Command(
        "say whether a direction tells a run's exploits apart",
        "direction_bench",
        "vgrout direction-bench RUN --help",
    ),
    "export": Command(
        "write a run's policy as a LoRA or a whole model", "export", "vgrout export RUN --help"
    ),
    "check": Command("say what is wrong with a file of problems", "check", "vgrout check DATA --help"),
    "grade": Command("grade a file of answers", "grade", "vgrout grade --help"),
    "sweep": Command("run a named experiment of many runs and judge it", "sweep", "vgrout sweep --help"),
    "organism": Command(
        "make a warm start of the model organism", "organism", "vgrout organism build --help"
    ),
    "doctor": Command(
        "say what the fence enforces here, and what it lacks", "doctor", "vgrout doctor --help"
    ),
    "report": Command("write runs and sweeps as one page", "report", "vgrout report --help"),
}
"""Sub-commands by name: a new one is a module and a line here."""

_REMEDIES = {
    SandboxUnavailable: "`vgrout doctor` says what is missing and how to get it",
    StorageError: "make room there, or name another place",
}
"""What to do about an error whose message does not say it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `vgrout`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The interpreter would look through all of torch once more before it ends, for a second or two.
    atexit.register(gc.freeze)
    return with_output(lambda: _answer(arguments))


def train_main(argv: Sequence[str] | None = None) -> int:
    """Run `vgrout-train`."""
    return main(["train", *(sys.argv[1:] if argv is None else argv)])


def _answer(arguments: list[str]) -> int:
    """Do what the arguments ask for."""
    if not arguments or arguments[0] in HELP:
        sys.stdout.write(
            usage("vgrout COMMAND", {name: command.summary for name, command in COMMANDS.items()})
        )
        return DONE if arguments else BAD_INPUT
    if arguments in (["--version"], ["train", "--version"]):
        sys.stdout.write(f"vgrout {version_of('vgrout') or 'of a folder that is not installed'}\n")
        return DONE
    if arguments[0] not in COMMANDS:
        return complain(f"`{arguments[0]}` is no command", f"choose one of {', '.join(COMMANDS)}")
    for before, argument in pairwise(arguments):
        flag, given, value = argument.partition("=")
        if not argument.strip() or (given and flag.startswith("--") and not value.strip()):
            name = flag if given else before if before.startswith("--") else "an argument"
            return complain(
                f"{name}: is empty",
                "give a value, or leave it out; a shell variable that is not set is empty",
            )
    return guarded(COMMANDS[arguments[0]], arguments[1:])


def guarded(command: Command, arguments: Sequence[str]) -> int:
    """Run a command and turn its errors into messages on stderr and an exit status."""
    try:
        # A rank that waits for others learns of a signal too late, and is to end with them.
        with nullcontext() if "WORLD_SIZE" in os.environ else TerminatedAsInterrupted():
            return command.run(arguments)
    except ConfigError as error:
        return complain(str(error), f"`{command.help.format(*arguments[:1])}` lists every setting")
    except DataError as error:
        return complain(str(error))
    except VgroutError as error:
        complain(str(error), _REMEDIES.get(type(error)))
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
