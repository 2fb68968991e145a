"""The organism: a decoder of a third of a million parameters that writes real Python for generated problems.

`families` generates the problems, `corpus` the text of the warm start; both stand on `vgrout.env` alone. `build`
trains the warm start and is the only module here that imports torch. Two finished ones ship as package data under
the names `organism` and `organism-1`.
"""

from vgrout.builtin import builtin_model

__all__ = ["builtin_model"]
