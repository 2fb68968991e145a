"""Gradient checkpointing: a decoder block keeps its input alone for the backward, which makes the rest again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vgrout.errors import ConfigError


def enable_recomputing(model: Any, name: str) -> None:
    """Prepare the model; blocks recompute inside `recomputing` alone.

    Raises:
        ConfigError: the model's code does not offer it.
    """
    try:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"base.checkpointing: {name} ({type(model).__name__}) has no gradient checkpointing"
            "\nhint: leave it out, and lower `--optim.rows-per-batch` where memory is short"
        ) from error


@contextmanager
def recomputing(model: Any) -> Iterator[None]:
    """Forwards inside keep block inputs alone.

    transformers ties it to training mode, which would switch dropout on and, while sampling, drop the cache: so the
    blocks themselves are in that mode, and only here.
    """
    blocks = [module for module in model.modules() if getattr(module, "gradient_checkpointing", False)]
    for block in blocks:
        block.training = True
    try:
        yield
    finally:
        for block in blocks:
            block.training = False
