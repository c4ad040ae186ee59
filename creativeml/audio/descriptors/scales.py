"""What each descriptor is called, its unit, what it means and what can be told apart: known without torch.

Help texts and pages need no more than this; `registry` adds the functions that measure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Scale:
    """The scale of one perceptual quantity.

    Attributes:
        name: as in tables, files and flags.
        unit: "points" (of the AudioCommons scales: mostly 0 to 100, but not bounded), "LUFS", "ms" or "Hz".
        jnd: just-noticeable difference; a ratio (1.25 = a quarter more) for logarithmic descriptors, from a few times
            `low` on: towards it and below it counts for less and less (half at `low`).
        low, high: what drum sounds usually span.
        doc: what it says about a sound, in a line.
        logarithmic: differences are heard as ratios. What is far below `low` is then all the same.
    """

    name: str
    unit: str
    jnd: float
    low: float
    high: float
    doc: str
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """A value as a place on a line on which equal distances are heard as equal; `value_at` leads back."""
        return math.log1p(max(value, 0.0) / self.low) if self.logarithmic else value

    def value_at(self, place: float) -> float:
        """The value at a place of that line."""
        return self.low * math.expm1(place) if self.logarithmic else place

    def said(self, value: float) -> str:
        """Name, value and unit as in a sentence: "brightness 60", "decay_time_20 140 ms"."""
        return f"{self.name} {value:.4g}" + ("" if self.unit == "points" else f" {self.unit}")


def _points(name: str, doc: str) -> Scale:
    """A scale of the AudioCommons models, of which about five points can be told apart."""
    return Scale(name, "points", 5.0, 0.0, 100.0, doc)


def _decay(fall_db: int) -> Scale:
    doc = f"time from the end of the attack until what is left of the sound is {fall_db} dB down"
    return Scale(f"decay_time_{fall_db}", "ms", 1.25, 10.0, 10_000.0, doc, True)


_AUDIO_COMMONS = (
    _points("brightness", "how much of the energy lies above 2 kHz, and how high"),
    _points("depth", "how much lies below 500 Hz, how low it reaches, how long it lasts"),
    _points("warmth", "weight of the low middle (100 to 400 Hz) against the treble"),
    _points("hardness", "how sudden, wide and high the attack is"),
    _points("roughness", "how fast neighbouring partials beat"),
    _points("sharpness", "how high the loudness lies on the ear's scale"),
    _points("boominess", "how much of the loudness lies below 280 Hz"),
)

# Just-noticeable differences: of level about 1 dB (W. Jesteadt, C. Wier, D. Green 1977), of rise and decay times about
# a quarter (V. van Heuven, M. van den Broecke 1979). For the others there is no figure for drum sounds; these are this
# project's choice: 5 % of the centroid, a semitone, and 5 points as above.
_ACOUSTIC = (
    Scale("loudness", "LUFS", 1.0, -60.0, 0.0, "loudness after ITU-R BS.1770"),
    Scale(
        name="attack_time",
        unit="ms",
        jnd=1.25,
        low=2.0,
        high=200.0,
        doc="time in which the amplitude rises from 10 % to 90 % of its maximum",
        logarithmic=True,
    ),
    _decay(20),
    _decay(60),
    Scale(
        name="spectral_centroid",
        unit="Hz",
        jnd=1.05,
        low=100.0,
        high=12_000.0,
        doc="mean frequency of the magnitude spectrum",
        logarithmic=True,
    ),
    Scale(
        name="noisiness",
        unit="points",
        jnd=5.0,
        low=0.0,
        high=100.0,
        doc="flatness of the spectrum within octaves: 0 a steady tone, 56 noise, 100 a click",
    ),
    Scale(
        name="fundamental",
        unit="Hz",
        jnd=2 ** (1 / 12),
        low=20.0,
        high=5000.0,
        doc="frequency of the pitch; of sounds without one (noisiness above 25) arbitrary",
        logarithmic=True,
    ),
)

SCALES: Mapping[str, Scale] = MappingProxyType({s.name: s for s in (*_AUDIO_COMMONS, *_ACOUSTIC)})
"""All of them by name, in the order of every table: the seven of AudioCommons, then the others."""

TIMBRE: tuple[str, ...] = tuple(s.name for s in _AUDIO_COMMONS)
"""The seven of AudioCommons, all in points: brightness, depth, warmth, hardness, roughness, sharpness, boominess."""
