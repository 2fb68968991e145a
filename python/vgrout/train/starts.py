"""How a run's blocks begin: the table `registry.INITS` by name."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from vgrout import registry
from vgrout.adapters.spectral import Inits, corda_inits, pissa_inits
from vgrout.config import TrainConfig
from vgrout.env.pairs import ContrastPair
from vgrout.errors import ConfigError
from vgrout.policy.model import load_policy
from vgrout.policy.policy import Policy
from vgrout.train.directions import pair_tokens
from vgrout.train.shard import shard_blocks

Pairs: TypeAlias = Callable[[], Sequence[ContrastPair]]
"""The run's contrast pairs, read where they are needed."""
InitsOf: TypeAlias = Callable[[str, nn.Linear], Inits]


def policy_of(config: TrainConfig, device: str, pairs: Pairs, *, widen: bool = False) -> Policy:
    """The model of a run, and its adapter as it was before the first step.

    With `widen` its weights are in float32, of the values that they have in the run.

    Raises:
        ConfigError: as `load_policy`, or this model cannot have `adapter.init`.
        DataError: a pair that it needs does not fit the context.
    """

    def load(*, widen: bool) -> Policy:
        return load_policy(
            config.model,
            config.base,
            config.adapter,
            device=device,
            seed=config.seed,
            place=shard_blocks if config.base.shard else None,
            widen=widen,
        )

    policy = load(widen=widen)
    if config.adapter.init == "gaussian":
        return policy
    if config.base.shard:
        raise ConfigError(
            f"adapter.init: {config.adapter.init} reads whole weights, which base.shard = True leaves on no rank"
            "\nhint: take `--adapter.init gaussian`, or leave `--base.shard` out"
        )
    seen = load(widen=False) if widen else policy  # what the blocks began with was read in the run's own type
    inits = registry.load(registry.INITS, config.adapter.init, "adapter.init")(seen, pairs)
    for layer, linear in zip(policy.adapter.layers, policy.adapter.linears, strict=True):
        layer.start(*inits(layer.name, linear))
    # A snapshot of differences belongs to these initial copies and no others.
    policy.adapter.start = config.adapter.init
    return policy


def pissa(policy: Policy, pairs: Pairs) -> InitsOf:
    """Principal directions of the weights."""
    del pairs
    rank = policy.adapter.rank
    return lambda name, linear: pissa_inits(name, linear.weight, rank)


def corda(policy: Policy, pairs: Pairs) -> InitsOf:
    """Principal directions of the weights on what the base computes while it reads the contrast pairs."""
    covariances = input_covariances(policy, pairs())
    rank = policy.adapter.rank
    return lambda name, linear: corda_inits(name, linear.weight, covariances[name], rank)


@torch.no_grad()
def input_covariances(policy: Policy, pairs: Sequence[ContrastPair]) -> dict[str, Tensor]:
    """Mean of x xᵀ `[d_in, d_in]` in float64 over the inputs of each adapted Linear, both completions of each pair.

    The adapter is off. It takes d_in² numbers a Linear: 400 MB for one of 7,000 inputs.
    """
    rows = [(*prompt, *side) for prompt, *sides in pair_tokens(pairs, policy) for side in sides]
    names = policy.adapter.module_names
    sums: dict[str, Tensor] = {}
    counts = dict.fromkeys(names, 0)

    def add(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_module: nn.Module, args: tuple[Tensor, ...], _output: Tensor) -> None:
            inputs = args[0].detach().flatten(0, -2).double()
            product = inputs.T @ inputs
            sums[name] = sums[name] + product if name in sums else product
            counts[name] += len(inputs)

        return hook

    hooks = [
        linear.register_forward_hook(add(name))
        for name, linear in zip(names, policy.adapter.linears, strict=True)
    ]
    try:
        with policy.adapter.disabled():
            for row in rows:  # each alone: nothing is padded
                policy.model.base_model(input_ids=torch.tensor([row], device=policy.device))  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return {name: total / counts[name] for name, total in sums.items()}
