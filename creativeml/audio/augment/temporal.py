"""What can be done to a drum in time: attack, tail, level, delay, noise floor. Pure functions of batches."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK = 128  # samples; resolution at which levels over time are looked at
_DECAY_DB = 40.0
_AUDIBLE_DB = 60.0
_NOISE_FADE_S = 0.05
_END_FADE_S = 0.005


def invert_polarity(sounds: Tensor, sign: Tensor) -> Tensor:
    """Multiply each sound (batch, samples) by its sign (batch,), +1 or -1."""
    return sounds * sign[:, None]


def change_gain(sounds: Tensor, gain_db: Tensor) -> Tensor:
    """Change level by (batch,) dB, never past full scale (or the input's own peak, if that is higher)."""
    peak = peaks(sounds)
    return sounds * level_factor(peak, peak, gain_db)[:, None]


def level_factor(peak: Tensor, original_peak: Tensor, gain_db: Tensor, headroom: Tensor | float = 0.0) -> Tensor:
    """Factor (batch,) that brings `peak` to `original_peak` plus a gain, at most to full scale less
    `headroom`.

    All in linear amplitude but the gain. An original above full scale may stay as high as it was.
    """
    limit = original_peak.clamp(min=1.0) - headroom
    target = torch.minimum(original_peak * torch.pow(10.0, gain_db / 20), limit)
    return target / peak.clamp(min=torch.finfo(peak.dtype).tiny)


def delay(sounds: Tensor, delay_samples: Tensor) -> Tensor:
    """Start each sound (batch,) whole samples later, silence first; what passes the end is cut."""
    length = sounds.shape[-1]
    longest = int(delay_samples.max())
    time = torch.arange(longest, longest + length, device=sounds.device)
    return functional.pad(sounds, (longest, 0)).gather(1, time - delay_samples.to(torch.long)[:, None])


def shape_attack(sounds: Tensor, gain_db: Tensor, time_s: Tensor, *, sample_rate: int) -> Tensor:
    """Sharpen (gain above 0 dB) or soften the onset.

    The gain (batch,) holds at sample 0 and fades exponentially with the time constant (batch,).
    """
    time = time_axis(sounds, sample_rate)
    return sounds * attack_envelope(time, gain_db.to(sounds), time_s.to(sounds))


def attack_envelope(time_s: Tensor, gain_db: Tensor, decay_s: Tensor) -> Tensor:
    """1 + (gain - 1) exp(-time / decay), at times (samples,) or (batch, samples)."""
    excess = torch.pow(10.0, gain_db / 20) - 1
    return 1 + excess[:, None] * torch.exp(-time_s / decay_s[:, None])


def stretch_tail(sounds: Tensor, factor: Tensor, *, sample_rate: int) -> Tensor:
    """Make each sound's decay last about `factor` (batch,) times as long, by an exponential in time.

    The sound's own decay time (until it stays 40 dB below its peak) sets the rate, so a hat and a cymbal
    change alike. A lengthened tail is raised until it has decayed by 40 dB, and from there let down again at
    the same rate: beyond lies the noise of the recording, which must not grow for ever.
    """
    time = time_axis(sounds, sample_rate)
    return sounds * tail_envelope(time, factor.to(sounds), decay_time(sounds, sample_rate))


def tail_envelope(time_s: Tensor, factor: Tensor, decay_s: Tensor, delay_s: Tensor | float = 0.0) -> Tensor:
    """Gain (batch, samples) that turns a decay of 40 dB in `decay_s` (batch,) into factor x decay_s."""
    total = _DECAY_DB / 20 * math.log(10) * (1 - 1 / factor)[:, None]
    rate = total / decay_s[:, None]
    exponent = torch.addcmul(-rate * delay_s, rate, time_s)
    highest = (total * factor[:, None]).clamp(min=0)
    exponent = torch.minimum(exponent, (2 * highest - exponent).clamp_(min=0))
    # Numbers below 1e-38 would slow every later step down; -400 dB is silence enough.
    return exponent.clamp_(min=-46.0).exp_()


def add_noise_floor(sounds: Tensor, level_dbfs: Tensor, noise: Tensor, *, sample_rate: int) -> Tensor:
    """Lay hiss under each sound, as a noisy recording that was trimmed has it.

    The hiss lasts as long as the sound covers it and then fades over 50 ms: silence after a sound remains
    silence, and hiss is hardly heard alone.

    Args:
        sounds: (batch, samples).
        level_dbfs: (batch,) RMS of the hiss in dB below full scale (1.0); -inf adds none.
        noise: (batch, samples), independent and uniform in [0, 1).
        sample_rate: in Hz.
    """
    level_dbfs = level_dbfs.to(sounds)
    until = masking_time(block_peaks(sounds), level_dbfs, sample_rate)
    return sounds + noise_floor(level_dbfs, noise, until, sample_rate)


def noise_floor(level_dbfs: Tensor, noise: Tensor, until_s: Tensor, sample_rate: int) -> Tensor:
    """The faded hiss of `add_noise_floor`; its absolute value stays below sqrt(3) x its RMS."""
    samples = noise.shape[-1]
    fade_samples = _NOISE_FADE_S * sample_rate
    end = until_s.mul(sample_rate).add(fade_samples).clamp(max=samples)
    time = torch.arange(samples, dtype=noise.dtype, device=noise.device)
    fade = (end[:, None] / fade_samples - time / fade_samples).clamp_(0, 1)
    bound = noise_bound(level_dbfs)[:, None]
    return torch.addcmul(-bound, noise, 2 * bound).mul_(fade)


def noise_bound(level_dbfs: Tensor) -> Tensor:
    """Largest absolute value of uniform hiss with this RMS."""
    return math.sqrt(3.0) * torch.pow(10.0, level_dbfs / 20)


def end_fade(samples: int, sample_rate: int, like: Tensor) -> Tensor:
    """Half a cosine (n,) from 1 to 0 for the last 5 ms, where a sound may have been cut."""
    count = min(samples, max(2, round(_END_FADE_S * sample_rate)))
    return 0.5 + 0.5 * torch.cos(torch.linspace(0, math.pi, count, dtype=like.dtype, device=like.device))


def time_axis(sounds: Tensor, sample_rate: int) -> Tensor:
    """Time (samples,) of each sample in seconds."""
    return torch.arange(sounds.shape[-1], dtype=sounds.dtype, device=sounds.device) / sample_rate


def peaks(sounds: Tensor) -> Tensor:
    """Largest absolute value (batch,) of each sound."""
    return torch.maximum(sounds.amax(-1), -sounds.amin(-1))


def block_peaks(sounds: Tensor) -> Tensor:
    """Largest absolute value (batch, blocks) in each block of 128 samples, without gradient."""
    magnitude = sounds.detach().abs()
    missing = -sounds.shape[-1] % _BLOCK
    if missing:
        magnitude = functional.pad(magnitude, (0, missing))
    return magnitude.unflatten(-1, (-1, _BLOCK)).amax(-1)


def decay_time(sounds: Tensor, sample_rate: int) -> Tensor:
    """Seconds (batch,) after which each sound stays 40 dB below its peak."""
    blocks = block_peaks(sounds)
    return time_above(blocks, blocks.amax(-1) * 10 ** (-_DECAY_DB / 20), sample_rate)


def masking_time(blocks: Tensor, level_dbfs: Tensor, sample_rate: int) -> Tensor:
    """Seconds (batch,) for which a sound is louder than hiss of this level and within 60 dB of its peak."""
    hiss = torch.pow(10.0, level_dbfs / 20)
    return time_above(blocks, torch.maximum(hiss, blocks.amax(-1) * 10 ** (-_AUDIBLE_DB / 20)), sample_rate)


def time_above(blocks: Tensor, floor: Tensor, sample_rate: int) -> Tensor:
    """Seconds (batch,) after which the block peaks (batch, blocks) stay below `floor` (batch,)."""
    number = torch.arange(1, blocks.shape[-1] + 1, dtype=blocks.dtype, device=blocks.device)
    last = (number * (blocks > floor[:, None])).amax(-1).clamp(min=1.0)
    return last * (_BLOCK / sample_rate)
