"""Peaks that are too high, lowered for a moment."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH_S = 0.004
"""Before and after a peak, in which the gain falls and rises again."""
_BLOCK_S = 20.0


def limited_(sound: Tensor, most: float, sample_rate: int) -> Tensor:
    """A sound without peaks above `most`, in place: a limiter that looks ahead.

    The gain of all channels is what the highest peak within 4 ms asks for, smoothed over as long a time, so it is
    never higher than that of any sample may be.

    Args:
        sound: `(channels, samples)`.
        most: above 0.
        sample_rate: in Hz.
    """
    half = max(1, round(_REACH_S * sample_rate) // 2)
    block, reach = round(_BLOCK_S * sample_rate), 4 * half
    kept = sound[:, :0]
    for first in range(0, sound.shape[-1], block):
        part = sound[:, first : first + block]
        following = sound[:, first + block : first + block + reach]
        around = torch.cat([kept, part, following], 1)
        begin, kept = kept.shape[-1], part[:, -reach:].clone()
        if float(around.abs().max()) > most:
            part *= _gains(around.abs().amax(0), most, half)[begin : begin + part.shape[-1]]
    return sound


def _gains(peaks: Tensor, most: float, half: int) -> Tensor:
    """`(samples,)` → factors `(samples,)`."""
    least = most / F.max_pool1d(peaks[None, None].clamp_min(most), 4 * half + 1, 1, 2 * half)
    for _ in range(2):
        least = F.avg_pool1d(F.pad(least, (half, half), mode="replicate"), 2 * half + 1, 1)
    return least[0, 0]
