"""A loop taken apart into its hits, and put together again from other ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.audio.onsets import find_onsets

_BEFORE_S, _AFTER_S = 0.015, 0.01
_STEP_S = 0.001
_FADE_IN_S, _RING_S = 0.001, 0.04
"""A hit fades in over a millisecond and may ring on for 40 ms after the next one begins."""


@dataclass(frozen=True)
class Hit:
    """Samples `first` to `after` of a loop."""

    first: int
    after: int


def find_hits(sound: Tensor, sample_rate: int) -> list[Hit]:
    """The hits of a loop `(samples,)`, each from its attack to that of the next."""
    times = find_onsets(sound.numpy(), sample_rate)
    starts = sorted({_attack(sound, float(time), sample_rate) for time in times})
    ends = [*starts[1:], len(sound)]
    return [Hit(a, b) for a, b in zip(starts, ends, strict=True) if b > a]


def evenly(sound: Tensor, sample_rate: int, seconds: float = 0.25) -> list[Hit]:
    """A sound `(samples,)` without hits, cut into equal pieces."""
    length = min(len(sound), round(seconds * sample_rate))
    return [Hit(first, first + length) for first in range(0, len(sound) - length + 1, length)]


def _attack(sound: Tensor, time: float, sample_rate: int) -> int:
    """The millisecond near an onset at which the level rises most steeply."""
    step = max(1, round(_STEP_S * sample_rate))
    first = max(0, round((time - _BEFORE_S) * sample_rate))
    after = min(len(sound), round((time + _AFTER_S) * sample_rate))
    count = (after - first) // step
    if count < 2:
        return first
    power = sound[first : first + count * step].view(count, step).square().mean(1)
    if first == 0 and float(power[0]) > 0.01 * float(power.max()):
        return 0
    rise = (power[1:] + 1e-4 * power.max()).log() - (power[:-1] + 1e-4 * power.max()).log()
    return first + (int(rise.argmax()) + 1) * step


def placed(result: Tensor, hit: Hit, sound: Tensor, gains: Tensor, sample_rate: int) -> None:
    """Add a sound `(samples,)` to channels `(channels, n)` where a hit is.

    Args:
        result: changed in place.
        hit: what it takes the place of.
        sound: from its attack on.
        gains: `(channels,)`.
        sample_rate: in Hz.
    """
    fade = max(2, round(_RING_S * sample_rate))
    length = min(len(sound), hit.after - hit.first + fade, result.shape[-1] - hit.first)
    piece = sound[:length].clone()
    rise = min(length, max(1, round(_FADE_IN_S * sample_rate)))
    piece[:rise] *= torch.linspace(0, 1, rise + 1)[1:]
    ring = min(fade, length)
    if length == hit.after - hit.first + fade:
        piece[length - ring :] *= 0.5 + 0.5 * torch.cos(torch.linspace(0, torch.pi, ring))
    result[:, hit.first : hit.first + length] += gains[:, None] * piece
