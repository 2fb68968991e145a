"""Group-relative policy optimisation as pure functions: advantages, log-probabilities, loss."""

from vgrout.grpo.advantages import (
    group_advantages,
    informative_groups,
    rows_of_groups,
    standardised_advantages,
    zone_advantages,
)
from vgrout.grpo.logprobs import (
    completion_logprobs,
    completion_logprobs_and_entropy,
    hidden_logprobs_and_entropy,
    token_logprobs,
    token_logprobs_and_entropy,
)
from vgrout.grpo.loss import LossInputs, LossOutputs, StepSize, step_size
from vgrout.grpo.objectives import dapo_loss, dr_grpo_loss, grpo_loss, gspo_loss, kl_estimate

__all__ = [
    "LossInputs",
    "LossOutputs",
    "StepSize",
    "completion_logprobs",
    "completion_logprobs_and_entropy",
    "dapo_loss",
    "dr_grpo_loss",
    "group_advantages",
    "grpo_loss",
    "gspo_loss",
    "hidden_logprobs_and_entropy",
    "informative_groups",
    "kl_estimate",
    "rows_of_groups",
    "standardised_advantages",
    "step_size",
    "token_logprobs",
    "token_logprobs_and_entropy",
    "zone_advantages",
]
