"""The method's earlier gate: what a rollout's update would do at the bottleneck, against the run's distribution of it."""

from vgrout.routing.activation import ActivationGate


class GradientGate(ActivationGate):
    """As `ActivationGate`, on gradients (`row_gradients`) in the place of activations; see docs/method.md.

    A second backward over every row buys it.
    """

    feature = "gradients"
