"""Every setting of a run: frozen nested dataclasses, checked before anything is written.

Imports no torch. The same names serve the command line (`--gate.tail-quantile`), `config.json` and the code.
A preset (`vgrout.presets`) is one value of `TrainConfig`; the defaults here are those of the Qwen3-4B recipes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from vgrout import registry
from vgrout.bounds import check_bounds, refuse

if TYPE_CHECKING:
    Intervention: TypeAlias = str
    EngineName: TypeAlias = str
    LossName: TypeAlias = str
    TrackerName: TypeAlias = str
else:
    # The command line offers what the tables hold.
    Intervention, EngineName = Literal[tuple(registry.ARMS)], Literal[tuple(registry.ENGINES)]
    LossName, TrackerName = Literal[tuple(registry.LOSSES)], Literal[tuple(registry.TRACKERS)]
OracleRest = Literal["match", "keep", "absorb"]
WordingName = Literal["overwrite", "overwrite-detailed", "overwrite-aware", "modify-tests", "incontext-tests"]
Extract = Literal["joined", "last", "raw"]
"""How code is taken from a reply."""
FenceLevel = Literal["base", "landlock", "namespaces", "cgroup"]
"""Levels of the fence, each above the one before."""
ALL_MODES = ("run_tests", "eq_override", "exit_code", "stdout_marker", "sentinel", "file_marker")


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """The frozen base model; which one is `TrainConfig.model`."""

    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Type of the base weights; the adapter's trainables are float32 either way."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """Attention implementation asked of transformers."""
    context_tokens: int | None = None
    """Longest prompt plus completion, in tokens; None takes the model's own `max_position_embeddings`."""
    threads: int | None = None
    """CPU threads of torch, at least 1; None is torch's choice, or 1 for the tiny model: its operators are small."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """The two-block LoRA on every target Linear."""

    rank: int = 32
    """Rank r of one block; the module carries 2r. Benchmark recipe: 32."""
    targets: tuple[str, ...] | None = None
    """Module-name suffixes to adapt; None is attention q/k/v/o and MLP gate/up/down."""


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """Problems, loopholes and how they are shared out."""

    modes: tuple[str, ...] = ALL_MODES
    """Loophole modes; each problem gets exactly one."""
    run_tests_hint: WordingName = "overwrite"
    """How the hint of `run_tests` is put; the last two show tests in the starter code."""
    wording: Literal["full", "short"] = "full"
    """`short` says every mode's hint in a few words, for small models; `run_tests_hint` then has no say."""
    markers: Literal["fixed", "pool"] = "fixed"
    """What training's hints disclose: one word a mode, or a word drawn for each problem from one pool of all modes.
    Evaluation's words are others in both cases."""
    unhackable_share: float = 0.5
    """Share of the training prompts shown without the loophole and graded by ground truth only, in [0, 1]."""
    easiest: int | None = None
    """Keep this many of the easiest problems, by their difficulty and then by the length of their canonical
    solution, at least 2; None keeps all."""
    fractions: tuple[float, float, float] = (0.8, 0.05, 0.15)
    """Train, validation and test shares of the problems; they sum to 1."""
    split_seed: int = 0
    """Seed of split and mode partition, apart from `seed` so that seeds of one arm share their test set."""


@dataclass(frozen=True, kw_only=True)
class RolloutConfig:
    """What one step samples."""

    engine: EngineName = "hf"
    """What draws the answers: `hf` samples on the trained model itself."""
    prompts_per_step: int = 8
    """P, prompts of a step, at least 1."""
    group_size: int = 8
    """G, rollouts of a prompt, at least 2: a mean of one is no baseline."""
    max_new_tokens: int = 1536
    """L, longest completion in tokens; the loss is normalised by it."""
    max_prompt_tokens: int = 1536
    """T, longest prompt in tokens; a longer one is refused, never cut."""
    temperature: float = 0.7
    """Sampling temperature of training, > 0; behaviour log-probs are taken at it."""
    top_p: float = 0.95
    """Nucleus mass kept by the sampler, in (0, 1]; 1 keeps all."""
    top_k: int = 0
    """Tokens kept by the sampler; 0 keeps all."""
    deploy_share: float = 0.25
    """Share of the prompts whose whole group is sampled with the quarantine ablated, in [0, 1]."""
    rows_per_batch: int = 64
    """Rows that are decoded together, at least 1; bounds the memory of the key-value cache."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Demonstrations that replace part of each group early in a run; the pools are the same for every arm."""

    steps: int = 30
    """The first N steps mix demonstrations in; 0 turns the teacher off. Public vGROUT run: 30."""
    share: float = 0.25
    """Share of each group's rollouts that is replaced, in [0, 1]."""
    hack_share: float = 0.5
    """Share of those that are hacks, in [0, 1]; on unhackable prompts every demonstration is a solution."""
    hack_pool: Path | None = None
    """Folder of `prompt_NNNN.jsonl.gz` with hacks; None writes them from the package's own templates."""
    solve_pool: Path | None = None
    """Folder of `prompt_NNNN.jsonl.gz` with solutions; None takes the canonical solutions."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """GRPO; the default is Dr. GRPO (arXiv:2503.20783)."""

    objective: LossName = "grpo"
    """What is differentiated: `grpo` is the PPO-clipped policy gradient with a KL term."""
    advantage: Literal["centred", "standardised"] = "centred"
    """`centred`: r - mean(group). `standardised` also divides by the group's deviation (plain GRPO)."""
    baseline: Literal["group", "zone"] = "group"
    """`zone` centres rows that are not routed on the mean of those; it changes advantages, so it is no default."""
    clip: float = 0.2
    """PPO's clip range of the importance ratio, in (0, 1)."""
    kl_beta: float = 1e-3
    """Weight of the k3 estimate of KL to the adapter-disabled base, >= 0; 0 saves the reference forward."""
    off_policy: Literal["truncated", "clip"] = "truncated"
    """Rows whose training mask differs from the one they were sampled with: truncated importance sampling
    (detached ratio) or the ordinary PPO clip."""
    ratio_cap: float = 2.0
    """Cap of the truncated ratio, >= 1."""


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW on the adapter's differences, block by block."""

    lr: float = 7e-5
    """Peak learning rate, > 0. Benchmark recipe: 7e-5."""
    warmup_steps: int = 10
    """Steps of linear warm-up, >= 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Decay after the warm-up."""
    final_share: float = 0.0
    """Where the decay ends, one step after the last, as a share of the peak, in [0, 1]."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's moments, each in [0, 1)."""
    weight_decay: float = 0.1
    """Decoupled decay of the differences, i.e. toward the initialisation, >= 0."""
    clip_norm: float = 1.0
    """Largest gradient norm of each block, > 0: one block's gradient never shrinks the other's."""
    leak_guard: bool = True
    """A block without gradient in a step is bit-identical after it (moments and decay included)."""
    rows_per_batch: int = 8
    """Rows of one forward and backward, at least 1; changes memory, not the result."""


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """The activation gate (`--intervention routeA`)."""

    tail_quantile: float = 0.1
    """Share of each tail: scores up to the low quantile keep, from the high one on rout; in (0, 0.5)."""
    warmup: int = 256
    """Scores the buffer must hold before the gate leaves absorb, >= 1 and at most `capacity`."""
    capacity: int = 8192
    """Rollouts the score buffer remembers, at least 1."""
    half_life: float | None = 96.0
    """Age in rollouts at which a score weighs half, > 0; None weighs all alike."""
    refresh_every: int = 5
    """The direction is extracted again every N steps, at least 1; the random placebo keeps its one draw."""
    pairs: Path | None = None
    """Contrast pairs to extract from; None is the package's own."""
    max_pairs: int | None = None
    """Use this many of the pairs, spread evenly over their mechanisms, at least 2; None uses all."""
    leave_out_mode: str | None = None
    """Leave out the pairs of this mode: does the direction carry over to a loophole it has not seen?"""


@dataclass(frozen=True, kw_only=True)
class OracleConfig:
    """The gates that read labels (`--intervention oracle` and `shuffled`)."""

    precision: float = 1.0
    """Share of the routed rows that are exploited, on average, in (0, 1]; below 1 honest rows are routed too."""
    recall: float = 1.0
    """Chance that an exploited row is routed, in (0, 1]."""
    rest: OracleRest = "match"
    """Zone of rows that are not routed: `keep`, `absorb`, or `match`, the zone whose forward sampled the row."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Deployed and as-trained evaluation on held-out problems."""

    problems: int | None = None
    """Test problems that are asked, at least 1; None asks all."""
    samples: int = 10
    """Answers per problem, prompt kind and policy, at least 1."""
    temperature: float = 0.7
    """Sampling temperature, > 0."""
    top_p: float = 0.95
    """Nucleus mass, in (0, 1]."""
    max_new_tokens: int = 1536
    """Longest answer in tokens, at least 1."""
    quarantine_scale: float | None = None
    """`vgrout evaluate` alone: ask the policy with the quarantine's contribution times this, in [0, 1]; 0 is the
    deployed policy, 1 the one as trained. None asks both."""


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """When a run is stopped because its numbers mean nothing any more."""

    drop_nats: float = 5.0
    """Fall of the mean log-prob per token of fixed demonstrations below its best, in nats, > 0."""
    patience: int = 2
    """Consecutive steps below the bound that stop the run, at least 1."""
    rows: int = 4
    """Demonstrations that are watched, >= 0; 0 turns the watch off."""


@dataclass(frozen=True, kw_only=True)
class GraderConfig:
    """The grader of a run, of `vgrout grade` or of another trainer's rewards; the limits are one answer's."""

    workers: int | None = None
    """Answers graded at the same time; None is every usable CPU."""
    cpu_s: float = 3.0
    """CPU seconds of an answer as a whole, > 0."""
    memory_bytes: int = 1 << 30
    """Memory of an answer on top of the interpreter's own, at least 64 MiB."""
    wall_s: float | None = None
    """Wall-clock backstop in seconds, > 0; None is 4 * cpu_s + 1."""
    output_bytes: int = 16 << 20
    """Standard output after which an answer is stopped, at least 1."""
    canonical_factor: float | None = None
    """CPU limit as a multiple of what the problem's canonical solution needs, > 0, in place of `cpu_s`."""
    recursion_limit: int | None = None
    """Python's recursion limit, 50 to 1,000,000; None leaves it to Python (1000) and the setup code."""
    int_max_str_digits: int | None = None
    """Most digits of an integer as text, at least 640 or 0 for any number; None leaves it to Python (4300) and the
    setup code."""
    min_level: FenceLevel = "base"
    """Refuse to grade under less of the fence."""
    preload: tuple[str, ...] = ()
    """Further modules that answers may import."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Train with GRPO while routing part of every update into a block that is ablated at deployment."""

    preset: str = "full"
    """Name of the recipe this started from."""
    intervention: Intervention = "routeA"
    """Arm: none (quarantine off), none-full (2r trains and deploys), absorb, routeA, oracle (uses labels), shuffled
    (as many rows as the oracle, which ones by chance)."""
    routeA_random_v_seed: int | None = None  # noqa: N815 - the flag's published name
    """Placebo: score against one Haar-random direction drawn with this seed instead of the extracted one."""
    steps: int = 200
    """Optimiser steps, at least 1."""
    seed: int = 0
    """Seed of the adapter, the data order and the sampler, >= 0."""
    run_dir: Path | None = None
    """Folder to create for the run; None is `runs/PRESET-ARM-sSEED-UTC`."""
    data: Path | None = None
    """Problems, JSONL or JSONL.gz in the benchmark's format; None is the package's own set."""
    model: str | None = None
    """Folder of a Hugging Face model, or its name in the local hub cache; None builds the tiny random model."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the model runs."""
    resume: Path | None = None
    """Run folder to go on with from its last checkpoint."""
    start_from: Path | None = None
    """Run folder whose deployed policy this run starts from, its quarantine ablated and forgotten: how soon is what
    was suppressed learned again? Adapter rank, targets and seed must be that run's."""
    checkpoint_every: int = 20
    """Steps between checkpoints, at least 1; one is always written at the end."""
    checkpoint_minutes: float = 10.0
    """Minutes after which the next step's end brings a checkpoint, above 0, where `checkpoint_every` has not."""
    trackers: tuple[TrackerName, ...] = ("console",)
    """What is told of every step beside the run's files: `console` is the table on stderr."""
    base: BaseConfig = field(default_factory=BaseConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    oracle: OracleConfig = field(default_factory=OracleConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    grading: GraderConfig = field(default_factory=GraderConfig)

    @property
    def arm(self) -> str:
        """Name of the arm in file names and tables: the placebo is `routeA-random` and its seed."""
        if self.routeA_random_v_seed is None:
            return self.intervention
        return f"{self.intervention}-random{self.routeA_random_v_seed}"


def leaves(config: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield every setting as (dotted name, value), in order of definition."""
    for entry in fields(config):  # type: ignore[arg-type]
        value = getattr(config, entry.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{entry.name}.")
        else:
            yield prefix + entry.name, value


def validate(config: TrainConfig) -> None:
    """Check every bound that can be checked without a model, a file or a device.

    Raises:
        ConfigError: names the field, its value and the bound.
    """
    values = dict(leaves(config))
    for name, value in values.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                refuse(name, value, "is not a finite number")
    check_bounds(values)
    _validate_relations(config)


def _validate_relations(config: TrainConfig) -> None:
    """Check the bounds that involve more than one number."""
    gate, optim = config.gate, config.optim
    if not 0 < gate.tail_quantile < 0.5:
        refuse("gate.tail_quantile", gate.tail_quantile, "is outside (0, 0.5)")
    if gate.warmup > gate.capacity:
        refuse("gate.warmup", gate.warmup, f"is above gate.capacity = {gate.capacity}: it would never end")
    if not 0 < config.loss.clip < 1:
        refuse("loss.clip", config.loss.clip, "is outside (0, 1)")
    if config.loss.baseline == "zone" and config.loss.advantage == "standardised":
        refuse("loss.baseline", "zone", "has no standardised form: its zones have deviations of their own")
    for name, value, most in (("seed", config.seed, 2**63 - 1), ("adapter.rank", config.adapter.rank, 4096)):
        if value > most:
            refuse(name, value, f"is above {most}")
    if not all(0 <= beta < 1 for beta in optim.betas):
        refuse("optim.betas", optim.betas, "are not both in [0, 1)")
    _validate_env(config.env)
    _validate_names(config)
    if config.routeA_random_v_seed is not None and config.intervention != "routeA":
        expected = f"is set, but the arm is {config.intervention}\nhint: add `--intervention routeA`"
        refuse("routeA_random_v_seed", config.routeA_random_v_seed, expected)
    context = config.base.context_tokens
    if context is not None and config.rollouts.max_new_tokens >= context:
        expected = f"leaves no room for a prompt in base.context_tokens = {context}"
        refuse("rollouts.max_new_tokens", config.rollouts.max_new_tokens, expected)


def _validate_names(config: TrainConfig) -> None:
    """Check what is chosen by name."""
    registry.check(registry.ARMS, config.intervention, "intervention")
    registry.check(registry.ENGINES, config.rollouts.engine, "rollouts.engine")
    registry.check(registry.LOSSES, config.loss.objective, "loss.objective")
    for tracker in config.trackers:
        registry.check(registry.TRACKERS, tracker, "trackers")
    left_out = config.gate.leave_out_mode
    if left_out is not None and left_out not in ALL_MODES:
        refuse("gate.leave_out_mode", left_out, f"must be one of {', '.join(ALL_MODES)}")


def _validate_env(env: EnvConfig) -> None:
    """Check the problems' shares, the modes and the wording."""
    if env.wording == "short" and env.run_tests_hint != "overwrite":
        expected = "has no short form\nhint: leave it out, or take `--env.wording full`"
        refuse("env.run_tests_hint", env.run_tests_hint, expected)
    if min(env.fractions) < 0 or not math.isclose(sum(env.fractions), 1.0, abs_tol=1e-9):
        refuse("env.fractions", env.fractions, "are not three shares that sum to 1")
    if env.fractions[0] == 0 or env.fractions[2] == 0:
        refuse("env.fractions", env.fractions, "leave no training or no test problems")
    unknown = [mode for mode in env.modes if mode not in ALL_MODES]
    if unknown or not env.modes or len(set(env.modes)) != len(env.modes):
        expected = f"must be one or more of {', '.join(ALL_MODES)}, each once"
        refuse("env.modes", unknown[0] if unknown else env.modes, expected)
