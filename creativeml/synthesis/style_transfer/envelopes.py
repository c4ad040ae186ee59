"""When a content sounds in each band, and whether something else sounds at the same times."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.frames import BANDS, Frames, to_db, to_gain
from creativeml.synthesis.style_transfer.profile import Profile

FLOOR_DB = -40.0
"""Below a band's mean power, where an envelope ends."""
GROUPS = 8
"""Of neighbouring bands, in which rhythm is compared."""
_OWN = 0.5
_FLATTEN_S = 0.04
_SMOOTH_S = 0.012
_MOST_DB = 40.0
_LEAD_S, _LEAST_OWN = 0.03, 0.1
_DUCK_DB = (-1.0, -2.0, -3.0, -3.0)


def rhythm(power: Tensor, mean_power: Tensor, own: float = _OWN) -> Tensor:
    """Envelope of each band relative to its mean over the sound.

    A kick has no treble, yet in a style that is all treble it must be heard: half of what moves a band is its own, half
    is all bands'.

    Args:
        power: `(bands, frames)` of a stretch.
        mean_power: `(bands,)` of the whole sound.
        own: share of the band itself; the rest is what all bands do together.

    Returns:
        `(bands, frames)` in dB, no lower than `FLOOR_DB`.
    """
    relative = power / (mean_power + 1e-6 * mean_power.max() + 1e-20)[:, None]
    together = relative.mean(0, keepdim=True)
    return to_db(own * relative + (1.0 - own) * together).clamp_min(FLOOR_DB)


def struck(power: Tensor, hits: Sequence[int], frames: Frames) -> Tensor:
    """Power of a stretch in which what rings on is held back when the next hit is struck.

    Hits on a cymbal that never falls silent hardly raise its level, yet they are the rhythm. From each hit to the next
    the power of the 30 ms before it is taken away, down to a tenth of what there is.

    Args:
        power: `(bands, frames)`.
        hits: frames at which hits begin, rising.
        frames: of the sample rate.

    Returns:
        `(bands, frames)`.
    """
    lead, reach = max(1, round(_LEAD_S / frames.hop_s)), frames.window // (2 * frames.hop)
    result = power.clone()
    for hit, following in itertools.pairwise([*hits, power.shape[1] + reach]):
        # Windows reach half their length ahead.
        first, after = hit - reach, following - reach
        if first < lead:
            continue
        before = power[:, first - lead : first].mean(1, keepdim=True)
        own = power[:, first:after]
        result[:, first:after] = torch.maximum(own - before, _LEAST_OWN * own)
    return result


def ducked(hits: Sequence[int], count: int, frames: Frames) -> Tensor:
    """Levels that make room for hits, as a transient shaper does: 3 dB lower just before each, so that none is drowned.

    Args:
        hits: frames at which hits begin.
        count: of frames.
        frames: of the sample rate.

    Returns:
        `(count,)` in dB, 0 or below.
    """
    result = torch.zeros(count)
    for hit in hits:
        # Windows reach half their length ahead.
        end = hit - frames.window // (2 * frames.hop) + 1
        for place, level in zip(range(end - len(_DUCK_DB), end), _DUCK_DB, strict=True):
            if 0 <= place < count:
                result[place] = min(float(result[place]), level)
    return result


def grouped(envelope: Tensor) -> Tensor:
    """`(bands, frames)` → means over neighbouring bands `(GROUPS, frames)`."""
    return envelope.view(GROUPS, BANDS // GROUPS, -1).mean(1)


def imposed(material: Tensor, envelope: Tensor, style: Profile, frames: Frames) -> Tensor:
    """Material with its own slow levels taken away and an envelope in their place (a channel vocoder, H. Dudley 1939).

    Args:
        material: `(channels, samples)` of the style; the channels share their gains.
        envelope: `(bands, frames)` in dB relative to the style's mean power.
        style: whose spectrum the result has.
        frames: of the sample rate.

    Returns:
        `(channels, samples)`.
    """
    spectra = frames.analyse(material)
    slow = frames.smoothed(frames.power(spectra).mean(0), _FLATTEN_S)
    wanted = to_db(style.power)[:, None] + envelope
    gains = to_gain((wanted - to_db(slow)).clamp_max(_MOST_DB))
    return frames.synthesise(spectra * (frames.spread @ gains), material.shape[-1])


def steadied(power: Tensor, frames: Frames) -> Tensor:
    """Power `(bands, frames)` without the ripple of single periods."""
    return frames.smoothed(power, _SMOOTH_S)


def panned(sound: Tensor, content: Tensor, frames: Frames) -> Tensor:
    """Channels `(channels, samples)` with, in each band, the balance that those of the content have just then."""
    if len(sound) == 1:
        return sound
    share = balance(frames.power(frames.analyse(content)), frames)
    return frames.synthesise(frames.analyse(sound) * (frames.spread @ share), sound.shape[-1])


def balance(power: Tensor, frames: Frames) -> Tensor:
    """Factors `(channels, bands, frames)` on amplitudes that give channels alike the balance of those with a power."""
    slow = torch.stack([frames.smoothed(p, 0.2) for p in power])
    least = 1e-9 * slow.amax()
    return ((slow + least) / (slow + least).mean(0)).sqrt()
