"""Spectral centroid in Hz: the mean frequency of the magnitude spectrum, of loud moments more than of quiet ones.

J. Krimphoff, S. McAdams, S. Winsberg, "Caractérisation du timbre des sons complexes", J. Physique IV 4 (1994); G.
Peeters et al., "The Timbre Toolbox", JASA 130 (2011). In frames of 46 ms (Hann, three quarters of overlap) the mean of
the frequencies weighted by magnitude, up to half the sample rate; over the frames, its mean weighted by energy.
Gain, polarity, silence after the sound do not matter; silence before it does only as far as the frames fall
differently (1 %).

The definition is smooth as it stands: both faces are one function.

Silence has 0 Hz; DC, of which the window's width and the edges remain, some tens of Hz.
"""

from __future__ import annotations

from torch import Tensor

from creativeml.audio.descriptors.frames import frame_power, frequencies
from creativeml.audio.descriptors.front_end import Prepared

_LEAST_POWER = 1e-20
_SILENT = 1e-12


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Spectral centroid in Hz: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    power = frame_power(sounds, sample_rate, prepared)
    magnitude = (power + _LEAST_POWER).sqrt()
    centroid = (magnitude @ frequencies(sample_rate).to(power)) / magnitude.sum(-1)
    energy = power.sum(-1)
    return prepared.unflatten((centroid * energy).sum(-1) / (energy.sum(-1) + _SILENT))


smooth = exact
