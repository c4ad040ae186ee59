"""Sharpness: how far up the ear's frequency scale the loudness sits, high bands counting extra.

Model of the AudioCommons timbral models (see `front_end`): the sharpness of H. Fastl, E. Zwicker (1991),
"Psychoacoustics: Facts and Models", of every frame of 4096 samples, averaged by energy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.descriptors.zwicker import BINS, Heard, exact_frames, smooth_frames

_WEIGHTS = (102.50508921364404, 34.432655185001735)
_ACUM = 0.11
_BOOSTED_FROM_BARK = 14.0
_LEAST = 0.1
"""Sharpness in acum below which nothing audible lies; silence is given it."""
_LEAST_SONE = 1e-4


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Sharpness as the reference computes it.

    Args:
        sounds: (..., samples) float32 or float64.
        sample_rate: in Hz.
        prepared: the same sounds, if they have been prepared already.

    Returns:
        (...) points: 0 to 100 for most sounds, below 0 for very dull ones. -68 for silence.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    return prepared.unflatten(_points(exact_frames(prepared)).to(prepared.sounds))


def smooth(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Sharpness on `zwicker.smooth_loudness`.

    The frames' loudness is approximate. Over 600 one-shots it differs from the reference by 0.06 points (median),
    by less than 0.3 in 95 of 100 and by 0.7 at most; R² 0.9999.

    Arguments and result are those of `exact`.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    return prepared.unflatten(_points(smooth_frames(prepared)))


def _points(heard: Heard) -> Tensor:
    bark = 0.1 * torch.arange(1, BINS + 1, dtype=heard.specific.dtype, device=heard.specific.device)
    boost = 0.00012 * bark**4 - 0.0056 * bark**3 + 0.1 * bark**2 - 0.81 * bark + 3.5
    weights = torch.where(bark > _BOOSTED_FROM_BARK + 0.05, boost, 1.0) * bark
    total = 0.1 * heard.specific.sum(-1)
    acum = _ACUM * 0.1 * (heard.specific @ weights) / total.clamp_min(_LEAST_SONE)
    mean = heard.by_power(acum * (heard.loudness > 0))
    return _WEIGHTS[0] * mean.clamp_min(_LEAST).log10() + _WEIGHTS[1]
