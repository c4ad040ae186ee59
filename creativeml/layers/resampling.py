"""Changing the rate of sequences: anti-imaging interpolation by small factors, windowed sinc by large ones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def upsample(x: Tensor, factor: int) -> Tensor:
    """`(b, c, 1, t)` → `(b, c, 1, factor * t)` by linear interpolation.

    For factor 2 this is the binomial filter (1, 3, 3, 1) / 4 after zero insertion.
    """
    return F.interpolate(x, scale_factor=(1, factor), mode="bilinear", align_corners=False)


def downsample(x: Tensor, factor: int) -> Tensor:
    """`(b, c, 1, t)` → `(b, c, 1, t / factor)` by averaging."""
    return F.avg_pool2d(x, (1, factor))


BLOCK_SAMPLES = 32


class SincUpsample(nn.Module):
    """Raises the rate of a signal by a whole factor with a Kaiser-windowed sinc, as a matrix product of blocks.

    A convolution of so few taps and channels is four times slower.

    Flat within 2 % up to 0.58 of the input's Nyquist frequency with the default length.

    Args:
        factor: ratio of the rates.
        half_width: filter length in input samples on either side.
    """

    blocks: Tensor

    def __init__(self, factor: int, *, half_width: int = 6) -> None:
        super().__init__()
        self.factor, self.half_width = factor, half_width
        # Output sample j of an input sample i lies at i + j / factor. Cut-off at 0.95 of the input's Nyquist frequency.
        taps = torch.arange(-half_width, half_width + 1, dtype=torch.float64)
        offset = taps[None, :] - torch.arange(factor, dtype=torch.float64)[:, None] / factor
        cutoff = 0.95
        window = torch.special.i0(8.0 * torch.sqrt((1 - (offset / (half_width + 1)).square()).clamp(min=0)))
        kernel = cutoff * torch.sinc(cutoff * offset) * window / torch.special.i0(torch.tensor(8.0)).double()
        # Column factor * i + j: what output j after input i takes of a block and its neighbours.
        blocks = torch.zeros(BLOCK_SAMPLES + 2 * half_width, BLOCK_SAMPLES, factor)
        for i in range(BLOCK_SAMPLES):
            blocks[i : i + 2 * half_width + 1, i] = kernel.float().T
        self.register_buffer("blocks", blocks.flatten(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, n)` → `(b, factor * n)`."""
        samples = x.shape[1]
        padded = F.pad(x, (self.half_width, self.half_width + -samples % BLOCK_SAMPLES))
        blocks = padded.unfold(1, BLOCK_SAMPLES + 2 * self.half_width, BLOCK_SAMPLES)
        # In bfloat16 the product would have a noise floor of -50 dB.
        with torch.autocast(x.device.type, enabled=False):
            return (blocks.float() @ self.blocks).flatten(1)[:, : self.factor * samples]


def log2_exact(value: int) -> int:
    """Binary logarithm of a power of two.

    Raises:
        ValueError: if it is none.
    """
    power = int(math.log2(value)) if value > 0 else -1
    if power < 0 or 2**power != value:
        raise ValueError(f"{value} is not a power of two")
    return power
