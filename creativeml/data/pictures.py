"""The sounds of a dataset folder as pictures of one size."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.pictures import log_mel_pictures
from creativeml.data.one_shots import OneShotDataset


def dataset_pictures(sounds: OneShotDataset, *, side: int) -> Tensor:
    """Log-mel pictures of all sounds, in their order: `(n, 1, side, side)`, within ±1 (`audio.pictures`)."""
    waves = sounds.batch(range(len(sounds)))[0]
    parts = [log_mel_pictures(part, sounds.sample_rate, bands=side, frames=side) for part in waves.split(64)]
    return torch.cat(parts)
