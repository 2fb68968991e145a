"""One loophole mode for every problem, as evenly as the numbers allow."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vgrout.env.jsonl import bad_field, read_content
from vgrout.env.modes import MODES, get_mode
from vgrout.env.stable import stable_order
from vgrout.errors import ConfigError, DataError
from vgrout.files import replacing

_FORMAT = "vgrout.partition/1"


def partition_modes(problem_ids: Iterable[str], modes: Sequence[str], seed: int) -> dict[str, str]:
    """Problem id → mode; the modes' counts differ by at most one.

    The draw depends on the ids and the seed, not on their order. Call it once for each split: then every split
    is even by itself.

    Raises:
        ConfigError: no mode, an unknown or a repeated one.
        DataError: a repeated problem id.
    """
    if not modes or len(set(modes)) != len(modes):
        raise ConfigError(f"env.modes: {list(modes)!r} must name at least one mode and none twice")
    names = [get_mode(mode).name for mode in modes]
    ids = list(problem_ids)
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise DataError(f"partition: problem {repeated[0]!r} is given more than once")
    # Which modes get one problem more is drawn too: else it would always be the first named.
    dealt = stable_order(names, "partition-mode", seed)
    ordered = stable_order(ids, "partition", seed)
    shares = {name: dealt[index % len(dealt)] for index, name in enumerate(ordered)}
    return {name: shares[name] for name in ids}


def save_partition(path: Path, partition: Mapping[str, str]) -> None:
    """Write the partition as JSON; a reader sees the old file or the new one whole.

    Raises:
        DataError: a mode is unknown or the partition uneven.
    """
    _check(str(path), partition)
    text = json.dumps({"format": _FORMAT, "modes": dict(partition)}, indent=1, ensure_ascii=False) + "\n"
    with replacing(path) as file:
        file.write(text.encode())


def load_partition(
    path: Path, problem_ids: Iterable[str], modes: Sequence[str] | None = None
) -> dict[str, str]:
    """The saved partition of exactly these problems, even over `modes` (None: over those it uses).

    Raises:
        DataError: not such a file; a problem without a mode, with two, or unknown; an unknown mode; uneven.
    """
    where = str(path)
    try:
        document = json.loads(read_content(path).decode("utf-8"), object_pairs_hook=_without_repeats)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{where}: not JSON: {error}") from error
    except _RepeatedKeyError as error:
        raise bad_field(
            where, "modes", error.args[0], "every problem once", "keep one of its lines"
        ) from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        found = document.get("format") if isinstance(document, dict) else document
        raise bad_field(where, "format", found, repr(_FORMAT), "write the file with save_partition")
    partition = document.get("modes")
    if not isinstance(partition, dict):
        raise bad_field(
            where, "modes", partition, "an object problem id → mode", "write it with save_partition"
        )
    _check(where, partition, modes)
    known = list(problem_ids)
    unknown = [name for name in partition if name not in set(known)]
    if unknown:
        raise bad_field(
            where, "modes", unknown[0], "ids of the loaded problems", "make a new partition for this data"
        )
    missing = [name for name in known if name not in partition]
    if missing:
        raise bad_field(
            where, "modes", None, f"a mode for problem {missing[0]!r}", "make a new partition for this data"
        )
    return {name: partition[name] for name in known}


class _RepeatedKeyError(ValueError):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise _RepeatedKeyError(next(name for name, count in counts.items() if count > 1))
    return mapping


def _check(where: str, partition: Mapping[str, Any], modes: Sequence[str] | None = None) -> None:
    for name, mode in partition.items():
        if not isinstance(mode, str) or mode not in (MODES if modes is None else modes):
            expected = f"one of {', '.join(MODES if modes is None else modes)}"
            raise bad_field(where, f"modes.{name}", mode, expected, "make a new partition for these modes")
    counts = dict.fromkeys(modes or (), 0) | Counter(partition.values())
    if counts and max(counts.values()) - min(counts.values()) > 1:
        shares = ", ".join(f"{mode} {count}" for mode, count in sorted(counts.items()))
        raise bad_field(
            where, "modes", shares, "counts that differ by at most one", "make it with partition_modes"
        )
