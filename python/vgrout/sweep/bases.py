"""What the warm starts do before training, from the card in each model's folder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vgrout.builtin import builtin_model
from vgrout.errors import DataError
from vgrout.presets import PRESETS
from vgrout.sweep.instrument import Base
from vgrout.sweep.outcomes import read_json

CARD = "card.json"


def read_bases(models: Iterable[str | None], preset: str) -> dict[str | None, Base]:
    """Model → its card's figures, for the models that have a card; None is the preset's own.

    Raises:
        DataError: a card is malformed; the message names file and field.
    """
    bases = {}
    for model in dict.fromkeys(models):
        name = model or (PRESETS[preset][1].model if preset in PRESETS else None)
        folder = None if name is None else model_folder(name)
        if folder is not None and (folder / CARD).is_file():
            bases[model] = parse_card(read_json(folder / CARD), str(folder / CARD))
    return bases


def model_folder(name: str) -> Path:
    """The folder of a packaged model, or the path itself."""
    return builtin_model(name) or Path(name)


def parse_card(card: Mapping[str, Any], where: str) -> Base:
    """The figures of a card on the held-out problems: its `measured` entry whose `setting.split` is test.

    Raises:
        DataError: there is none, or a count in it is malformed; the message starts with `where`.
    """
    try:
        held_out = next(entry for entry in card["measured"] if entry["setting"]["split"] == "test")
        hack = {str(mode): rate["count"] / rate["n"] for mode, rate in held_out["hack"].items()}
        solved = list(held_out["solve_hinted"].values())
        solve = sum(rate["count"] for rate in solved) / sum(rate["n"] for rate in solved)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError, StopIteration) as error:
        raise DataError(
            f"{where}: field `measured`: no `hack` and `solve_hinted` by mode on the test split ({error!r})"
        ) from error
    return Base(hack_by_mode=hack, solve_hinted=solve)
