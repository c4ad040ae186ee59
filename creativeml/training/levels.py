"""Class levels over time and band, estimated from training sounds: the generator's starting point."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset
from creativeml.models.gans.heads import PqmfHead, StftHead, WaveformHead
from creativeml.models.gans.style_wavegan import LEVEL_HOP_SAMPLES, StyleWaveGAN

FLOOR_NEPERS = math.log(1e-4)
POWER = 0.3
"""Exponent of the mean over sounds: between the mean of levels (ruled by the shortest) and of powers (by the longest)."""


@torch.no_grad()
def estimate_levels(generator: StyleWaveGAN, dataset: OneShotDataset) -> Tensor:
    """Level table for the generator's buffer `level`.

    Args:
        generator: its head decides the bands.
        dataset: training sounds, whose kinds are the generator's.

    Returns:
        `(kinds, bands, length / LEVEL_HOP_SAMPLES)` in nepers; 0 is the level of white noise of variance 1.
    """
    head = generator.head
    table = torch.zeros_like(generator.level)
    for kind in range(len(dataset.kinds)):
        members = torch.nonzero(dataset.labels == kind).flatten()
        total, count = torch.zeros_like(table[0]), 0
        for chunk in members.split(32):
            sounds, _ = dataset.batch(chunk.tolist())
            amplitude = band_amplitudes(sounds.to(table.device), head).clamp(min=math.exp(FLOOR_NEPERS))
            total += amplitude.pow(POWER).sum(0)
            count += len(chunk)
        if count:
            table[kind] = (total / count).log() / POWER
    return _smooth(table)


def band_levels(sounds: Tensor, head: StftHead | PqmfHead | WaveformHead, frames: int) -> Tensor:
    """Levels of real sounds in the head's bands: `(b, samples)` → `(b, bands, frames)` in nepers, floored at -80 dB."""
    power = band_amplitudes(sounds, head).square()
    power = power.unflatten(-1, (frames, -1)).mean(-1)
    return 0.5 * torch.log(power + math.exp(2 * FLOOR_NEPERS))


def band_amplitudes(sounds: Tensor, head: StftHead | PqmfHead | WaveformHead) -> Tensor:
    """RMS amplitude per band and step of the level table, `(b, bands, length / LEVEL_HOP_SAMPLES)`."""
    if isinstance(head, StftHead):
        power = head._analyse(sounds).abs().square()
        # Mean power of each band: the interpolation weights, turned round and normalised.
        weights = head.spread / head.spread.sum(1, keepdim=True)
        return (power @ weights.T).transpose(1, 2).sqrt()
    if isinstance(head, PqmfHead):
        bands = head.filterbank.analyze(sounds)
        return F.avg_pool1d(bands.square(), LEVEL_HOP_SAMPLES // head.bands).sqrt()
    return F.avg_pool1d(sounds[:, None].square(), LEVEL_HOP_SAMPLES).sqrt()


def _smooth(table: Tensor) -> Tensor:
    """Average over time with a reach that grows with time: 5 % of the time since the onset, none in the attack."""
    frames = table.shape[-1]
    cumulative = F.pad(table.cumsum(-1), (1, 0))
    position = torch.arange(frames, device=table.device)
    reach = (position * 0.05).long()
    low, high = (position - reach).clamp(min=0), (position + reach + 1).clamp(max=frames)
    return (cumulative[..., high] - cumulative[..., low]) / (high - low)
