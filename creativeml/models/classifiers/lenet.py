"""LeNet-5 with sigmoids and average pooling, after LeCun et al. (1998).

That paper ("Gradient-based learning applied to document recognition", Proceedings of the IEEE) has tanh, trainable
pooling and a sparse second layer; this is the plain form that textbooks teach, 61,706 parameters for pictures of
28 x 28 and ten classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.layers.activations import Activation, activation
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.conv import at_least
from creativeml.layers.init import initialise
from creativeml.layers.pooling import pool
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels

_KERNEL = 5
_POSITIONS = 5
_SMALLEST = 2 * _KERNEL - 1
"""What the second convolution needs, which has no padding, before the first pooling (of part windows, too)."""


@dataclass(frozen=True)
class LeNetConfig(ClassifierConfig):
    """Shape of the network; `width` is the number of channels of the first convolution."""

    width: int = 6
    activation: Activation = "sigmoid"


def lenet_config() -> LeNetConfig:
    """As for the digits that it was made for: pictures of 28 x 28, ten classes."""
    return LeNetConfig(classes=10)


@register("lenet", LeNetConfig)
class LeNet(nn.Module):
    """Two convolutions with pooling, three affine maps.

    Args:
        config: its shape.
    """

    def __init__(self, config: LeNetConfig) -> None:
        super().__init__()
        self.config = config
        layers, dims = by_dimension(config.dims), config.dims
        first, second, third, fourth = (round(config.width * n / 6) for n in (6, 16, 120, 84))
        self.features = nn.Sequential(
            layers.conv(config.in_channels, first, _KERNEL, padding=_KERNEL // 2),
            activation(config.activation, first),
            pool("average", dims, 2),
            layers.conv(first, second, _KERNEL),
            activation(config.activation, second),
            pool("average", dims, 2),
            # Leaves a picture of 28 x 28, which is 5 x 5 by now, as it is.
            layers.adaptive_average_pool(_POSITIONS),
            nn.Flatten(),
        )
        self.dense = nn.Sequential(
            nn.Linear(second * _POSITIONS**dims, third),
            activation(config.activation, third),
            nn.Linear(third, fourth),
            activation(config.activation, fourth),
        )
        initialise(self, config.activation)
        self.score = initialise(nn.Linear(fourth, config.classes), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`; axes shorter than 9 are filled up with zeros."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.dense(self.features(at_least(x, _SMALLEST))))
