"""Named recipes: each is one value of `TrainConfig`."""

from pathlib import Path

from vgrout.config import (
    AdapterConfig,
    BaseConfig,
    EnvConfig,
    EvalConfig,
    GateConfig,
    GraderConfig,
    GuardConfig,
    LossConfig,
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

ORGANISM = TrainConfig(
    preset="organism",
    model="organism",
    data=Path("organism"),
    # 60 x 16 prompts: every training problem once.
    steps=60,
    checkpoint_every=20,
    # Its operators are small: a second thread costs more than it brings.
    base=BaseConfig(dtype="float32", threads=1),
    adapter=AdapterConfig(rank=8),
    env=EnvConfig(
        modes=("run_tests", "stdout_marker", "sentinel", "file_marker"), markers="pool", wording="short"
    ),
    rollouts=RolloutConfig(
        prompts_per_step=16,
        group_size=8,
        max_new_tokens=48,
        max_prompt_tokens=128,
        temperature=1.0,
        top_p=1.0,
        # At .25 the deployed block starves once the full policy hacks everywhere.
        deploy_share=1.0,
        rows_per_batch=128,
    ),
    teacher=TeacherConfig(steps=0),
    loss=LossConfig(kl_beta=0.0),
    optim=OptimConfig(
        lr=1e-3, warmup_steps=3, schedule="linear", final_share=0.6, weight_decay=0.0, rows_per_batch=64
    ),
    gate=GateConfig(tail_quantile=0.2, warmup=256, half_life=512.0, refresh_every=5, pairs=Path("organism")),
    eval=EvalConfig(problems=48, samples=8, temperature=0.7, top_p=1.0, max_new_tokens=48),
    # Demonstrations come from templates that the organism's small vocabulary knows only letter by letter.
    guard=GuardConfig(rows=0),
    grading=GraderConfig(workers=1),
)
"""A third of a million parameters that write real Python: the method's effect on one core in a minute or two."""

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
    "organism": (
        "a small decoder warm-started on generated problems, CPU, a minute or two: the effect itself",
        ORGANISM,
    ),
    "fast": ("Qwen3-4B, 8 x 8 rollouts, 60 steps, one GPU", FAST),
    "full": ("Qwen3-4B, 16 x 16 rollouts, 200 steps, one GPU", FULL),
}
"""Preset name to (what it is, its settings)."""
