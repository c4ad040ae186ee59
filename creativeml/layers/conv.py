"""Convolution with normalisation and activation, over one axis or two."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.activations import activation as activation_layer
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.norm import norm as norm_layer

Padding = Literal["same", "causal"]


def padded(x: Tensor, kernel: int, stride: int, dilation: int, padding: str) -> Tensor:
    """An input with zeros around it, so that a convolution gives `ceil(n / stride)` positions of each axis of n.

    Args:
        x: `(b, channels, *axes)`.
        kernel, stride, dilation: of the convolution that follows, the same along every axis.
        padding: "same" puts half of the zeros on either side (the odd one at the end), "causal" all before the start,
            so that position t of the output hears nothing of the input after position `t * stride`.
    """
    amounts: list[int] = []
    for length in reversed(x.shape[2:]):
        if padding == "causal":
            amounts += [(kernel - 1) * dilation, 0]
        else:
            positions = -(-length // stride)
            total = max((positions - 1) * stride + (kernel - 1) * dilation + 1 - length, 0)
            amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts)


def at_least(x: Tensor, smallest: int) -> Tensor:
    """An input `(b, channels, *axes)`, with zeros at the end of each axis that is shorter than so many positions."""
    missing = [max(0, smallest - length) for length in reversed(x.shape[2:])]
    return F.pad(x, [n for amount in missing for n in (0, amount)]) if any(missing) else x


class Conv(nn.Module):
    """A convolution alone, the same along every axis.

    Args:
        dims: axes of the input, 1 or 2.
        inputs, outputs: channels.
        kernel: size of the filters.
        stride: positions of the input from one of the output to the next.
        dilation: positions of the input from one tap of the filters to the next.
        padding: zeros on either side, or "same" or "causal" for outputs of `ceil(n / stride)` positions at any n.
        bias: whether each output has an offset.

    Raises:
        ValueError: a size below 1, or a padding that there is not.
    """

    def __init__(
        self,
        dims: int,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | Padding = "same",
        bias: bool = True,
    ) -> None:
        super().__init__()
        if min(kernel, stride, dilation) < 1:
            raise ValueError(f"kernel, stride and dilation must be at least 1, not {kernel}, {stride}, {dilation}")
        if padding not in ("same", "causal") and not (isinstance(padding, int) and padding >= 0):
            raise ValueError(f"padding must be a number of zeros, 'same' or 'causal', not {padding!r}")
        self.padding = padding
        self.shape = (kernel, stride, dilation)
        self.conv = by_dimension(dims).conv(
            inputs,
            outputs,
            kernel,
            stride=stride,
            dilation=dilation,
            padding=padding if isinstance(padding, int) else 0,
            bias=bias,
        )

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, *axes)` → `(b, outputs, *axes)`."""
        return self.conv(x if isinstance(self.padding, int) else padded(x, *self.shape, self.padding))


class ConvBlock(nn.Sequential):
    """Convolution, normalisation, activation: `(b, inputs, *axes)` → `(b, outputs, *axes)`.

    Args:
        dims, inputs, outputs, kernel, stride, dilation, padding: as for `Conv`.
        norm: by name; where one follows, which shifts by itself, the convolution has no bias.
        activation: by name.
    """

    def __init__(
        self,
        dims: int,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | Padding = "same",
        norm: str = "batch",
        activation: str = "relu",
    ) -> None:
        convolution = Conv(
            dims,
            inputs,
            outputs,
            kernel,
            stride=stride,
            dilation=dilation,
            padding=padding,
            bias=norm == "none",
        )
        super().__init__(convolution, norm_layer(norm, dims, outputs), activation_layer(activation, outputs))


def strided_network(outputs: int) -> nn.Sequential:
    """A plain small network: pictures `(b, 1, 32, 32)` → `(b, outputs)`.

    Three convolutions with batch normalisation that halve both axes, and a dense layer.
    """
    layers: list[nn.Module] = []
    for inputs, channels in ((1, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(inputs, channels, 3, stride=2, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, outputs))
