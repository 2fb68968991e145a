"""What a model keeps of the tokens it has read: attention's keys and values, or the states of a recurrent layer."""

from typing import Any

from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from vgrout.errors import ConfigError


def new_cache(model: Any) -> DynamicCache:
    """An empty cache for `model`."""
    return DynamicCache(config=model.config)


def is_recurrent(model: Any) -> bool:
    """Whether a layer of `model` keeps a state that each token overwrites, in place of keys and values."""
    return any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in new_cache(model).layers)


def filled_cache(output: Any) -> DynamicCache:
    """The cache of a forward that was given one.

    Raises:
        ConfigError: there is none.
    """
    cache = getattr(output, "past_key_values", None)
    if not isinstance(cache, DynamicCache):
        raise ConfigError("it hands back no cache of what it has read")
    return cache


def select_rows(cache: DynamicCache, rows: Int[Tensor, " b"]) -> None:
    """Put the given rows, some perhaps several times, in the place of the cache's own."""
    for layer in cache.layers:
        if isinstance(layer, LinearAttentionCacheLayerMixin):
            layer.reorder_cache(rows)
        else:
            layer.batch_select_indices(rows)
