"""ResNet, He et al., "Deep residual learning for image recognition" (2016, arXiv 1512.03385), over one axis or two.

At 3 channels and 1000 classes the published ones have 11,689,512 (18 layers), 21,797,672 (34), 25,557,032 (50),
44,549,160 (101) and 60,192,808 (152) parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.conv import ConvBlock
from creativeml.layers.init import initialise
from creativeml.layers.norm import Norm
from creativeml.layers.pooling import GlobalPool
from creativeml.layers.residual import BasicBlock, BottleneckBlock
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels

_BLOCKS = {"basic": BasicBlock, "bottleneck": BottleneckBlock}
_DEPTHS: dict[int, tuple[Literal["basic", "bottleneck"], tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
"""Blocks and how many of each stage, by the number of layers with weights (the paper's table 1)."""


@dataclass(frozen=True)
class ResNetConfig(ClassifierConfig):
    """Shape of the network; `width` is that of the first stage's blocks, which doubles from stage to stage."""

    width: int = 8
    stages: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each; from the second on the axes are half as long as before."""
    block: Literal["basic", "bottleneck"] = "basic"
    norm: Norm = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("number of stages", len(self.stages), 1)
        check_range("blocks of each stage", min(self.stages), 1)


def resnet_config(layers: int = 50) -> ResNetConfig:
    """The published size of 18, 34, 50, 101 or 152 layers with weights.

    Raises:
        ValueError: another number.
    """
    if layers not in _DEPTHS:
        raise ValueError(f"there is no ResNet-{layers} (known: {', '.join(map(str, _DEPTHS))})")
    block, stages = _DEPTHS[layers]
    return ResNetConfig(in_channels=3, classes=1000, width=64, stages=stages, block=block)


@register("resnet", ResNetConfig)
class ResNet(nn.Module):
    """A wide convolution and pooling, stages of residual blocks, the average of all positions, one affine map.

    Args:
        config: its shape.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        dims, norm = config.dims, config.norm
        self.stem = nn.Sequential(
            ConvBlock(dims, config.in_channels, config.width, 7, stride=2, padding=3, norm=norm),
            by_dimension(dims).max_pool(3, stride=2, padding=1),
        )
        block, channels = _BLOCKS[config.block], config.width
        blocks: list[nn.Module] = []
        for stage, count in enumerate(config.stages):
            width = config.width * 2**stage
            for n in range(count):
                blocks.append(block(dims, channels, width, stride=2 if stage and not n else 1, norm=norm))
                channels = width * block.expansion
        self.blocks = nn.Sequential(*blocks)
        initialise(self, "relu")
        self.pool = GlobalPool("average")
        self.score = initialise(nn.Linear(channels, config.classes), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → logits `(b, classes)`."""
        check_channels(x, self.config.in_channels, self.config.dims)
        return self.score(self.pool(self.blocks(self.stem(x))))
