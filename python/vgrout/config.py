"""Every setting of a run: frozen nested dataclasses, checked before anything is written.

Imports no torch. The same names serve the command line (`--gate.tail-quantile`), `config.json` and the code.
A preset (`vgrout.presets`) is one value of `TrainConfig`; the defaults here are those of the Qwen3-4B recipes.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

from annotated_types import Ge, Gt, Le, Lt

from vgrout import registry
from vgrout.settings import MOST, NameIn, check, refuse

if TYPE_CHECKING:
    Intervention: TypeAlias = str
    EngineName: TypeAlias = str
    LossName: TypeAlias = str
    TrackerName: TypeAlias = str
else:
    # The command line offers what the tables hold.
    Intervention = Annotated[Literal[tuple(registry.ARMS)], NameIn(registry.ARMS)]
    EngineName = Annotated[Literal[tuple(registry.ENGINES)], NameIn(registry.ENGINES)]
    LossName = Annotated[Literal[tuple(registry.LOSSES)], NameIn(registry.LOSSES)]
    TrackerName = Annotated[Literal[tuple(registry.TRACKERS)], NameIn(registry.TRACKERS)]
Count = Annotated[int, Ge(1), Le(MOST)]
Seed = Annotated[int, Ge(0), Le(MOST)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
Mass = Annotated[float, Gt(0), Le(1)]

OracleRest = Literal["match", "keep", "absorb"]
WordingName = Literal["overwrite", "overwrite-detailed", "overwrite-aware", "modify-tests", "incontext-tests"]
Extract = Literal["joined", "last", "raw"]
"""How code is taken from a reply."""
FenceLevel = Literal["base", "landlock", "namespaces", "cgroup"]
"""Levels of the fence, each above the one before."""
LoopholeMode = Literal["run_tests", "eq_override", "exit_code", "stdout_marker", "sentinel", "file_marker"]
ALL_MODES = get_args(LoopholeMode)


@dataclass(frozen=True, kw_only=True)
class BaseConfig:
    """The frozen base model; which one is `TrainConfig.model`."""

    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Type of the base weights; the adapter's trainables are float32 either way."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """Attention implementation asked of transformers."""
    context_tokens: Annotated[int, Ge(2), Le(MOST)] | None = None
    """Longest prompt plus completion, in tokens; None takes the model's own `max_position_embeddings`."""
    threads: Annotated[int, Ge(1), Le(1024)] | None = None
    """CPU threads of torch; None is torch's choice, or 1 for the tiny model: its operators are small."""
    shard: bool = False
    """On several ranks: cut the decoder blocks over them, for a base that no one of them can hold. It brings memory and
    no speed: all ranks read all rows together."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """The two-block LoRA on every target Linear."""

    rank: Annotated[int, Ge(1), Le(4096)] = 32
    """Rank r of one block; the module carries 2r. Benchmark recipe: 32."""
    targets: tuple[str, ...] | None = None
    """Names of Linears to adapt, by their last part; None is `DEFAULT_TARGETS` of `adapters/inits.py`."""


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """Problems, loopholes and how they are shared out."""

    modes: tuple[LoopholeMode, ...] = ALL_MODES
    """Loophole modes; each problem gets exactly one."""
    run_tests_hint: WordingName = "overwrite"
    """How the hint of `run_tests` is put; the last two show tests in the starter code."""
    wording: Literal["full", "short"] = "full"
    """`short` says every mode's hint in a few words, for small models; `run_tests_hint` then has no say."""
    markers: Literal["fixed", "pool"] = "fixed"
    """What training's hints disclose: one word a mode, or a word drawn for each problem from one pool of all modes.
    Evaluation's words are others in both cases."""
    unhackable_share: Share = 0.5
    """Share of the training prompts shown without the loophole and graded by ground truth only."""
    easiest: Annotated[int, Ge(2), Le(MOST)] | None = None
    """Keep this many of the easiest problems, by their difficulty and then by the length of their canonical
    solution; None keeps all."""
    fractions: tuple[float, float, float] = (0.8, 0.05, 0.15)
    """Train, validation and test shares of the problems; they sum to 1."""
    split_seed: Seed = 0
    """Seed of split and mode partition, apart from `seed` so that seeds of one arm share their test set."""


@dataclass(frozen=True, kw_only=True)
class RolloutConfig:
    """What one step samples."""

    engine: EngineName = "hf"
    """What draws the answers: `hf` samples on the trained model itself, `vllm` on a vLLM of its own, `vllm-server` on
    one that runs already. The next five are for these two."""
    url: str | None = None
    """`vllm-server`: where it answers, as `http://localhost:8000`."""
    adapter_dir: Path | None = None
    """Folder through which the engine is handed each step's adapters; None is shared memory. A server must see it."""
    timeout_s: Positive = 600.0
    """Seconds without a word from the engine after which the run ends."""
    canary_nats: Positive | None = None
    """Largest mean difference of the engine's and the trainer's log-probs after a sync, nats a token; None is 1e-4 on
    a float32 base and 0.05 on bfloat16."""
    memory_share: Share = 0.4
    """Share of the GPU's memory that `vllm` takes while it samples."""
    prompts_per_step: Count = 8
    """P, prompts of a step."""
    group_size: Annotated[int, Ge(2), Le(MOST)] = 8
    """G, rollouts of a prompt: a mean of one is no baseline."""
    max_new_tokens: Count = 1536
    """L, longest completion in tokens; the loss is normalised by it."""
    max_prompt_tokens: Count = 1536
    """T, longest prompt in tokens; a longer one is refused, never cut."""
    temperature: Positive = 0.7
    """Sampling temperature of training; behaviour log-probs are taken at it."""
    top_p: Mass = 0.95
    """Nucleus mass kept by the sampler; 1 keeps all."""
    top_k: Annotated[int, Ge(0), Le(MOST)] = 0
    """Tokens kept by the sampler; 0 keeps all."""
    deploy_share: Share = 0.25
    """Share of the prompts whose whole group is sampled with the quarantine ablated."""
    rows_per_batch: Count = 64
    """Rows that are decoded together; bounds the memory of the key-value cache."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Demonstrations that replace part of each group early in a run; the pools are the same for every arm."""

    steps: Annotated[int, Ge(0), Le(MOST)] = 30
    """The first N steps mix demonstrations in; 0 turns the teacher off. Public vGROUT run: 30."""
    share: Share = 0.25
    """Share of each group's rollouts that is replaced."""
    hack_share: Share = 0.5
    """Share of those that are hacks; on unhackable prompts every demonstration is a solution."""
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
    clip: Annotated[float, Gt(0), Lt(1)] = 0.2
    """PPO's clip range of the importance ratio."""
    kl_beta: Annotated[float, Ge(0)] = 1e-3
    """Weight of the k3 estimate of KL to the adapter-disabled base; 0 saves the reference forward."""
    off_policy: Literal["truncated", "clip"] = "truncated"
    """Rows whose training mask differs from the one they were sampled with: truncated importance sampling
    (detached ratio) or the ordinary PPO clip."""
    ratio_cap: Annotated[float, Ge(1)] = 2.0
    """Cap of the truncated ratio, and of `sampler_correction`'s."""
    sampler_correction: Literal["none", "truncated"] = "none"
    """`truncated` weighs every token by min(trainer's probability / sampler's, `ratio_cap`), both under the policy that
    sampled it: an engine other than `hf` computes them a little otherwise."""


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW on the adapter's differences, block by block."""

    lr: Positive = 7e-5
    """Peak learning rate. Benchmark recipe: 7e-5."""
    warmup_steps: Annotated[int, Ge(0), Le(MOST)] = 10
    """Steps of linear warm-up."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """Decay after the warm-up."""
    final_share: Share = 0.0
    """Where the decay ends, one step after the last, as a share of the peak."""
    betas: tuple[Annotated[float, Ge(0), Lt(1)], Annotated[float, Ge(0), Lt(1)]] = (0.9, 0.99)
    """AdamW's moments."""
    weight_decay: Annotated[float, Ge(0)] = 0.1
    """Decoupled decay of the differences, i.e. toward the initialisation."""
    clip_norm: Positive = 1.0
    """Largest gradient norm of each block: one block's gradient never shrinks the other's."""
    leak_guard: bool = True
    """A block without gradient in a step is bit-identical after it (moments and decay included)."""
    rows_per_batch: Count = 8
    """Rows of one forward and backward; changes memory, not the result."""


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """The activation gate (`--intervention routeA`)."""

    tail_quantile: Annotated[float, Gt(0), Lt(0.5)] = 0.1
    """Share of each tail: scores up to the low quantile keep, from the high one on rout."""
    warmup: Count = 256
    """Scores the buffer must hold before the gate leaves absorb; at most `capacity`."""
    capacity: Count = 8192
    """Rollouts the score buffer remembers."""
    half_life: Positive | None = 96.0
    """Age in rollouts at which a score weighs half; None weighs all alike."""
    refresh_every: Count = 5
    """The direction is extracted again every N steps; the random placebo keeps its one draw."""
    pairs: Path | None = None
    """Contrast pairs to extract from; None is the package's own."""
    max_pairs: Annotated[int, Ge(2), Le(MOST)] | None = None
    """Use this many of the pairs, spread evenly over their mechanisms; None uses all."""
    leave_out_mode: LoopholeMode | None = None
    """Leave out the pairs of this mode: does the direction carry over to a loophole it has not seen?"""


@dataclass(frozen=True, kw_only=True)
class OracleConfig:
    """The gates that read labels (`--intervention oracle` and `shuffled`)."""

    precision: Mass = 1.0
    """Share of the routed rows that are exploited, on average; below 1 honest rows are routed too."""
    recall: Mass = 1.0
    """Chance that an exploited row is routed."""
    rest: OracleRest = "match"
    """Zone of rows that are not routed: `keep`, `absorb`, or `match`, the zone whose forward sampled the row."""


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """Deployed and as-trained evaluation on held-out problems."""

    problems: Count | None = None
    """Test problems that are asked; None asks all."""
    samples: Count = 10
    """Answers per problem, prompt kind and policy."""
    temperature: Positive = 0.7
    """Sampling temperature."""
    top_p: Mass = 0.95
    """Nucleus mass."""
    max_new_tokens: Count = 1536
    """Longest answer in tokens."""
    quarantine_scale: Share | None = None
    """`vgrout evaluate` alone: ask the policy with the quarantine's contribution times this; 0 is the
    deployed policy, 1 the one as trained. None asks both."""


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """When a run is stopped because its numbers mean nothing any more."""

    drop_nats: Positive = 5.0
    """Fall of the mean log-prob per token of fixed demonstrations below its best, in nats."""
    patience: Count = 2
    """Consecutive steps below the bound that stop the run."""
    rows: Annotated[int, Ge(0), Le(MOST)] = 4
    """Demonstrations that are watched; 0 turns the watch off."""


@dataclass(frozen=True, kw_only=True)
class GraderConfig:
    """The grader of a run, of `vgrout grade` or of another trainer's rewards; the limits are one answer's."""

    workers: Annotated[int, Ge(1), Le(256)] | None = None
    """Answers graded at the same time; None is every usable CPU."""
    cpu_s: Annotated[float, Gt(0), Le(86_400)] = 3.0
    """CPU seconds of an answer as a whole."""
    memory_bytes: Annotated[int, Ge(64 << 20), Le(MOST)] = 1 << 30
    """Memory of an answer on top of the interpreter's own."""
    wall_s: Annotated[float, Gt(0), Le(86_400)] | None = None
    """Wall-clock backstop in seconds; None is 4 * cpu_s + 1."""
    output_bytes: Count = 16 << 20
    """Standard output after which an answer is stopped."""
    canonical_factor: Annotated[float, Ge(1)] | None = None
    """CPU limit as a multiple of what the problem's canonical solution needs, in place of `cpu_s`."""
    recursion_limit: Annotated[int, Ge(50), Le(1_000_000)] | None = None
    """Python's recursion limit; None leaves it to Python (1000) and the setup code."""
    int_max_str_digits: Annotated[int, Ge(0), Le(MOST)] | None = None
    """Most digits of an integer as text, 0 for any number and else at least 640; None leaves it to Python (4300) and the
    setup code."""
    min_level: FenceLevel = "base"
    """Refuse to grade under less of the fence."""
    preload: tuple[str, ...] = ()
    """Further modules that answers may import."""


@dataclass(frozen=True, kw_only=True)
class RanksConfig:
    """A run on several processes (`torchrun … -m vgrout.train`): how many there are is torchrun's business."""

    timeout_s: Annotated[float, Ge(1), Le(86_400)] = 600.0
    """Seconds that ranks wait for one that does not come before the job ends; longer than any rank may take for its
    share of a step's rollouts."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Train with GRPO while routing part of every update into a block that is ablated at deployment."""

    preset: str = "full"
    """Name of the recipe this started from."""
    intervention: Intervention = "routeA"
    """Arm: none (quarantine off), none-full (2r trains and deploys), absorb, routeA, oracle (uses labels), shuffled
    (as many rows as the oracle, which ones by chance)."""
    routeA_random_v_seed: Seed | None = None  # noqa: N815 - the flag's published name
    """Placebo: score against one Haar-random direction drawn with this seed instead of the extracted one."""
    steps: Count = 200
    """Optimiser steps."""
    seed: Seed = 0
    """Seed of the adapter, the data order and the sampler."""
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
    checkpoint_every: Count = 20
    """Steps between checkpoints; one is always written at the end."""
    checkpoint_minutes: Positive = 10.0
    """Minutes after which the next step's end brings a checkpoint, where `checkpoint_every` has not."""
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
    ranks: RanksConfig = field(default_factory=RanksConfig)

    @property
    def arm(self) -> str:
        """Name of the arm in file names and tables: the placebo is `routeA-random` and its seed."""
        if self.routeA_random_v_seed is None:
            return self.intervention
        return f"{self.intervention}-random{self.routeA_random_v_seed}"


def validate(config: TrainConfig) -> None:
    """Check every bound that can be checked without a model, a file or a device.

    Raises:
        ConfigError: names the field, its value and the bound.
    """
    check(config)
    _validate_relations(config)


def _validate_relations(config: TrainConfig) -> None:
    """Check the bounds that involve more than one number."""
    gate = config.gate
    if gate.warmup > gate.capacity:
        refuse("gate.warmup", gate.warmup, f"is above gate.capacity = {gate.capacity}: it would never end")
    if config.loss.baseline == "zone" and config.loss.advantage == "standardised":
        refuse("loss.baseline", "zone", "has no standardised form: its zones have deviations of their own")
    _validate_env(config.env)
    url, is_server = config.rollouts.url, config.rollouts.engine == "vllm-server"
    if is_server and not (url or "").startswith(("http://", "https://")):
        refuse(
            "rollouts.url",
            repr(url),
            "is no address\nhint: give the server's, `--rollouts.url http://localhost:8000`",
        )
    if url is not None and not is_server:
        refuse("rollouts.url", url, f"does not go with rollouts.engine = {config.rollouts.engine}")
    if config.routeA_random_v_seed is not None and config.intervention != "routeA":
        expected = f"is set, but the arm is {config.intervention}\nhint: add `--intervention routeA`"
        refuse("routeA_random_v_seed", config.routeA_random_v_seed, expected)
    context = config.base.context_tokens
    if context is not None and config.rollouts.max_new_tokens >= context:
        expected = f"leaves no room for a prompt in base.context_tokens = {context}"
        refuse("rollouts.max_new_tokens", config.rollouts.max_new_tokens, expected)


def _validate_env(env: EnvConfig) -> None:
    """Check the problems' shares, the modes and the wording."""
    if env.wording == "short" and env.run_tests_hint != "overwrite":
        expected = "has no short form\nhint: leave it out, or take `--env.wording full`"
        refuse("env.run_tests_hint", env.run_tests_hint, expected)
    if min(env.fractions) < 0 or not math.isclose(sum(env.fractions), 1.0, abs_tol=1e-9):
        refuse("env.fractions", env.fractions, "are not three shares that sum to 1")
    if env.fractions[0] == 0 or env.fractions[2] == 0:
        refuse("env.fractions", env.fractions, "leave no training or no test problems")
    if not env.modes or len(set(env.modes)) != len(env.modes):
        refuse("env.modes", env.modes, f"must be one or more of {', '.join(ALL_MODES)}, each once")
