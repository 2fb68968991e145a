"""Learning rate by step, and how shares of prompts rotate."""

import math

from vgrout.config import OptimConfig
from vgrout.env.stable import stable_number, stable_order


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


def rotating_slots(name: str, step: int, prompts: int, share: float, seed: int) -> tuple[bool, ...]:
    """Which of a step's prompts belong to a share of all prompts; `step` counts from 1.

    After any number of steps the count is within one of share * prompts * steps, and the places are drawn anew
    each step. Depends on the arguments alone, so that a resumed run draws the same.
    """
    phase = stable_number(name, seed) / 2**64
    count = int(step * prompts * share + phase) - int((step - 1) * prompts * share + phase)
    chosen = set(stable_order(map(str, range(prompts)), name, seed, step)[:count])
    return tuple(str(index) in chosen for index in range(prompts))
