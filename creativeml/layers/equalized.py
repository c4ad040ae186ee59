"""Layers whose weights are scaled at run time, so that Adam moves all of them at the same relative speed.

Karras et al., "Progressive Growing of GANs" (2018), section 4.1. Sequences are `(batch, channels, 1, frames)`: 1-D
convolutions run as 2-D ones of height 1 because the CPU's convolution kernels are fastest on the channels-last layout,
which torch has for four axes only.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.activations import LEAK
from creativeml.layers.frozen import Remembered

GAIN = math.sqrt(2.0 / (1.0 + LEAK**2))


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU. The layers before it carry its `GAIN`, so that a Gaussian input keeps its variance."""
    return F.leaky_relu(x, LEAK, inplace=not x.requires_grad)


class EqualLinear(nn.Module):
    """Affine map with equalised learning rate.

    Args:
        inputs, outputs: sizes of the last axis.
        bias: initial value of the bias.
        gain: on the output's standard deviation; `GAIN` where `activate` follows.
        rate: factor on the learning rate of this layer (the mapping network learns slower than the rest).
    """

    def __init__(self, inputs: int, outputs: int, *, bias: float = 0.0, gain: float = 1.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale = gain * rate / math.sqrt(inputs)
        self.rate = rate
        self._scaled = Remembered[tuple[Tensor, Tensor]]()

    def forward(self, x: Tensor) -> Tensor:
        """`(..., inputs)` → `(..., outputs)`."""
        return F.linear(x, *self._scaled.of((self.weight, self.bias), self.scaled))

    def scaled(self) -> tuple[Tensor, Tensor]:
        """Weight and bias at their run-time scale."""
        return self.weight * self.scale, self.bias * self.rate


class EqualConv(nn.Module):
    """Convolution over `(batch, channels, height, width)` with equalised learning rate and same-size padding.

    The gain of the activation that follows is part of it; pass `gain=1` where none follows.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] | None = None,
        bias: bool = True,
        gain: float = GAIN,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, *kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = gain / math.sqrt(inputs * kernel[0] * kernel[1])
        self.stride = stride
        self.padding = padding or (kernel[0] // 2, kernel[1] // 2)

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, inputs, h, w)` → `(batch, outputs, h / stride, w / stride)`."""
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


class BlockConv(EqualConv):
    """Strided convolution of one channel by a kernel twice as long as the stride.

    The same as `EqualConv` with that stride, computed over blocks of `stride` samples as channels: a convolution of
    length 2, which leaves the channels-last layout that the next layers want. A whole waveform critic trains 1.6 times
    as fast.
    """

    def __init__(self, outputs: int, stride: int) -> None:
        super().__init__(1, outputs, (1, 2 * stride), stride=(1, stride), padding=(0, stride // 2))

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, 1, 1, samples)` → `(batch, outputs, 1, samples / stride)`."""
        stride = self.stride[1]
        blocks = F.pad(x[:, 0], self.padding[1:] * 2).unflatten(2, (-1, stride)).permute(0, 3, 1, 2)
        weight = (self.weight * self.scale).unflatten(3, (2, stride)).transpose(1, 4).squeeze(4)
        return F.conv2d(blocks, weight, self.bias)
