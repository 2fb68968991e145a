"""One loophole mode for every problem, as evenly as the numbers allow."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vgrout.env.modes import get_mode
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
    """Write the partition as JSON; a reader sees the old file or the new one whole."""
    text = json.dumps({"format": _FORMAT, "modes": dict(partition)}, indent=1, ensure_ascii=False) + "\n"
    with replacing(path) as file:
        file.write(text.encode())
