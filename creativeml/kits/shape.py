"""What is done to a sound before it goes into a kit: softer, tuned, shorter. The formulas are those of the page.

Formats have opcodes for this that hosts read differently, or not at all; so it is in the samples, and every host plays
the same.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError
from creativeml.kits.kit import Shaping
from creativeml.threads import threads

FADE_S = 0.002
AUDIBLE_DB = -60.0
"""Relative to a sound's peak: after the last sample above it, the sound is over for the ear."""
LEAST_DECAY = 0.02
TUNE = (-24.0, 24.0)


def shaped(
    samples: Tensor,
    sample_rate: int,
    tune_semitones: float = 0.0,
    decay: float = 1.0,
    cutoff_hz: float = 0.0,
    gain_db: float = 0.0,
) -> Tensor:
    """A sound made softer, tuned, shorter and turned down, in this order.

    - Softer: two equal low-passes of the first order in a row, each with its -3 dB point at `cutoff_hz`.
    - Tuned: played 2^(semitones / 12) times as fast, so it becomes shorter or longer too (band-limited).
    - Shorter: times 10^(-3 (1 / decay - 1) t / T) at time t, where T is the time of the last sample that is above
      -60 dB of the sound's peak: so a sound that falls evenly in dB lasts decay times T, and a decay of nearly 1 hardly
      changes it. Where that gain has come to -90 dB the sound ends. A decay below 0.02 counts as 0.02.
    - What was tuned or shortened fades out over its last 2 ms, to exactly zero (half a cosine).

    A sound that would exceed full scale is turned down to it. With nothing asked for it stays as it is, bit for bit.

    Args:
        samples: float, shape (samples,).
        sample_rate: in Hz.
        tune_semitones: -24 to 24.
        decay: 0 to 1; 1 leaves the sound as long as it is.
        cutoff_hz: 0 = no low-pass.
        gain_db: 0 or less.

    Returns:
        float32, shape (samples', ).

    Raises:
        CreativeMLError: a number out of its range, or samples that are not finite.
    """
    wanted = Shaping(cutoff_hz, tune_semitones, decay, gain_db)
    if not bool(torch.isfinite(samples).all()):
        raise CreativeMLError("a sound with samples that are no numbers cannot be shaped; make or load it again")
    if wanted == Shaping():
        return samples.float()
    # The bytes of a kit must not depend on how many cores a machine has.
    with threads(1):
        sound = samples.detach().cpu().double()
        if cutoff_hz:
            sound = _low_passed(sound, sample_rate, cutoff_hz)
        if tune_semitones:
            sound = _tuned(sound, sample_rate, tune_semitones)
        if decay < 1:
            sound = _shortened(sound, max(decay, LEAST_DECAY))
        if tune_semitones or decay < 1:
            sound = _faded(sound, sample_rate)
        peak = float(sound.abs().max()) if len(sound) else 0.0
        return (sound * (10 ** (gain_db / 20)) / max(1.0, peak)).float()


def audible_samples(sound: Tensor) -> int:
    """Samples up to the last one that lies above -60 dB of the peak; 0 of silence."""
    level = sound.abs()
    above = torch.nonzero(level > level.max() * 10 ** (AUDIBLE_DB / 20)) if len(sound) else level
    return int(above[-1]) + 1 if len(above) else 0


def _low_passed(sound: Tensor, sample_rate: int, cutoff_hz: float) -> Tensor:
    # y[n] = y[n-1] + k (x[n] - y[n-1]), twice, by its exact response; padded until the filter has forgotten.
    pole = math.exp(-2 * math.pi * min(cutoff_hz, 0.49 * sample_rate) / sample_rate)
    forgotten = min(sample_rate, math.ceil(math.log(1e-8) / math.log(max(pole, 1e-9))))
    size = 1 << (len(sound) + forgotten - 1).bit_length()
    angle = -2 * math.pi * torch.fft.rfftfreq(size, dtype=torch.float64)
    response = (1 - pole) / (1 - pole * torch.polar(torch.ones_like(angle), angle))
    return torch.fft.irfft(torch.fft.rfft(sound, size) * response.square(), size)[: len(sound)]


def _tuned(sound: Tensor, sample_rate: int, semitones: float) -> Tensor:
    # As if it had been recorded at another rate; to a hertz, which is less than a twentieth of a cent.
    rate = round(sample_rate * 2 ** (semitones / 12))
    return torch.from_numpy(np.ascontiguousarray(resample(sound.numpy(), rate, sample_rate)))


def _shortened(sound: Tensor, decay: float) -> Tensor:
    # Powers of ten that it loses in a sample.
    fall = 3.0 * (1.0 / decay - 1.0) / max(1, audible_samples(sound))
    times = torch.arange(min(len(sound), max(1, math.ceil(4.5 / fall))), dtype=torch.float64)
    return sound[: len(times)] * 10 ** (-fall * times)


def _faded(sound: Tensor, sample_rate: int) -> Tensor:
    fade = min(len(sound), max(2, round(FADE_S * sample_rate)))
    gains = torch.ones(len(sound), dtype=torch.float64)
    gains[len(sound) - fade :] = 0.5 + 0.5 * torch.cos(torch.linspace(0, math.pi, fade, dtype=torch.float64))
    gains[-1:] = 0.0
    return sound * gains
