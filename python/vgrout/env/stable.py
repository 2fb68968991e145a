"""Seeded choices that are the same on every machine and do not depend on the order of the input."""

import hashlib
from collections.abc import Iterable


def stable_number(*parts: object) -> int:
    """A 64-bit number drawn from the texts of `parts` (SHA-256)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def stable_order(names: Iterable[str], *salt: object) -> list[str]:
    """`names` in a seeded order; adding a name moves no other past its neighbour."""
    return sorted(names, key=lambda name: (stable_number(*salt, name), name))
