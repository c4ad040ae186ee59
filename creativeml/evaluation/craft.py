"""Plain figures of how well a sound is made: level, offset, onset, spectrum, decay, end, clicks and noise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import power_spectrogram

FLOOR_DB = -120.0
BLOCK_SAMPLES = 64
BANDWIDTH_DB = -60.0
"""Level relative to the strongest part of the spectrum down to which it counts as reached."""
CLICK_RATIO, CLICK_DB = 12.0, -54.0
"""How far a jump stands out of its surroundings, and how loud it is relative to the peak, to be a click."""
CLICK_AROUND_S, CLICK_WIDTH_S, ATTACK_S, NOISE_BLOCK_S = 0.004, 0.0002, 0.005, 0.02
UNITS: dict[str, str] = {
    "peak": "dBFS",
    "offset": "dB re peak",
    "onset": "ms",
    "centroid": "Hz",
    "bandwidth": "Hz",
    "decay": "ms",
    "tail": "dB re peak",
    "end_step": "dB re peak",
    "noise_floor": "dB re peak",
    "clicks": "per sound",
}
"""Figures of `craft_figures` and their units."""


@torch.no_grad()
def craft_figures(sounds: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """Ten figures of each sound.

    Args:
        sounds: `(b, samples)`, full scale = 1.
        sample_rate: in Hz.

    Returns:
        figure → `(b,)`, units in `UNITS`:
        peak: highest absolute sample; offset: mean of all samples (DC);
        onset: time of the first sample within 20 dB of the peak;
        centroid: power-weighted mean frequency of the whole sound;
        bandwidth: highest frequency whose mean power lies within 60 dB of the strongest one;
        decay: from the peak to the last 64-sample block that reaches within 40 dB of it;
        tail: RMS of the last 50 ms; end_step: the last sample, a step to silence that clicks if it is loud;
        noise_floor: RMS that a tenth of the 20 ms blocks between the peak and the last sample above -100 dB stay below:
        what remains under the sound, not the silence behind it;
        clicks: jumps after the attack (5 ms from the onset) whose second difference is more than twelve times the RMS
        of that within 4 ms on either side, and above -54 dB.
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
        **_spectrum(sounds, sample_rate),
        "decay": _decay_samples(level, safe) * ms,
        "tail": _db(tail / safe),
        "end_step": _db(level[:, -1] / safe),
        "noise_floor": _db(_noise_floor(sounds, sample_rate) / safe),
        "clicks": _clicks(sounds / safe[:, None], onset + round(ATTACK_S * sample_rate), sample_rate),
    }


def _db(ratio: Tensor) -> Tensor:
    return 20.0 * torch.log10(ratio.clamp_min(10.0 ** (FLOOR_DB / 20.0)))


def _spectrum(sounds: Tensor, sample_rate: int) -> dict[str, Tensor]:
    power = power_spectrogram(sounds, 2048, 1024).sum(2)
    bins_hz = torch.linspace(0, sample_rate / 2, power.shape[1], device=sounds.device)
    reached = power >= 10.0 ** (BANDWIDTH_DB / 10.0) * power.amax(1, keepdim=True).clamp_min(1e-20)
    centroid = (power * bins_hz).sum(1) / power.sum(1).clamp_min(1e-20)
    return {"centroid": centroid, "bandwidth": torch.where(reached, bins_hz, 0.0).amax(1)}


def _decay_samples(level: Tensor, peak: Tensor) -> Tensor:
    whole = level.shape[1] // BLOCK_SAMPLES * BLOCK_SAMPLES
    blocks = level[:, :whole].unflatten(1, (-1, BLOCK_SAMPLES)).amax(2)
    number = torch.arange(1, blocks.shape[1] + 1, device=level.device)
    last = torch.where(blocks >= 0.01 * peak[:, None], number, 0).amax(1) * BLOCK_SAMPLES
    return (last - level.argmax(1)).clamp_min(0)


def _noise_floor(sounds: Tensor, sample_rate: int) -> Tensor:
    """Level (b,) of the quiet blocks of each sound; its peak if it has hardly any blocks."""
    size = max(1, round(NOISE_BLOCK_S * sample_rate))
    level = sounds.abs()
    peak, at = level.max(1)
    number = torch.arange(level.shape[1], device=level.device)
    end = torch.where(level > 1e-5 * peak[:, None], number + 1, 0).amax(1)
    floors = []
    for sound, first, last, highest in zip(sounds, at.tolist(), end.tolist(), peak, strict=True):
        blocks = sound[first : first + (last - first) // size * size].unflatten(0, (-1, size))
        levels = blocks.square().mean(1).sqrt()
        floors.append(torch.quantile(levels, 0.1) if len(levels) else highest)
    return torch.stack(floors)


def _clicks(sounds: Tensor, from_sample: Tensor, sample_rate: int) -> Tensor:
    """Number (b,) of clicks in sounds with a peak of 1, from a sample of each on."""
    around, width = (max(1, round(s * sample_rate)) for s in (CLICK_AROUND_S, CLICK_WIDTH_S))
    jump = F.pad(torch.diff(sounds, n=2, dim=1), (1, 1))
    power = jump.square().double()
    beside = _running_sum(power, around, around) - _running_sum(power, width, width)
    beside = beside.clamp_min(0) / (2 * (around - width))
    late = torch.arange(sounds.shape[1], device=sounds.device) >= from_sample[:, None]
    loud = jump.abs() > 10.0 ** (CLICK_DB / 20.0)
    found = (jump.abs() > CLICK_RATIO * beside.sqrt()) & loud & late
    # What follows within the same 4 ms is the same click.
    return (found & (_running_sum(found.double(), around, 0) < 1.5)).sum(1).float()


def _running_sum(values: Tensor, before: int, after: int) -> Tensor:
    """Sum (b, n) of each value and so many before and after it."""
    sums = F.pad(values, (before + 1, after)).cumsum(1)
    return sums[:, before + 1 + after :] - sums[:, : values.shape[1]]
