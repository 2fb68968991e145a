"""The exceptions vgrout raises; the caller's mistakes are also `ValueError`s."""


class VgroutError(Exception):
    """Base class of every error vgrout raises on purpose."""


class ConfigError(VgroutError, ValueError):
    """A setting is out of range or contradicts another; the message names the field."""


class DataError(VgroutError, ValueError):
    """A file or row is malformed; the message names file, line and field."""


class _Partial(Exception):
    """Jobs of a batch are lost, the others' verdicts travel along."""

    def __init__(
        self,
        message: str,
        partial: "list[object | None] | None" = None,
        faults: "list[tuple[int, str]] | None" = None,
    ) -> None:
        super().__init__(message)
        self.partial: list[object | None] = [] if partial is None else list(partial)
        self.faults: list[tuple[int, str]] = [] if faults is None else list(faults)


class JobFault(_Partial, DataError):
    """Jobs that no answer could be graded by: their setup code, or a test before it asks anything, raises.

    `faults` names them, (place in the batch, reason) each; `partial` holds the others' verdicts, in job order.
    """


class ShapeError(VgroutError, ValueError):
    """An array or tensor has the wrong shape; the message gives the shape and what was expected."""


class SandboxUnavailable(VgroutError, RuntimeError):
    """The kernel cannot enforce the fence that was asked for; the message names the layer and why."""


class GraderError(_Partial, VgroutError, RuntimeError):
    """The grading machinery failed; never a verdict.

    `partial` holds the verdicts that were obtained, in job order, None where one is missing; `faults` names those among
    the missing whose job is at fault, as `JobFault` does.
    """


class StorageError(VgroutError, RuntimeError):
    """The disk refuses to keep a file, as a full one does; the message names the file and why."""


class Diverged(VgroutError, RuntimeError):
    """Training left the region where its numbers mean anything; the evidence is in the run directory."""


class RankLost(VgroutError, RuntimeError):
    """Another process of a run on several ended or does not answer; what it said itself is the reason."""


class EngineError(VgroutError, RuntimeError):
    """The rollout engine is gone, silent, or does not sample from the policy that is trained; the message says which."""


class EngineRefused(EngineError):
    """The rollout engine answers that it cannot do what it was asked; the message is its reason."""
