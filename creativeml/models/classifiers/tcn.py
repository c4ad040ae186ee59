"""Temporal convolutional network: dilated causal convolutions with residual shortcuts.

Bai et al., "An empirical evaluation of generic convolutional and recurrent networks for sequence modeling" (2018, arXiv
1803.01271), which found it to remember longer than recurrent networks of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.by_dimension import Dims
from creativeml.layers.dilated import DilatedStack
from creativeml.layers.init import initialise
from creativeml.layers.pooling import GlobalPool
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels


@dataclass(frozen=True)
class TCNConfig(ClassifierConfig):
    """Shape of the network; `width` is the number of channels of every block."""

    dims: Dims = 1
    width: int = 16
    kernel: int = 3
    levels: int = 8
    """Blocks, of dilations 1, 2, 4, ..."""
    causal: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("kernel", self.kernel, 1)
        check_range("levels", self.levels, 1)
        check_probability("dropout", self.dropout)

    @property
    def dilations(self) -> tuple[int, ...]:
        """Of the blocks."""
        return tuple(2**n for n in range(self.levels))


@register("tcn", TCNConfig)
class TCN(nn.Module):
    """A dilated stack, the average of all positions, one affine map.

    Args:
        config: its shape.
    """

    def __init__(self, config: TCNConfig) -> None:
        super().__init__()
        self.config = config
        self.stack = DilatedStack(
            config.dims,
            config.in_channels,
            config.width,
            config.kernel,
            config.dilations,
            causal=config.causal,
            dropout=config.dropout,
        )
        initialise(self, "relu")
        self.pool = GlobalPool("average")
        self.score = initialise(nn.Linear(config.width, config.classes), "identity")

    @property
    def receptive_field(self) -> int:
        """Positions of the input, along each axis, that one position before the pooling depends on."""
        return self.stack.receptive_field

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.pool(self.stack(x)))
