"""What ships inside the package under a name: `organism` and its data, wherever a path is taken.

A run's config keeps the name, so that it means the same on another machine and in every directory; a file or folder
that happens to be called so is meant by `./organism`. A leaf: it knows where files lie, not what they hold.
"""

from pathlib import Path

_ORGANISM = Path(__file__).parent / "organism" / "data"
_MODELS = {"organism": _ORGANISM / "seed0", "organism-1": _ORGANISM / "seed1"}
_PROBLEMS = {"organism": _ORGANISM / "problems.jsonl.gz"}
_PAIRS = {"organism": _ORGANISM / "pairs"}


def builtin_model(name: str) -> Path | None:
    """The folder of the packaged model of that name; None where there is none."""
    return _MODELS.get(name)


def resolve_problems(path: Path) -> Path:
    """The packaged problems where `path` is their name, else `path`."""
    return _PROBLEMS.get(str(path), path)


def resolve_pairs(path: Path) -> Path:
    """The packaged pairs where `path` is their name, else `path`."""
    return _PAIRS.get(str(path), path)
