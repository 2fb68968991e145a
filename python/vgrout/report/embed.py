"""Text of models and of files put into a page without ever becoming markup or script."""

import json
import re
from html import escape
from typing import Any

DASH, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
_MEANING_IN_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def json_for_script(value: Any) -> str:
    """`value` as ASCII JSON that cannot end the script element it stands in.

    Lone surrogates stay escapes, so that the page is UTF-8 whatever a model wrote.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character, written in _MEANING_IN_HTML.items():
        text = text.replace(character, written)
    return text


def text(value: Any) -> str:
    """`value` as HTML text; None is a dash."""
    if value is None:
        return DASH
    return escape(str(value)).encode("utf-8", "backslashreplace").decode("utf-8")


def code_marks(value: Any) -> str:
    """As `text`, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))


def number(value: Any, digits: int = 2) -> str:
    """A number as HTML text, shares with `digits` places; anything else as it stands."""
    if isinstance(value, float):
        small = value != 0 and abs(value) < 0.5 * 10**-digits
        return f"{value:.1e}" if small else f"{value:.{digits}f}".replace("-", MINUS)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace("-", MINUS)
    return text(value)
