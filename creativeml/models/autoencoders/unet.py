"""U-Net, Ronneberger et al., "Convolutional networks for biomedical image segmentation" (2015, arXiv 1505.04597).

Over one axis (waveforms, as in Stoller et al., "Wave-U-Net", 2018, arXiv 1806.03185) or two (spectrograms, as in
Jansson et al. 2017). The paper's convolutions have no padding, so that its output is smaller; here the shape is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.by_dimension import Dims, by_dimension
from creativeml.layers.conv import ConvBlock
from creativeml.layers.init import initialise
from creativeml.layers.norm import Norm
from creativeml.layers.pooling import pool
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network."""

    dims: Dims = 2
    """Axes: 1 for waveforms (samples), 2 for spectrograms (bands, frames)."""
    in_channels: int = 1
    out_channels: int = 1
    width: int = 8
    """Channels of the finest level; each coarser one has twice as many."""
    depth: int = 4
    """How often the axes are halved."""
    norm: Norm = "group"
    """The paper has none."""

    def __post_init__(self) -> None:
        if self.dims not in (1, 2):
            raise ValueError(f"dims must be 1 (waveforms) or 2 (spectrograms), not {self.dims}")
        for name in ("in_channels", "out_channels", "width", "depth"):
            check_range(name, getattr(self, name), 1)


def unet_config() -> UNetConfig:
    """The published size: one channel to two."""
    return UNetConfig(out_channels=2, width=64, norm="none")


@register("unet", UNetConfig)
class UNet(nn.Module):
    """Down to coarse levels and up again, each level of the way up seeing the one of the way down.

    Args:
        config: its shape.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        layers, dims, norm = by_dimension(config.dims), config.dims, config.norm
        widths = [config.width * 2**n for n in range(config.depth + 1)]
        inputs = [config.in_channels, *widths[:-1]]
        self.down = nn.ModuleList(double_conv(dims, i, o, norm) for i, o in zip(inputs, widths, strict=True))
        self.pool = pool("max", dims, 2)
        self.enlarge = nn.ModuleList(layers.conv_transpose(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(double_conv(dims, 2 * w, w, norm) for w in reversed(widths[:-1]))
        initialise(self, "relu")
        self.last = initialise(layers.conv(config.width, config.out_channels, 1), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)` → `(b, out_channels, *axes)`, whatever the lengths."""
        check_channels(x, self.config.in_channels, self.config.dims)
        shortcuts: list[Tensor] = []
        for n, level in enumerate(self.down):
            x = level(self.pool(x) if n else x)
            shortcuts.append(x)
        x = shortcuts.pop()
        for enlarge, level in zip(self.enlarge, self.up, strict=True):
            shortcut = shortcuts.pop()
            # Pooling rounds lengths up, so doubling them gives one position too many where they were odd.
            bigger = enlarge(x)[(..., *(slice(n) for n in shortcut.shape[2:]))]
            x = level(torch.cat([shortcut, bigger], dim=1))
        return self.last(x)


def double_conv(dims: int, inputs: int, outputs: int, norm: str) -> nn.Sequential:
    """Two convolutions of size 3 with ReLU: `(b, inputs, *axes)` → `(b, outputs, *axes)`."""
    return nn.Sequential(
        ConvBlock(dims, inputs, outputs, 3, padding=1, norm=norm),
        ConvBlock(dims, outputs, outputs, 3, padding=1, norm=norm),
    )
