"""Class levels over time and band, estimated from training sounds: the generator's starting point."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.data.one_shots import SoundSet
from creativeml.models.gans.heads import FLOOR_NEPERS
from creativeml.models.gans.style_wavegan import SynthesisNetwork

POWER = 0.3
"""Exponent of the mean over sounds, between the mean of levels (ruled by the shortest sounds) and that of powers."""


@torch.no_grad()
def estimate_levels(generator: SynthesisNetwork, dataset: SoundSet) -> Tensor:
    """Level table for the generator's buffer `level`.

    Args:
        generator: its head decides the bands.
        dataset: training sounds, whose kinds are the generator's.

    Returns:
        `(kinds, bands, level frames)` in nepers; 0 is the level of white noise of variance 1. For a generator without
        `class_envelope` the mean of the table throughout.
    """
    table = torch.zeros_like(generator.level)
    for kind in range(len(dataset.kinds)):
        members = torch.nonzero(dataset.labels == kind).flatten()
        total, count = torch.zeros_like(table[0]), 0
        for chunk in members.split(32) if len(members) else ():
            sounds, _ = dataset.batch(chunk.tolist())
            amplitude = generator.head.band_powers(sounds.to(table.device)).sqrt()
            total += amplitude.clamp(min=math.exp(FLOOR_NEPERS)).pow(POWER).sum(0)
            count += len(chunk)
        # A kind without sounds (in a small-set check) must be silent: level 0 would be noise at full scale.
        table[kind] = (total / count).log() / POWER if count else FLOOR_NEPERS
    return _smooth(table) if generator.config.class_envelope else torch.full_like(table, float(table.mean()))


def _smooth(table: Tensor) -> Tensor:
    """Average over time with a reach that grows with time: 5 % of the time since the onset, none in the attack."""
    frames = table.shape[-1]
    cumulative = F.pad(table.cumsum(-1), (1, 0))
    position = torch.arange(frames, device=table.device)
    reach = (position * 0.05).long()
    low, high = (position - reach).clamp(min=0), (position + reach + 1).clamp(max=frames)
    return (cumulative[..., high] - cumulative[..., low]) / (high - low)
