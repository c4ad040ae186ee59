"""Sounds as points, so that sets of sounds can be compared.

`log_mel_statistics` is fixed by formula: it needs no training, hears the full band, and no trained network
can be blamed for it. `judge_embedding` (in `creativeml.evaluation.judge`) is the learned counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from creativeml.audio.log_mel import decibels, log_mel, power_spectrogram

BANDS = 64
SOUNDING_DB = -60.0
"""Frames further than this below a sound's strongest frame are not part of its spectrum statistics."""
SEGMENT_ENDS_MS = (5.0, 20.0, 80.0, 300.0)
SEGMENT_BAND_EDGES_HZ = (0.0, 300.0, 700.0, 1500.0, 3000.0, 6000.0, 11000.0, 16000.0, 22050.0)
STATISTICS_DIM = 2 * BANDS + (len(SEGMENT_ENDS_MS) + 1) * (len(SEGMENT_BAND_EDGES_HZ) - 1)

Embedding = Callable[[Tensor, int], Tensor]
"""Anything that turns sounds (batch, samples) and a sample rate in Hz into points (batch, dimensions)."""


@torch.no_grad()
def log_mel_statistics(sounds: Tensor, sample_rate: int) -> Tensor:
    """Spectrum, time envelope and onset of sounds in 168 numbers, all in decibels.

    After peak normalisation (so that level plays no part) the numbers are
    - 64 + 64: mean and standard deviation over time of each mel band (30 Hz to 20 kHz, 46 ms windows), taken
      over the frames within 60 dB of the strongest one;
    - 5 x 8: energy in eight broad bands during 0-5, 5-20, 20-80, 80-300 ms and the rest (5.8 ms windows),
      which hears attack and decay. Time counts from the first sample, so a late onset is heard as a
      difference.

    Args:
        sounds: (batch, samples) float; all of one length. Silent sounds give the floor everywhere.
        sample_rate: in Hz.

    Returns:
        (batch, 168) float32.
    """
    if sounds.ndim != 2 or not sounds.shape[1]:
        raise ValueError(f"expected sounds of shape (batch, samples), got {tuple(sounds.shape)}")
    sounds = sounds.detach().float()
    sounds = sounds / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)
    return torch.cat([_spectrum_statistics(sounds, sample_rate), _segment_levels(sounds, sample_rate)], 1)


def _spectrum_statistics(sounds: Tensor, sample_rate: int) -> Tensor:
    levels = log_mel(sounds, sample_rate, bands=BANDS)
    loudness = torch.logsumexp(levels * 0.2302585, 1) / 0.2302585
    sounding = (loudness > loudness.amax(1, keepdim=True) + SOUNDING_DB).to(levels)[:, None]
    count = sounding.sum(2)
    mean = (levels * sounding).sum(2) / count
    variance = ((levels - mean[..., None]).square() * sounding).sum(2) / count
    return torch.cat([mean, variance.sqrt()], 1)


def _segment_levels(sounds: Tensor, sample_rate: int) -> Tensor:
    window, hop = 256, 64
    power = power_spectrogram(sounds, window, hop)
    bins_hz = torch.arange(window // 2 + 1, device=sounds.device) * sample_rate / window
    frames_ms = torch.arange(power.shape[2], device=sounds.device) * hop * 1000.0 / sample_rate
    edges_hz = torch.tensor(SEGMENT_BAND_EDGES_HZ[1:-1], device=sounds.device)
    ends_ms = torch.tensor(SEGMENT_ENDS_MS, device=sounds.device)
    band_of_bin = torch.nn.functional.one_hot(torch.bucketize(bins_hz, edges_hz, right=True), len(edges_hz) + 1)
    part_of_frame = torch.nn.functional.one_hot(torch.bucketize(frames_ms, ends_ms, right=True), len(ends_ms) + 1)
    share_of_frame = part_of_frame.to(power) / part_of_frame.sum(0).clamp_min(1)
    energy = torch.einsum("bft,fk,ts->bsk", power, band_of_bin.to(power), share_of_frame)
    return decibels(energy).flatten(1)


def embed(
    sounds: Iterable[Tensor] | Tensor,
    sample_rate: int,
    embedding: Embedding = log_mel_statistics,
    batch_size: int = 32,
) -> Tensor:
    """Points of many sounds, computed in small batches so that memory stays bounded.

    Args:
        sounds: (n, samples), or batches (b, samples) one after the other.
        sample_rate: in Hz.
        embedding: what to compute.
        batch_size: sounds at once.

    Returns:
        (n, dimensions) float32 on the CPU.
    """
    batches: Iterable[Tensor] = [sounds] if isinstance(sounds, Tensor) else sounds
    points = [
        embedding(part, sample_rate).float().cpu() for batch in batches for part in batch.split(batch_size) if len(part)
    ]
    if not points:
        raise ValueError("no sounds to embed")
    return torch.cat(points)
