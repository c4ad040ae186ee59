"""A loop taken apart into its hits, and put together again from other ones."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.audio.loudness import k_weighted
from creativeml.audio.onsets import find_onsets
from creativeml.synthesis.style_transfer.chunks import Stretch, stretches
from creativeml.synthesis.style_transfer.frames import Frames

_BEFORE_S, _AFTER_S = 0.015, 0.01
_STEP_S = 0.001
_STRIKE_S, _LEAD_S = 0.06, 0.03
_LEAST_OWN = 0.05
_TAKEN, _LEAST_KEPT = 2.0, 1e-3
_STRETCH_S, _OVERLAP_S = 20.0, 2.0
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


@dataclass(frozen=True)
class Passage:
    """A stretch of a loop that is looked at for itself.

    Attributes:
        stretch: of the loop.
        hits: that begin in it, counted from its first sample.
        first, after: which of the loop's hits are this passage's own; the others are the next one's too.
    """

    stretch: Stretch
    hits: list[Hit]
    first: int
    after: int

    @property
    def own(self) -> list[Hit]:
        """Of the hits, those that no other passage has."""
        return self.hits[: self.after - self.first]


def passages(samples: int, hits: Sequence[Hit], sample_rate: int) -> list[Passage]:
    """Passages of up to 20 s that have every hit once, each with two seconds after its beginning."""
    parts = stretches(samples, round(_STRETCH_S * sample_rate), round(_OVERLAP_S * sample_rate))
    found, firsts = [], [hit.first for hit in hits]
    for part, following in zip(parts, [*(p.first for p in parts[1:]), samples], strict=True):
        first, after, last = (bisect_left(firsts, place) for place in (part.first, following, part.after))
        inside = [Hit(h.first - part.first, h.after - part.first) for h in hits[first:last]]
        found.append(Passage(part, inside, first, after))
    return found


def alone(sound: Tensor, hits: Sequence[Hit], frames: Frames) -> Tensor:
    """A passage without what still rings of the last hit when the next is struck.

    By spectral subtraction (S. Boll, "Suppression of acoustic noise in speech using spectral subtraction", 1979): the
    power of each bin in the 30 ms before a hit, taken for as long as it lasts as if it did not decay.

    Args:
        sound: `(channels, samples)`.
        hits: in it.
        frames: of the sample rate.

    Returns:
        `(channels, samples)`.
    """
    spectra = frames.analyse(sound)
    power = spectra.real.square() + spectra.imag.square()
    kept = torch.ones_like(power)
    lead, half = max(1, round(_LEAD_S / frames.hop_s)), frames.window // (2 * frames.hop)
    for hit in hits:
        # Frames whose windows end before the hit, and those whose windows reach into it.
        first, after = hit.first // frames.hop - half, hit.after // frames.hop - half
        if first - lead < 0 or after <= first:
            continue
        before = power[..., first - lead : first].mean(-1, keepdim=True)
        own = 1.0 - _TAKEN * before / (power[..., first:after] + 1e-12)
        kept[..., first:after] = own.clamp_min(_LEAST_KEPT).sqrt()
    return frames.synthesise(spectra * kept, sound.shape[-1])


def strike_levels(sound: Tensor, hits: Sequence[Hit], sample_rate: int) -> Tensor:
    """How loud hits are as they are struck: root mean square of the first 60 ms, weighted as loudness is.

    What still rings of the last hit is none of this one: the power of the 30 ms before is taken off.

    Args:
        sound: `(channels, samples)`.
        hits: in it.
        sample_rate: in Hz.

    Returns:
        `(channels, hits)`.
    """
    power = torch.stack([torch.from_numpy(k_weighted(c.double().numpy(), sample_rate)) for c in sound]).square()
    strike, lead = round(_STRIKE_S * sample_rate), round(_LEAD_S * sample_rate)
    levels = []
    for hit in hits:
        after = power[:, hit.first : min(hit.after, hit.first + strike)].mean(1)
        before = power[:, max(0, hit.first - lead) : hit.first].mean(1) if hit.first else torch.zeros(len(sound))
        levels.append(torch.maximum(after - before, _LEAST_OWN * after).sqrt())
    return torch.stack(levels, 1).float()


def strike_level(sound: Tensor, sample_rate: int) -> float:
    """The same of one hit `(samples,)` that stands alone; above 0."""
    return max(1e-6, float(strike_levels(sound[None], [Hit(0, len(sound))], sample_rate)))


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
