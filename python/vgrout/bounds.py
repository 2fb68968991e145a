"""The bounds of single settings, by dotted name."""

from vgrout.errors import ConfigError

_AT_LEAST: dict[str, float] = {
    "steps": 1, "seed": 0, "checkpoint_every": 1, "base.context_tokens": 2, "base.threads": 1,
    "adapter.rank": 1, "env.easiest": 2, "gate.max_pairs": 2, "env.split_seed": 0, "rollouts.prompts_per_step": 1, "rollouts.group_size": 2,
    "rollouts.max_new_tokens": 1, "rollouts.max_prompt_tokens": 1, "rollouts.top_k": 0,
    "rollouts.rows_per_batch": 1, "teacher.steps": 0, "loss.kl_beta": 0, "loss.ratio_cap": 1,
    "optim.warmup_steps": 0, "optim.weight_decay": 0, "optim.rows_per_batch": 1, "gate.warmup": 1,
    "gate.capacity": 1, "gate.refresh_every": 1, "eval.problems": 1, "eval.samples": 1,
    "eval.max_new_tokens": 1, "guard.patience": 1, "guard.rows": 0, "grading.workers": 1,
    "grading.memory_bytes": 64 << 20, "grading.output_bytes": 1, "routeA_random_v_seed": 0,
}  # fmt: skip
_ABOVE_ZERO = (
    "rollouts.temperature", "eval.temperature", "optim.lr", "optim.clip_norm", "gate.half_life",
    "checkpoint_minutes", "guard.drop_nats", "grading.cpu_s", "grading.wall_s", "grading.canonical_factor",
)  # fmt: skip
_SHARES = (
    "eval.quarantine_scale",
    "env.unhackable_share", "rollouts.deploy_share", "teacher.share", "teacher.hack_share", "optim.final_share",
)  # fmt: skip
_NUCLEUS = ("rollouts.top_p", "eval.top_p", "oracle.precision", "oracle.recall")
_REASONS = {
    "rollouts.group_size": "the mean of one rollout is no baseline",
    "gate.warmup": "the gate needs scores before it can place one",
}


def refuse(name: str, value: object, expected: str) -> None:
    """Raise the error for a setting: its name, its value, and what is wrong with it."""
    raise ConfigError(f"{name}: {value} {expected}")


def check_bounds(values: dict[str, object]) -> None:
    """Check the bounds of single numbers; None passes, it means that the setting is off."""
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}
    for name in _AT_LEAST.keys() & numbers.keys():
        bound = _AT_LEAST[name]
        if numbers[name] < bound:
            because = f": {_REASONS[name]}" if name in _REASONS else ""
            refuse(name, values[name], f"is below {int(bound)}{because}")
    for name in numbers.keys() & set(_ABOVE_ZERO):
        if numbers[name] <= 0:
            refuse(name, values[name], "is not above 0")
    for name in numbers.keys() & set(_SHARES):
        if not 0 <= numbers[name] <= 1:
            refuse(name, values[name], "is outside [0, 1]")
    for name in _NUCLEUS:
        if not 0 < numbers[name] <= 1:
            refuse(name, values[name], "is outside (0, 1]")
