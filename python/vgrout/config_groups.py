"""The groups of settings that `TrainConfig` is made of: frozen dataclasses whose fields carry their bounds.

Imports no torch. The same names serve the command line (`--gate.tail-quantile`), `config.json` and the code; they are
imported from `vgrout.config`. The defaults are those of the Qwen3-4B recipes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

from annotated_types import Ge, Gt, Le, Lt

from vgrout import registry
from vgrout.settings import MOST, NameIn

if TYPE_CHECKING:
    EngineName: TypeAlias = str
    LossName: TypeAlias = str
    InitName: TypeAlias = str
    RemedyName: TypeAlias = str
else:
    # The command line offers what the tables hold.
    EngineName = Annotated[Literal[tuple(registry.ENGINES)], NameIn(registry.ENGINES)]
    LossName = Annotated[Literal[tuple(registry.LOSSES)], NameIn(registry.LOSSES)]
    RemedyName = Annotated[Literal[tuple(registry.REMEDIES)], NameIn(registry.REMEDIES)]
    InitName = Annotated[Literal[tuple(registry.INITS)], NameIn(registry.INITS)]
Count = Annotated[int, Ge(1), Le(MOST)]
Seed = Annotated[int, Ge(0), Le(MOST)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
Mass = Annotated[float, Gt(0), Le(1)]

Dtype = Literal["float32", "bfloat16"]
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

    dtype: Dtype = "bfloat16"
    """Type of the base weights; the adapter's trainables are float32 either way."""
    head_dtype: Literal["float32"] | None = None
    """`float32` reads logits off a single-precision copy of the output head, in sampling and training; None is `dtype`.
    It takes V x D numbers of 4 bytes; docs/results.md has what bfloat16 costs in log-probs."""
    attention: Literal["sdpa", "eager"] = "sdpa"
    """Attention implementation asked of transformers."""
    context_tokens: Annotated[int, Ge(2), Le(MOST)] | None = None
    """Longest prompt plus completion, in tokens; None takes the model's own `max_position_embeddings`."""
    threads: Annotated[int, Ge(1), Le(1024)] | None = None
    """CPU threads of torch; None is torch's choice, or 1 for the tiny model: its operators are small."""
    checkpointing: bool = False
    """Gradient checkpointing of the decoder blocks: each keeps its input alone for the backward, which makes the rest again.
    A fraction of the memory for some more time; prompts are then read once for every answer in the training forward."""
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
    init: InitName = "gaussian"
    """Initial copies that the blocks' differences are taken from: `gaussian` draws, principal directions of the weights
    (`pissa`), or of the weights on what the contrast pairs feed them (`corda`)."""


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
    inoculation: str | None = None
    """Inoculation prompt: a paragraph behind every training prompt, absent at evaluation, such as one that asks for the hack."""
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
    """GRPO and its kin; the default is Dr. GRPO (arXiv:2503.20783). docs/method.md has the formulas."""

    objective: LossName = "dr-grpo"
    """What is differentiated: PPO-clipped policy gradients that differ in what they divide by. `dr-grpo`: the tokens that a
    step could hold; `grpo`: each answer's own length; `dapo`: the step's tokens; `gspo`: as `grpo`, with one ratio an
    answer in place of one a token, whose clip is some hundred times narrower (--loss.clip 3e-4 --loss.clip-high 4e-4)."""
    advantage: Literal["centred", "standardised"] = "centred"
    """`centred`: r - mean(group). `standardised` also divides by the group's deviation (plain GRPO)."""
    baseline: Literal["group", "zone"] = "group"
    """`zone` centres rows that are not routed on the mean of those; it changes advantages, so it is no default."""
    clip: Annotated[float, Gt(0), Lt(1)] = 0.2
    """PPO's clip range of the importance ratio: it is kept above 1 - clip."""
    clip_high: Annotated[float, Gt(0)] | None = None
    """And below 1 + this; None is `clip`. DAPO's recipe: 0.28."""
    kl_beta: Annotated[float, Ge(0)] = 1e-3
    """Weight of the KL to the adapter-disabled base; 0 saves the reference forward."""
    kl_estimator: Literal["k1", "k2", "k3"] = "k3"
    """How it is estimated from the sampled tokens. As losses they pull differently: the gradient of k3 is that of
    KL(base‖policy), k2's that of KL(policy‖base), and k1's is zero on average, so k1 only adds noise."""
    off_policy: Literal["truncated", "clip"] = "truncated"
    """Rows whose training mask differs from the one they were sampled with: truncated importance sampling
    (detached ratio) or the ordinary PPO clip."""
    ratio_cap: Annotated[float, Ge(1)] = 2.0
    """Cap of the truncated ratio, and of `sampler_correction`'s."""
    sampler_correction: Literal["none", "truncated", "sequence-masked"] = "none"
    """An engine other than `hf` computes the probabilities of what it samples a little otherwise. `truncated` weighs every
    token by min(trainer's probability / sampler's, `ratio_cap`), both under the policy that sampled it;
    `sequence-masked` weighs every answer by the product of these ratios, and by 0 where that is above `ratio_cap`."""


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
    tokens_per_batch: Count | None = None
    """Tokens of one forward and backward, prompts once and padding included, in the place of rows: the memory is the same
    whatever the lengths. None counts rows."""


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
    activations: Literal["sampling", "ablated"] = "sampling"
    """Forward that gives the activations of rows which a full policy sampled: the one that gives their old log-probs, quarantine
    on, or one of its own with the quarantine `ablated`, as the direction is extracted (ADR 14). routeV has its own."""
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
class RemedyConfig:
    """What is done to rewards before the groups are centred, for comparison with routing; docs/guides/remedies.md."""

    name: RemedyName = "none"
    """`advantage-additive` and `advantage-multiplicative` take reward from what scores high along the direction;
    `monitor-penalty` and `monitor-screening` act on whom a monitor of known accuracy flags, by the oracle's labels."""
    alpha: Annotated[float, Ge(0)] = 2.0
    """Advantage modification: weight of the penalty."""
    least_deviation: Positive = 0.1
    """Advantage modification: a group's scores are divided by their deviation, and by no less than this."""
    accuracy: Share = 1.0
    """Monitors: chance that a rollout is told for what it is."""
    penalty: Annotated[float, Ge(0)] = 3.0
    """`monitor-penalty`: what a flagged rollout loses; 3 is what an exploit pays."""


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
    every: Annotated[int, Ge(0), Le(MOST)] = 0
    """Ask both policies the validation problems after every N-th step, with random numbers of its own, so that training goes
    on as without; 0 asks at the end alone, and then the test problems."""
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
