"""What is known of a whole sound before a stretch of it is changed: levels, spectra and how they vary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.frames import Frames, to_db

SPAN_DB = 60.0
"""Below the loudest frame, frames count as silence."""
_QUANTILES = 101
_BLOCK_S = 10.0


@dataclass(frozen=True)
class Profile:
    """Statistics over the frames of a sound that are not silent.

    Attributes:
        power: mean power of each band over all frames, silent ones too, `(bands,)`.
        mean: of the shapes (levels of the bands relative to their sum), each frame counted by its amplitude, `(bands,)`
            in dB.
        covariance: of the same, `(bands, bands)`.
        quantiles: of the frames' levels, evenly from the lowest to the highest, in dB.
        loudest: level of the loudest frame in dB.
    """

    power: Tensor
    mean: Tensor
    covariance: Tensor
    quantiles: Tensor
    loudest: float


def profile_of(sound: Tensor, frames: Frames) -> Profile:
    """Statistics of a sound `(samples,)`, taken in stretches, so that memory does not grow with its length."""
    blocks = [frames.power(frames.analyse(b)) for b in sound.split(round(_BLOCK_S * frames.sample_rate))]
    power = torch.cat(blocks, 1).double()
    level, shape = levels_and_shapes(power)
    loudest = float(level.max())
    heard = level > loudest - SPAN_DB
    level, shape = level[heard], shape[:, heard]
    weights = torch.exp((level - loudest) * 0.1151)
    weights = weights / weights.sum()
    mean = shape @ weights
    away = shape - mean[:, None]
    quantiles = torch.quantile(_thinned(level), torch.linspace(0, 1, _QUANTILES, dtype=torch.float64))
    return Profile(power.mean(1).float(), mean, (away * weights) @ away.mT, quantiles, loudest)


def levels_and_shapes(power: Tensor) -> tuple[Tensor, Tensor]:
    """Level of each frame `(frames,)` and of each band relative to it `(bands, frames)`, no lower than -60; in dB."""
    level = to_db(power.sum(0))
    return level, (to_db(power) - level).clamp_min(-SPAN_DB)


def levels_as_often(level: Tensor, source: Profile, target: Profile) -> Tensor:
    """Levels in dB of frames → those that the target reaches as often as the source does these, quantile by quantile.

    Both relative to the loudest frame, which stays where the source has it.
    """
    known, wanted = source.quantiles.to(level), target.quantiles.to(level)
    place = torch.searchsorted(known, level.contiguous()).clamp(1, len(known) - 1)
    low, high = known[place - 1], known[place]
    share = ((level - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)
    return torch.lerp(wanted[place - 1], wanted[place], share) - target.loudest + source.loudest


def _thinned(values: Tensor) -> Tensor:
    # Quantiles of millions of values are refused by torch, and need no millions.
    return values[:: max(1, len(values) // 100_000)]
