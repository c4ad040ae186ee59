"""What can be transferred: sounds that are there, finite, and not too long; and levels afterwards."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from creativeml.audio.loudness import integrated_loudness
from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.style_transfer.limiter import limited_

LONGEST_S = 600.0
SHORTEST_S = 0.05
RATES_HZ = (8_000, 192_000)
PEAK = 10 ** (-0.1 / 20)
_SILENT = 1e-5
_MOST_LIMITED = 10 ** (3.0 / 20)


def check_share(name: str, value: float) -> None:
    """Refuse what is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise CreativeMLError(f"{name} must be a number from 0 to 1, got {quoted(value)}")


def check_rate(sample_rate: int) -> None:
    """Refuse rates that the methods were not made for."""
    if not RATES_HZ[0] <= sample_rate <= RATES_HZ[1]:
        raise CreativeMLError(f"the sample rate must be {RATES_HZ[0]} to {RATES_HZ[1]} Hz, got {quoted(sample_rate)}")


def checked_sound(what: str, sound: Tensor, sample_rate: int) -> Tensor:
    """A sound as `(channels, samples)` float32.

    Args:
        what: how errors call it.
        sound: `(samples,)` or `(channels, samples)`, one or two channels.
        sample_rate: in Hz.

    Raises:
        CreativeMLError: another shape, too short, too long, not finite, or silent.
    """
    if not isinstance(sound, Tensor) or sound.ndim not in (1, 2) or (sound.ndim == 2 and len(sound) not in (1, 2)):
        shape = tuple(sound.shape) if isinstance(sound, Tensor) else type(sound).__name__
        raise CreativeMLError(f"the {what} must be a tensor (samples,) or (1 or 2 channels, samples), not {shape}")
    samples = sound.shape[-1]
    seconds = samples / sample_rate
    if seconds < SHORTEST_S:
        count = "1 sample" if samples == 1 else f"{samples} samples"
        raise CreativeMLError(f"the {what} has {count} ({seconds:.4f} s); give at least {SHORTEST_S:g} s")
    if seconds > LONGEST_S:
        raise CreativeMLError(f"the {what} lasts {seconds:.0f} s; cut it to {LONGEST_S:g} s or less")
    checked = torch.atleast_2d(sound.detach().cpu().float())
    peak = _peak(checked)
    if not math.isfinite(peak):
        raise CreativeMLError(f"the {what} holds NaN or infinity; export it again from the program that made it")
    if peak < _SILENT:
        raise CreativeMLError(f"the {what} is silent (its peak is below -100 dBFS); give a recording that sounds")
    return checked


def at_rate(sound: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """Channels `(channels, samples)` at another sample rate, float32."""
    if from_rate == to_rate:
        return sound
    return torch.stack([torch.from_numpy(resample(c.numpy(), from_rate, to_rate)).float() for c in sound])


def loudness(sound: Tensor, sample_rate: int) -> float:
    """Loudness of all channels `(channels, samples)` together in LUFS; -inf below the gate."""
    each = [integrated_loudness(c.numpy(), sample_rate) for c in sound]
    total = sum(10 ** (value / 10) for value in each if math.isfinite(value))
    return 10 * math.log10(total) if total > 0 else -math.inf


def as_loud(made: Tensor, content: Tensor, sample_rate: int) -> Tensor:
    """A sound at the content's loudness, or as near below as full scale allows.

    Where either lies below the gate of the meter, root mean squares are compared instead. Peaks that would exceed full
    scale (the content's peak, if that does) by up to 3 dB are lowered by `limited_`; if by more, all is quieter.
    """
    return make_as_loud_(made.clone(), content, sample_rate)


def make_as_loud_(made: Tensor, content: Tensor, sample_rate: int) -> Tensor:
    """`as_loud`, in place."""
    values = [loudness(s, sample_rate) for s in (content, made)]
    if all(map(math.isfinite, values)):
        gain = 10 ** ((values[0] - values[1]) / 20)
    else:
        gain = float(content.norm() / made.norm().clamp_min(1e-9))
    peak, most = _peak(made), max(PEAK, _peak(content))
    if peak > 0:
        gain = min(gain, _MOST_LIMITED * most / peak)
    made *= gain
    return limited_(made, most, sample_rate) if gain * peak > most else made


def _peak(sound: Tensor) -> float:
    """The largest magnitude; NaN or infinity if there is any."""
    low, high = (float(value) for value in sound.aminmax())
    return max(-low, high) if math.isfinite(low + high) else math.nan
