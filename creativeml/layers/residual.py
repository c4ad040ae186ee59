"""Residual blocks of He et al., "Deep residual learning for image recognition" (2016, arXiv 1512.03385)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.conv import ConvBlock


class ResidualBlock(nn.Module):
    """`relu(shortcut(x) + branch(x))`, over one axis or two.

    The shortcut is the identity where the shapes allow it, otherwise a projection: a convolution of size 1 with the
    same stride (the paper's option B).

    Args:
        branch: `(b, inputs, *axes)` → `(b, outputs, *axes / stride)`, without a last activation.
        dims: axes of the input, 1 or 2.
        inputs, outputs: channels.
        stride: of the branch.
        norm: of the projection.
    """

    def __init__(self, branch: nn.Module, dims: int, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.branch = branch
        if stride == 1 and inputs == outputs:
            self.shortcut: nn.Module = nn.Identity()
        else:
            self.shortcut = ConvBlock(
                dims, inputs, outputs, 1, stride=stride, padding=0, norm=norm, activation="identity"
            )

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, *axes)` → `(b, outputs, *axes / stride)`."""
        return F.relu(self.shortcut(x) + self.branch(x))


class BasicBlock(ResidualBlock):
    """Two convolutions of size 3.

    Args:
        dims: axes of the input, 1 or 2.
        inputs: channels of the input.
        width: channels of the output.
        stride: of the first convolution and the shortcut.
        norm: by name.
    """

    expansion = 1
    """Channels of the output for each of the width."""

    def __init__(self, dims: int, inputs: int, width: int, *, stride: int = 1, norm: str = "batch") -> None:
        branch = nn.Sequential(
            ConvBlock(dims, inputs, width, 3, stride=stride, padding=1, norm=norm),
            ConvBlock(dims, width, width, 3, padding=1, norm=norm, activation="identity"),
        )
        super().__init__(branch, dims, inputs, width, stride, norm)


class BottleneckBlock(ResidualBlock):
    """A convolution of size 3 between two of size 1, the last of which has four times the width.

    The stride is that of the middle convolution, as in most implementations since (the paper has it at the first).

    Args:
        dims, inputs, stride, norm: as for `BasicBlock`.
        width: channels within; the output has four times as many.
    """

    expansion = 4
    """Channels of the output for each of the width."""

    def __init__(self, dims: int, inputs: int, width: int, *, stride: int = 1, norm: str = "batch") -> None:
        outputs = width * self.expansion
        branch = nn.Sequential(
            ConvBlock(dims, inputs, width, 1, padding=0, norm=norm),
            ConvBlock(dims, width, width, 3, stride=stride, padding=1, norm=norm),
            ConvBlock(dims, width, outputs, 1, padding=0, norm=norm, activation="identity"),
        )
        super().__init__(branch, dims, inputs, outputs, stride, norm)
