"""Two channels as one that can be listened to."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.models.transfer.texture_net import LEVEL

_CANCELLED = 0.1
_BLOCK = 1 << 20
"""Samples that are looked at at once: a long sound is not copied."""


def downmix(sound: Tensor) -> Tensor:
    """`(channels, samples)` → `(samples,)`: their mean, or the first where they cancel one another."""
    return _weights(sound) @ sound


def downmix_of(sound: Tensor, spectra: Tensor) -> Tensor:
    """The spectra of `downmix(sound)` from those of the channels."""
    return torch.einsum("c,cft->ft", _weights(sound).to(spectra), spectra)


def level_gain(sound: Tensor) -> float:
    """The factor that brings the downmix of `(channels, samples)` to `LEVEL`."""
    weights = _weights(sound)
    squares = sum(float((weights @ block).square().sum()) for block in sound.split(_BLOCK, 1))
    return LEVEL / max(1e-9, (squares / sound.shape[1]) ** 0.5)


def _weights(sound: Tensor) -> Tensor:
    """By which each channel counts, `(channels,)`."""
    count = len(sound)
    blocks = [(float(b.mean(0).square().sum()), float(b.square().mean(0).sum())) for b in sound.split(_BLOCK, 1)]
    mixed, all_of_it = (sum(values) for values in zip(*blocks, strict=True))
    return torch.eye(count)[0] if mixed < _CANCELLED * all_of_it else torch.full((count,), 1.0 / count)
