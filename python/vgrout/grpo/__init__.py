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
from vgrout.grpo.loss import LossInputs, LossOutputs, constant_normaliser, grpo_loss

__all__ = [
    "LossInputs",
    "LossOutputs",
    "completion_logprobs",
    "completion_logprobs_and_entropy",
    "constant_normaliser",
    "group_advantages",
    "grpo_loss",
    "hidden_logprobs_and_entropy",
    "informative_groups",
    "rows_of_groups",
    "standardised_advantages",
    "token_logprobs",
    "token_logprobs_and_entropy",
    "zone_advantages",
]
