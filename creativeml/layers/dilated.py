"""Stacks of dilated convolutions: a receptive field that grows exponentially with depth at linear cost.

van den Oord et al., "WaveNet" (2016, arXiv 1609.03499) for sound; the residual block is that of Bai et al., "An
empirical evaluation of generic convolutional and recurrent networks" (2018, arXiv 1803.01271).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.conv import Conv, Padding

CONVS_PER_BLOCK = 2


def receptive_field(kernel: int, dilations: Sequence[int], *, convs_per_block: int = CONVS_PER_BLOCK) -> int:
    """Positions of the input that one position of the output of a stack depends on.

    Each convolution adds `(kernel - 1) * dilation` to the one position that it starts from.

    Args:
        kernel: size of the filters.
        dilations: of the blocks.
        convs_per_block: convolutions of each dilation.
    """
    return 1 + convs_per_block * (kernel - 1) * sum(dilations)


class DilatedBlock(nn.Module):
    """Two dilated convolutions with ReLU and dropout of whole channels, beside an identity or a projection.

    Args:
        dims: axes of the input, 1 or 2.
        inputs, outputs: channels.
        kernel: size of the filters.
        dilation: of both.
        padding: "causal" or "same"; the length is kept.
        dropout: probability of a channel to be left out while training.
    """

    def __init__(
        self,
        dims: int,
        inputs: int,
        outputs: int,
        kernel: int,
        dilation: int,
        *,
        padding: Padding = "causal",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            Conv(dims, i, outputs, kernel, dilation=dilation, padding=padding) for i in (inputs, outputs)
        )
        self.dropout = nn.Dropout1d(dropout)
        self.shortcut = nn.Identity() if inputs == outputs else Conv(dims, inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, *axes)` → `(b, outputs, *axes)`."""
        inner = x
        for convolution in self.convolutions:
            inner = F.relu(convolution(inner))
            # A channel is left out as a whole whatever its axes: neighbours would give a single position away.
            inner = self.dropout(inner.flatten(2)).view_as(inner)
        return F.relu(self.shortcut(x) + inner)


class DilatedStack(nn.Sequential):
    """Blocks one after the other: `(b, inputs, *axes)` → `(b, channels, *axes)`.

    Args:
        dims: axes of the input, 1 or 2.
        inputs, channels: of the input, and of every block's output.
        kernel: size of the filters.
        dilations: of the blocks, by custom 1, 2, 4, ...
        causal: position t of the output depends on nothing after position t of the input (along every axis).
        dropout: as for `DilatedBlock`.

    Raises:
        ValueError: no dilations, or a size below 1.
    """

    def __init__(
        self,
        dims: int,
        inputs: int,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        *,
        causal: bool = True,
        dropout: float = 0.0,
    ) -> None:
        if not dilations:
            raise ValueError("a stack needs at least one dilation")
        self.receptive_field = receptive_field(kernel, dilations)
        sizes = itertools.pairwise((inputs, *[channels] * len(dilations)))
        padding: Padding = "causal" if causal else "same"
        super().__init__(
            *(
                DilatedBlock(dims, i, o, kernel, dilation, padding=padding, dropout=dropout)
                for (i, o), dilation in zip(sizes, dilations, strict=True)
            )
        )
