"""When the hits of a loop begin.

The rise of the spectrum, summed over bands: spectral flux with the maximum filter that keeps vibrato quiet (S. Böck,
G. Widmer, "Maximum filter vibrato suppression for onset detection", 2013). Where a single hit begins to the sample is
the business of `creativeml.audio.onset`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import log_mel

HOP_S = 0.005
_WINDOW_S = 0.02
_BANDS = 40
_HIGH_HZ = 16000.0
_BLOCK_S = 20.0
_LAG = 2
"""Frames between which the rise is taken."""
_FLOOR_DB = -60.0
"""Below the loudest band's peak nothing is heard as a hit."""
_PEAK_S, _MEAN_S, _WAIT_S = 0.03, 0.1, 0.03
_ABOVE = 0.12
"""A hit rises above the mean around it by this share of the highest rise."""


def onset_strength(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Rise of the level over two frames, mean over 40 mel bands.

    Args:
        samples: (n,) float.
        sample_rate: in Hz.

    Returns:
        (1 + n // hop,) in dB, one value each 5 ms (`hop` is that in samples).
    """
    window, hop = 1 << round(math.log2(_WINDOW_S * sample_rate)), max(1, round(HOP_S * sample_rate))
    sound = torch.from_numpy(np.asarray(samples, dtype=np.float32))
    peak = sound.abs().max().clamp_min(1e-9)
    levels = _levels(sound / peak, sample_rate, window, hop)
    # Silence lies before it: what begins with the recording rises too.
    levels = levels.clamp_min(float(levels.max()) + _FLOOR_DB)
    before = F.pad(levels, (_LAG, 0), value=float(levels.min()))[..., : levels.shape[-1]]
    around = F.max_pool1d(before.mT, 3, 1, 1).mT
    return (levels - around).clamp_min(0).mean(1)[0].numpy()


def _levels(sound: Tensor, sample_rate: int, window: int, hop: int) -> Tensor:
    """Log-mel `(1, bands, frames)`, block by block: the windows of a long sound would fill the memory."""
    reach = -(-window // hop)
    padded = F.pad(sound, (reach * hop, reach * hop))
    total, each = 1 + len(sound) // hop, max(1, round(_BLOCK_S * sample_rate) // hop)
    blocks = []
    for first in range(0, total, each):
        count = min(each, total - first)
        part = padded[first * hop : (first + count + 2 * reach) * hop]
        levels = log_mel(
            part[None], sample_rate, window_samples=window, hop_samples=hop, bands=_BANDS, high_hz=_HIGH_HZ
        )
        blocks.append(levels[..., reach : reach + count])
    return torch.cat(blocks, -1)


def find_onsets(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Times at which hits begin.

    A frame is one if it is the highest within 30 ms, rises above the mean of the 100 ms around it by an eighth of the
    highest rise, and the last hit is 30 ms ago.

    Args:
        samples: (n,) float.
        sample_rate: in Hz.

    Returns:
        (hits,) in seconds, rising. Empty for silence.
    """
    if not np.abs(samples).max(initial=0.0) > 0:
        return np.zeros(0)
    strength = onset_strength(samples, sample_rate)
    hop_s = max(1, round(HOP_S * sample_rate)) / sample_rate
    near, far, wait = (round(s / hop_s) for s in (_PEAK_S, _MEAN_S, _WAIT_S))
    highest = np.lib.stride_tricks.sliding_window_view(np.pad(strength, near), 2 * near + 1).max(1)
    total = np.concatenate([[0.0], np.cumsum(strength)])
    first, after = (np.clip(np.arange(len(strength)) + d, 0, len(strength)) for d in (-far, far + 1))
    mean = (total[after] - total[first]) / (after - first)
    found: list[int] = []
    for frame in np.flatnonzero((strength == highest) & (strength > mean + _ABOVE * strength.max())):
        if not found or frame - found[-1] > wait:
            found.append(int(frame))
    return np.array(found) * hop_s
