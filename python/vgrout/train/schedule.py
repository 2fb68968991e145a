"""Learning rate by step."""

import math

from vgrout.config import OptimConfig


def learning_rate(step: int, steps: int, optim: OptimConfig) -> float:
    """Rate of the `step`-th of `steps` steps, counted from 1.

    Rises linearly to the peak at step `warmup_steps`, then falls by a half cosine or a line that reaches
    `final_share` of the peak one step after the last: a share of 0 leaves no step idle.
    """
    warmup = min(optim.warmup_steps, steps)
    if step <= warmup:
        return optim.lr * step / warmup
    if optim.schedule == "constant":
        return optim.lr
    progress = (step - warmup) / (steps - warmup + 1)
    left = 1 - progress if optim.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return optim.lr * (optim.final_share + (1 - optim.final_share) * left)
