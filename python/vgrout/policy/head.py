"""The output head in single precision above a base in bfloat16."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vgrout.errors import ConfigError


class Float32Head(nn.Linear):
    """A head whose weights and logits are float32, whatever comes in; frozen."""

    def __init__(self, head: nn.Linear) -> None:
        """Copy `head`: V x D numbers of 4 bytes, beside its own where it is tied to the embedding."""
        nn.Module.__init__(self)
        self.in_features, self.out_features = head.in_features, head.out_features
        self.weight = nn.Parameter(head.weight.detach().float(), requires_grad=False)
        bias = head.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().float(), requires_grad=False)

    def forward(self, states: Tensor) -> Tensor:
        """Logits of states of any floating type."""
        return functional.linear(states.to(self.weight.dtype), self.weight, self.bias)


def put_float32_head(model: Any, name: str) -> None:
    """Give the model such a head, for sampling and training alike; nothing where its own is float32.

    Raises:
        ConfigError: its head is no Linear.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise ConfigError(
            f"base.head_dtype: the output head of {name} is {type(head).__name__}, expected a Linear"
            "\nhint: leave `--base.head-dtype` out"
        )
    if head.weight.dtype != torch.float32:
        model.set_output_embeddings(Float32Head(head))
