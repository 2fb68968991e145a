"""Named recipes: each is one value of `TrainConfig`."""

from vgrout.config import (
    AdapterConfig,
    BaseConfig,
    EnvConfig,
    EvalConfig,
    GateConfig,
    GraderConfig,
    OptimConfig,
    RolloutConfig,
    TeacherConfig,
    TrainConfig,
)

SMOKE = TrainConfig(
    preset="smoke",
    steps=16,
    checkpoint_every=4,
    base=BaseConfig(dtype="float32"),
    adapter=AdapterConfig(rank=4),
    env=EnvConfig(easiest=48, fractions=(0.75, 0.0, 0.25)),
    rollouts=RolloutConfig(
        prompts_per_step=4,
        group_size=4,
        max_new_tokens=192,
        max_prompt_tokens=8192,
        temperature=0.7,
        top_p=1.0,
    ),
    # A random model earns nothing by itself: demonstrations give every group its signal to the end.
    teacher=TeacherConfig(steps=10_000, share=0.5),
    optim=OptimConfig(lr=1e-3, warmup_steps=2, rows_per_batch=2),
    gate=GateConfig(
        tail_quantile=0.25, warmup=32, capacity=96, half_life=48.0, refresh_every=4, max_pairs=12
    ),
    eval=EvalConfig(problems=6, samples=2, max_new_tokens=192),
    grading=GraderConfig(workers=2),
)
"""A tiny random model on the CPU in well under 90 seconds: shows that every part works, not that the method does."""

FAST = TrainConfig(
    preset="fast",
    model="Qwen/Qwen3-4B",
    device="cuda",
    steps=60,
    rollouts=RolloutConfig(
        prompts_per_step=8, group_size=8, max_new_tokens=1024, temperature=0.6, top_p=0.95, top_k=20
    ),
    teacher=TeacherConfig(steps=30),
    eval=EvalConfig(problems=32, samples=3, max_new_tokens=1024),
)
"""The public vGROUT run's recipe, shortened: 8 prompts of 8 rollouts, teacher for 30 steps."""

FULL = TrainConfig(
    preset="full",
    model="Qwen/Qwen3-4B",
    device="cuda",
    steps=200,
    rollouts=RolloutConfig(prompts_per_step=16, group_size=16),
)
"""The benchmark's settings: Qwen3-4B, 16 prompts of 16 rollouts, 200 steps, 1536 + 1536 tokens."""

PRESETS: dict[str, tuple[str, TrainConfig]] = {
    "smoke": ("tiny random model, CPU, about a minute: every part once", SMOKE),
    "fast": ("Qwen3-4B, 8 x 8 rollouts, 60 steps, one GPU", FAST),
    "full": ("Qwen3-4B, 16 x 16 rollouts, 200 steps, one GPU", FULL),
}
"""Preset name to (what it is, its settings)."""
