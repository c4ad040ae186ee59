"""The descriptors by name, and `describe`, which measures any of them at once."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from creativeml.audio.descriptors import (
    attack_time,
    boominess,
    brightness,
    decay_time,
    depth,
    fundamental,
    hardness,
    loudness,
    noisiness,
    roughness,
    sharpness,
    spectral_centroid,
    warmth,
)
from creativeml.audio.descriptors.front_end import Prepared
from creativeml.errors import CreativeMLError

FORMAT = 1
"""Raised whenever a definition changes, so that values kept on a disk are not taken for today's."""

_PIECE_SAMPLES = 1 << 20
"""Samples that the exact face takes at a time: bounds the memory (some 40 numbers per sample) and suits the caches."""


class Face(Protocol):
    """A descriptor as a function: sounds (..., samples) float -> values (...)."""

    def __call__(self, sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor: ...


@dataclass(frozen=True)
class Descriptor:
    """One perceptual quantity.

    Attributes:
        name: as in tables, files and flags.
        unit: "points" (of the AudioCommons scales: mostly 0 to 100, but not bounded), "LUFS", "ms" or "Hz".
        exact: face that follows the definition step by step; no gradient is promised.
        smooth: face with a gradient to every part of the sound that matters; its module says how far it is off.
        jnd: just-noticeable difference; a ratio (1.25 = a quarter more) for logarithmic descriptors, from a few times
            `low` on: towards it and below it counts for less and less (half at `low`).
        low, high: what drum sounds usually span.
        logarithmic: differences are heard as ratios. What is far below `low` is then all the same.
        doc: what it says about a sound, in a line.
    """

    name: str
    unit: str
    exact: Face
    smooth: Face
    jnd: float
    low: float
    high: float
    doc: str
    logarithmic: bool = False

    def in_jnds(self, values: Tensor) -> Tensor:
        """Values on a scale on which a distance of 1 is one just-noticeable difference (any shape)."""
        if self.logarithmic:
            return torch.log1p(values.clamp(min=0) / self.low) / math.log(self.jnd)
        return values / self.jnd


def _points(name: str, exact: Face, smooth: Face, doc: str) -> Descriptor:
    """A scale of the AudioCommons models, of which about five points can be told apart."""
    return Descriptor(name, "points", exact, smooth, 5.0, 0.0, 100.0, doc)


def _decay(fall_db: int) -> Descriptor:
    exact = functools.partial(decay_time.exact, fall_db=float(fall_db))
    smooth = functools.partial(decay_time.smooth, fall_db=float(fall_db))
    doc = f"time from the end of the attack until what is left of the sound is {fall_db} dB down"
    return Descriptor(f"decay_time_{fall_db}", "ms", exact, smooth, 1.25, 10.0, 10_000.0, doc, True)


_AUDIO_COMMONS = (
    _points("brightness", brightness.exact, brightness.smooth, "how much of the energy lies above 2 kHz, and how high"),
    _points("depth", depth.exact, depth.smooth, "how much lies below 500 Hz, how low it reaches, how long it lasts"),
    _points("warmth", warmth.exact, warmth.smooth, "weight of the low middle (100 to 400 Hz) against the treble"),
    _points("hardness", hardness.exact, hardness.smooth, "how sudden, wide and high the attack is"),
    _points("roughness", roughness.exact, roughness.smooth, "how fast neighbouring partials beat"),
    _points("sharpness", sharpness.exact, sharpness.smooth, "how high the loudness lies on the ear's scale"),
    _points("boominess", boominess.exact, boominess.smooth, "how much of the loudness lies below 280 Hz"),
)

# Just-noticeable differences: of level about 1 dB (W. Jesteadt, C. Wier, D. Green 1977), of rise and decay times about
# a quarter (V. van Heuven, M. van den Broecke 1979). For the others there is no figure for drum sounds; these are this
# project's choice: 5 % of the centroid, a semitone, and 5 points as above.
_ACOUSTIC = (
    Descriptor("loudness", "LUFS", loudness.exact, loudness.smooth, 1.0, -60.0, 0.0, "loudness after ITU-R BS.1770"),
    Descriptor(
        name="attack_time",
        unit="ms",
        exact=attack_time.exact,
        smooth=attack_time.smooth,
        jnd=1.25,
        low=2.0,
        high=200.0,
        doc="time in which the amplitude rises from 10 % to 90 % of its maximum",
        logarithmic=True,
    ),
    _decay(20),
    _decay(60),
    Descriptor(
        name="spectral_centroid",
        unit="Hz",
        exact=spectral_centroid.exact,
        smooth=spectral_centroid.smooth,
        jnd=1.05,
        low=100.0,
        high=12_000.0,
        doc="mean frequency of the magnitude spectrum",
        logarithmic=True,
    ),
    Descriptor(
        name="noisiness",
        unit="points",
        exact=noisiness.exact,
        smooth=noisiness.smooth,
        jnd=5.0,
        low=0.0,
        high=100.0,
        doc="flatness of the spectrum within octaves: 0 a steady tone, 56 noise, 100 a click",
    ),
    Descriptor(
        name="fundamental",
        unit="Hz",
        exact=fundamental.exact,
        smooth=fundamental.smooth,
        jnd=2 ** (1 / 12),
        low=20.0,
        high=5000.0,
        doc="frequency of the pitch; of sounds without one (noisiness above 25) arbitrary",
        logarithmic=True,
    ),
)

DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType({d.name: d for d in (*_AUDIO_COMMONS, *_ACOUSTIC)})
"""All descriptors by name, in the order of every table: the seven of AudioCommons, then the others."""

TIMBRE: tuple[str, ...] = tuple(d.name for d in _AUDIO_COMMONS)
"""The seven of AudioCommons, all in points: brightness, depth, warmth, hardness, roughness, sharpness, boominess."""


def chosen(names: Iterable[str] | None) -> tuple[Descriptor, ...]:
    """The descriptors of these names, in the order given and each once; all of them for None.

    Raises:
        CreativeMLError: a name that is not known.
    """
    if names is None:
        return tuple(DESCRIPTORS.values())
    if isinstance(names, str):
        names = (names,)
    found = {}
    for name in names:
        if name not in DESCRIPTORS:
            near = difflib.get_close_matches(name, DESCRIPTORS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(DESCRIPTORS)}"
            raise CreativeMLError(f"there is no descriptor '{name}'; {hint}")
        found[name] = DESCRIPTORS[name]
    return tuple(found.values())


def describe(
    sounds: Tensor, sample_rate: int, names: Iterable[str] | None = None, *, smooth: bool = False
) -> dict[str, Tensor]:
    """Measure sounds.

    Args:
        sounds: (..., samples) float32 or float64 on any device, full scale 1, one channel each; 10 ms to a minute.
        sample_rate: in Hz, 16,000 to 192,000.
        names: which descriptors, of `DESCRIPTORS`; None = all.
        smooth: the smooth faces, through which gradients reach `sounds`. Otherwise the exact ones, without gradient.

    Returns:
        name -> values (...), of the dtype and on the device of `sounds`, in the descriptor's unit. Silence and DC have
        finite values, which the descriptors' modules name.

    Raises:
        CreativeMLError: an unknown name, another sample rate or dtype, sounds too short, none at all, NaN or
            infinity.
    """
    wanted = chosen(names)
    prepared = Prepared(sounds, sample_rate)
    # Half precision, which a training may have switched on around this, is too coarse for levels and frequencies.
    with torch.autocast(sounds.device.type, enabled=False), torch.set_grad_enabled(smooth and torch.is_grad_enabled()):
        if smooth:
            return {d.name: d.smooth(sounds, sample_rate, prepared=prepared) for d in wanted}
        count = max(1, _PIECE_SAMPLES // sounds.shape[-1])
        flat = sounds.reshape(-1, sounds.shape[-1])
        parts = [_exact(piece, sample_rate, wanted) for piece in flat.split(count)]
        return {d.name: prepared.unflatten(torch.cat([part[d.name] for part in parts])) for d in wanted}


def _exact(sounds: Tensor, sample_rate: int, wanted: tuple[Descriptor, ...]) -> dict[str, Tensor]:
    prepared = Prepared(sounds, sample_rate)
    return {d.name: d.exact(sounds, sample_rate, prepared=prepared) for d in wanted}
