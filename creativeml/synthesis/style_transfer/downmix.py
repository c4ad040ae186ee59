"""Two channels as one that can be listened to."""

from __future__ import annotations

import torch
from torch import Tensor

_CANCELLED = 0.1


def downmix(sound: Tensor) -> Tensor:
    """`(channels, samples)` → `(samples,)`: their mean, or the first where they cancel one another."""
    return _weights(sound) @ sound


def downmix_of(sound: Tensor, spectra: Tensor) -> Tensor:
    """The spectra of `downmix(sound)` from those of the channels."""
    return torch.einsum("c,cft->ft", _weights(sound).to(spectra), spectra)


def _weights(sound: Tensor) -> Tensor:
    count = len(sound)
    mean = sound.mean(0)
    cancelled = mean.square().mean() < _CANCELLED * sound.square().mean()
    return torch.eye(count)[0] if bool(cancelled) else torch.full((count,), 1.0 / count)
