"""The multi-layer perceptron, and with no hidden layer the perceptron of Rosenblatt (1958).

With one hidden layer it can come near any continuous function if it is wide enough (Cybenko 1989; Hornik et al. 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.activations import Activation
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.init import initialise
from creativeml.layers.perceptron import hidden_layers
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels


@dataclass(frozen=True)
class MLPConfig(ClassifierConfig):
    """Shape of the perceptron; `width` is the number of units of each hidden layer."""

    width: int = 64
    depth: int = 2
    """Hidden layers; 0 makes it a linear classifier."""
    positions: int = 16
    """Along each axis, that the input is averaged to: the number of inputs has to be fixed."""
    activation: Activation = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("depth", self.depth, 0)
        check_range("positions", self.positions, 1)
        check_probability("dropout", self.dropout)


@register("mlp", MLPConfig)
class MLP(nn.Module):
    """Affine maps with an activation between them.

    Args:
        config: its shape.
    """

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        inputs = config.in_channels * config.positions**config.dims
        self.pool = by_dimension(config.dims).adaptive_average_pool(config.positions)
        sizes = (inputs, *[config.width] * config.depth)
        layers = hidden_layers(sizes, config.activation, dropout=config.dropout)
        self.hidden = initialise(layers, config.activation)
        self.score = initialise(nn.Linear(sizes[-1], config.classes), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.hidden(self.pool(x).flatten(1)))
