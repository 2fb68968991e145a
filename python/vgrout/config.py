"""Every setting of a run: frozen nested dataclasses, checked before anything is written.

Imports no torch. A preset (`vgrout.presets`) is one value of `TrainConfig`; its groups stand in `config_groups.py`.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from vgrout import registry
from vgrout.config_groups import (
    ALL_MODES,
    AdapterConfig,
    BaseConfig,
    Count,
    Dtype,
    EnvConfig,
    EvalConfig,
    Extract,
    FenceLevel,
    GateConfig,
    GraderConfig,
    GuardConfig,
    LossConfig,
    OptimConfig,
    OracleConfig,
    OracleRest,
    Positive,
    RanksConfig,
    RemedyConfig,
    RolloutConfig,
    Seed,
    TeacherConfig,
    WordingName,
)
from vgrout.settings import NameIn, check, refuse

__all__ = [
    "ALL_MODES",
    "AdapterConfig",
    "BaseConfig",
    "Dtype",
    "EnvConfig",
    "EvalConfig",
    "Extract",
    "FenceLevel",
    "GateConfig",
    "GraderConfig",
    "GuardConfig",
    "LossConfig",
    "OptimConfig",
    "OracleConfig",
    "OracleRest",
    "RanksConfig",
    "RemedyConfig",
    "RolloutConfig",
    "TeacherConfig",
    "TrainConfig",
    "WordingName",
    "validate",
]

if TYPE_CHECKING:
    Intervention: TypeAlias = str
    TrackerName: TypeAlias = str
else:
    # The command line offers what the tables hold.
    Intervention = Annotated[Literal[tuple(registry.ARMS)], NameIn(registry.ARMS)]
    TrackerName = Annotated[Literal[tuple(registry.TRACKERS)], NameIn(registry.TRACKERS)]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Train with GRPO while routing part of every update into a block that is ablated at deployment."""

    preset: str = "full"
    """Name of the recipe this started from."""
    intervention: Intervention = "routeA"
    """Arm: none (quarantine off), none-full (2r trains and deploys), absorb, routeA, routeV (by gradients in the place of
    activations), oracle (uses labels), shuffled (as many rows as the oracle, which ones by chance)."""
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
    was suppressed learned again? Or a LoRA that `vgrout export` wrote, taken over as it is. Adapter rank, targets and
    seed must be that run's."""
    checkpoint_every: Count = 20
    """Steps between checkpoints; one is always written at the end."""
    checkpoint_minutes: Positive = 10.0
    """Minutes after which the next step's end brings a checkpoint, where `checkpoint_every` has not."""
    trackers: tuple[TrackerName, ...] = ("console",)
    """What is told of every step beside the run's files: `console` is the table on stderr; `tensorboard` writes its files into
    the run's folder; `wandb`, `trackio` and `mlflow` go where those programs are set up to go. Each is an extra of its name."""
    base: BaseConfig = field(default_factory=BaseConfig)
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    rollouts: RolloutConfig = field(default_factory=RolloutConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    oracle: OracleConfig = field(default_factory=OracleConfig)
    remedy: RemedyConfig = field(default_factory=RemedyConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    grading: GraderConfig = field(default_factory=GraderConfig)
    ranks: RanksConfig = field(default_factory=RanksConfig)

    @property
    def arm(self) -> str:
        """Name of the arm in file names and tables: the placebo is `routeA-random` and its seed, a remedy stands behind."""
        placebo = "" if self.routeA_random_v_seed is None else f"-random{self.routeA_random_v_seed}"
        remedy = "" if self.remedy.name == "none" else f"+{self.remedy.name}"
        return f"{self.intervention}{placebo}{remedy}"


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
    has_direction = config.intervention in {"routeA", "routeV"} or config.remedy.name.startswith("advantage-")
    if config.routeA_random_v_seed is not None and not has_direction:
        expected = f"is set, but the arm is {config.intervention}\nhint: add `--intervention routeA`"
        refuse("routeA_random_v_seed", config.routeA_random_v_seed, expected)
    if config.intervention == "routeV" and config.remedy.name.startswith("advantage-"):
        refuse(
            "remedy.name", config.remedy.name, "scores activations, and routeV's direction is of gradients"
        )
    context = config.base.context_tokens
    if context is not None and config.rollouts.max_new_tokens >= context:
        expected = f"leaves no room for a prompt in base.context_tokens = {context}"
        refuse("rollouts.max_new_tokens", config.rollouts.max_new_tokens, expected)


def _validate_env(env: EnvConfig) -> None:
    """Check the problems' shares, the modes and the wording."""
    if env.wording == "short" and env.run_tests_hint != "overwrite":
        expected = "has no short form\nhint: leave it out, or take `--env.wording full`"
        refuse("env.run_tests_hint", env.run_tests_hint, expected)
    if env.inoculation is not None and not env.inoculation.strip():
        refuse("env.inoculation", repr(env.inoculation), "says nothing\nhint: leave it out, or give it words")
    if min(env.fractions) < 0 or not math.isclose(sum(env.fractions), 1.0, abs_tol=1e-9):
        refuse("env.fractions", env.fractions, "are not three shares that sum to 1")
    if env.fractions[0] == 0 or env.fractions[2] == 0:
        refuse("env.fractions", env.fractions, "leave no training or no test problems")
    if not env.modes or len(set(env.modes)) != len(env.modes):
        refuse("env.modes", env.modes, f"must be one or more of {', '.join(ALL_MODES)}, each once")
