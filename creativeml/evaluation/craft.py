"""Plain figures of how well a sound is made: level, offset, onset, spectrum, decay and end."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.log_mel import power_spectrogram

FLOOR_DB = -120.0
BLOCK_SAMPLES = 64
UNITS: dict[str, str] = {
    "peak": "dBFS",
    "offset": "dB re peak",
    "onset": "ms",
    "centroid": "Hz",
    "decay": "ms",
    "tail": "dB re peak",
    "end_step": "dB re peak",
}
"""Figures of `craft_figures` and their units."""


@torch.no_grad()
def craft_figures(sounds: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """Seven figures of each sound.

    Args:
        sounds: `(b, samples)`, full scale = 1.
        sample_rate: in Hz.

    Returns:
        figure → `(b,)`, units in `UNITS`:
        peak: highest absolute sample; offset: mean of all samples (DC);
        onset: time of the first sample within 20 dB of the peak;
        centroid: power-weighted mean frequency of the whole sound;
        decay: from the peak to the last 64-sample block that reaches within 40 dB of it;
        tail: RMS of the last 50 ms; end_step: the last sample, a step to silence that clicks if it is loud.
    """
    sounds = sounds.float()
    level = sounds.abs()
    peak = level.amax(1)
    safe = peak.clamp_min(1e-8)
    ms = 1000.0 / sample_rate
    onset = (level >= 0.1 * peak[:, None]).float().argmax(1)
    tail = sounds[:, -max(1, sample_rate // 20) :].square().mean(1).sqrt()
    return {
        "peak": _db(peak),
        "offset": _db(sounds.mean(1).abs() / safe),
        "onset": onset * ms,
        "centroid": _centroid_hz(sounds, sample_rate),
        "decay": _decay_samples(level, safe) * ms,
        "tail": _db(tail / safe),
        "end_step": _db(level[:, -1] / safe),
    }


def _db(ratio: Tensor) -> Tensor:
    return 20.0 * torch.log10(ratio.clamp_min(10.0 ** (FLOOR_DB / 20.0)))


def _centroid_hz(sounds: Tensor, sample_rate: int) -> Tensor:
    power = power_spectrogram(sounds, 2048, 1024).sum(2)
    bins_hz = torch.linspace(0, sample_rate / 2, power.shape[1], device=sounds.device)
    return (power * bins_hz).sum(1) / power.sum(1).clamp_min(1e-20)


def _decay_samples(level: Tensor, peak: Tensor) -> Tensor:
    whole = level.shape[1] // BLOCK_SAMPLES * BLOCK_SAMPLES
    blocks = level[:, :whole].unflatten(1, (-1, BLOCK_SAMPLES)).amax(2)
    number = torch.arange(1, blocks.shape[1] + 1, device=level.device)
    last = torch.where(blocks >= 0.01 * peak[:, None], number, 0).amax(1) * BLOCK_SAMPLES
    return (last - level.argmax(1)).clamp_min(0)
