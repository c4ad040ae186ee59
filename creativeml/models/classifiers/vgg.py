"""VGG, Simonyan and Zisserman, "Very deep convolutional networks" (2015, arXiv 1409.1556): nothing but 3 x 3.

VGG-16 has 138,357,544 parameters for pictures of 3 channels and 1000 classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.conv import ConvBlock
from creativeml.layers.init import initialise
from creativeml.layers.norm import Norm
from creativeml.layers.pooling import pool
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels

_POSITIONS = 7
_WIDEST = 8
"""Channels of the last stages for each of the width."""
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by the number of layers with weights (columns A, B, D, E of the paper's table 1)."""


@dataclass(frozen=True)
class VGGConfig(ClassifierConfig):
    """Shape of the network; `width` is the number of channels of the first stage, which doubles up to eightfold."""

    width: int = 8
    stages: tuple[int, ...] = (1, 1, 2, 2, 2)
    """Convolutions of each; after each the axes are half as long."""
    hidden: int = 128
    """Units of the two dense layers."""
    norm: Norm = "batch"
    """The paper has none, and trained deep ones from the weights of shallower ones."""
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("number of stages", len(self.stages), 1)
        check_range("convolutions of each stage", min(self.stages), 1)
        check_range("hidden", self.hidden, 1)
        check_probability("dropout", self.dropout)


def vgg_config(layers: int = 16) -> VGGConfig:
    """The published size of 11, 13, 16 or 19 layers with weights.

    Raises:
        ValueError: another number.
    """
    if layers not in _DEPTHS:
        raise ValueError(f"there is no VGG-{layers} (known: {', '.join(map(str, _DEPTHS))})")
    return VGGConfig(in_channels=3, classes=1000, width=64, stages=_DEPTHS[layers], hidden=4096, norm="none")


@register("vgg", VGGConfig)
class VGG(nn.Module):
    """Stages of convolutions of size 3, each ended by pooling; three affine maps.

    Args:
        config: its shape.
    """

    def __init__(self, config: VGGConfig) -> None:
        super().__init__()
        self.config = config
        dims = config.dims
        parts: list[nn.Module] = []
        channels = config.in_channels
        for n, convolutions in enumerate(config.stages):
            outputs = config.width * min(2**n, _WIDEST)
            for _ in range(convolutions):
                parts.append(ConvBlock(dims, channels, outputs, 3, padding=1, norm=config.norm))
                channels = outputs
            parts.append(pool("max", dims, 2))
        pooled = by_dimension(dims).adaptive_average_pool(_POSITIONS)
        self.features = nn.Sequential(*parts, pooled, nn.Flatten())
        self.dense = nn.Sequential(
            nn.Linear(channels * _POSITIONS**dims, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        initialise(self, "relu")
        self.score = initialise(nn.Linear(config.hidden, config.classes), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.dense(self.features(x)))
