"""AlexNet, Krizhevsky et al., "ImageNet classification with deep convolutional neural networks" (NeurIPS 2012).

The sizes are those of the one-tower variant of Krizhevsky, "One weird trick" (2014, arXiv 1404.5997), which most
libraries mean by the name: 61,100,840 parameters for pictures of 3 channels and 1000 classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.conv import at_least
from creativeml.layers.init import initialise
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels

_POSITIONS = 6
_SMALLEST = 63
"""What the first convolution and the three poolings, all without padding enough, need."""


@dataclass(frozen=True)
class AlexNetConfig(ClassifierConfig):
    """Shape of the network; `width` is the number of channels of the first convolution."""

    width: int = 8
    hidden: int = 128
    """Units of the two dense layers."""
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("hidden", self.hidden, 1)
        check_probability("dropout", self.dropout)


def alexnet_config() -> AlexNetConfig:
    """The published size."""
    return AlexNetConfig(in_channels=3, classes=1000, width=64, hidden=4096)


@register("alexnet", AlexNetConfig)
class AlexNet(nn.Module):
    """Five convolutions, three poolings, three affine maps.

    Args:
        config: its shape.
    """

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.config = config
        layers, width = by_dimension(config.dims), config.width
        stages = (
            (width, 11, 4, 2, True),
            (3 * width, 5, 1, 2, True),
            (6 * width, 3, 1, 1, False),
            (4 * width, 3, 1, 1, False),
            (4 * width, 3, 1, 1, True),
        )
        parts: list[nn.Module] = []
        channels = config.in_channels
        for outputs, kernel, stride, padding, pooled in stages:
            parts += [layers.conv(channels, outputs, kernel, stride=stride, padding=padding), nn.ReLU()]
            parts += [layers.max_pool(3, stride=2)] if pooled else []
            channels = outputs
        self.features = nn.Sequential(*parts, layers.adaptive_average_pool(_POSITIONS), nn.Flatten())
        self.dense = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(channels * _POSITIONS**config.dims, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
        )
        initialise(self, "relu")
        self.score = initialise(nn.Linear(config.hidden, config.classes), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`; axes shorter than 63 are filled up with zeros."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.dense(self.features(at_least(x, _SMALLEST))))
