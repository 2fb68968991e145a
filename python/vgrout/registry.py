"""What a run chooses by name: engines, arms, losses and trackers.

A new one is a file of its own and a line here; the command line, the checks and the trainer read these tables. The
implementations import torch, so they stand here as `module:name` and are loaded when they are chosen.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from vgrout.errors import ConfigError

ENGINES: dict[str, str] = {
    "hf": "vgrout.rollouts.hf:HfEngine",
    "vllm": "vgrout.rollouts.vllm:VllmEngine",
    "vllm-server": "vgrout.rollouts.vllm_server:VllmServerEngine",
}
"""`(policy, config) -> RolloutEngine`: draws the answers."""

ARMS: dict[str, str] = {
    "none": "vgrout.routing.constant:NoGate",
    "none-full": "vgrout.routing.constant:NoGateFull",
    "absorb": "vgrout.routing.constant:AlwaysAbsorb",
    "routeA": "vgrout.routing.activation:ActivationGate",
    "routeV": "vgrout.routing.gradient:GradientGate",
    "oracle": "vgrout.routing.oracle:OracleGate",
    "shuffled": "vgrout.routing.shuffled:ShuffledGate",
}
"""Classes of gates (`Gate`, `LabelledGate`): where each rollout trains and what is deployed."""

REMEDIES: dict[str, str] = {
    "none": "vgrout.remedies.nothing:Nothing",
    "advantage-additive": "vgrout.remedies.advantage:Additive",
    "advantage-multiplicative": "vgrout.remedies.advantage:Multiplicative",
    "monitor-penalty": "vgrout.remedies.monitor:Penalty",
    "monitor-screening": "vgrout.remedies.monitor:Screening",
}
"""Classes (`Remedy`, `LabelledRemedy`): what rewards become before the update, in the place of routing or beside it."""

LOSSES: dict[str, str] = {
    "dr-grpo": "vgrout.grpo.objectives:dr_grpo_loss",
    "grpo": "vgrout.grpo.objectives:grpo_loss",
    "dapo": "vgrout.grpo.objectives:dapo_loss",
    "gspo": "vgrout.grpo.objectives:gspo_loss",
}
"""`(LossInputs) -> LossOutputs`: what is differentiated."""

INITS: dict[str, str] = {
    "gaussian": "vgrout.adapters.inits:gaussian_inits",
    "pissa": "vgrout.train.starts:pissa",
    "corda": "vgrout.train.starts:corda",
}
"""`(policy, pairs) -> (name, Linear) -> (A0, B0ᵀ)`: the blocks' initial copies; `gaussian` is what an adapter has anyway."""

TRACKERS: dict[str, str] = {
    "console": "vgrout.train.progress:StepTable",
    "tensorboard": "vgrout.train.tracking.tensorboard:TensorBoard",
    "wandb": "vgrout.train.tracking.wandb:Wandb",
    "trackio": "vgrout.train.tracking.trackio:Trackio",
    "mlflow": "vgrout.train.tracking.mlflow:Mlflow",
}
"""`(TrackedRun) -> Tracker`: told of every step, beside the run directory's files."""


def load(table: Mapping[str, str], name: str, setting: str) -> Any:
    """The implementation called `name`.

    Raises:
        ConfigError: the table has none of that name; `setting` is where it was asked for.
    """
    check(table, name, setting)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def check(table: Mapping[str, str], name: str, setting: str) -> None:
    """`name` stands in the table.

    Raises:
        ConfigError: it does not.
    """
    if name not in table:
        raise ConfigError(f"{setting}: {name!r} is unknown, expected one of {', '.join(table)}")
