"""Noisiness in points from 0 to 100: how flat the spectrum is, octave by octave. Its opposite is tonality.

Spectral flatness, the geometric over the arithmetic mean of the power (J. D. Johnston, "Transform coding of audio
signals using perceptual noise criteria", IEEE J. Sel. Areas Commun. 6, 1988), within bands as in ISO/IEC 15938-4
(MPEG-7 audio), here 20-250 Hz and the octaves above up to 20 kHz, so that noise of any colour counts as noise. Taken
in frames of 46 ms, averaged over bands and frames by energy, times 100.

A steady tone has 0, white noise 56 (the flatness of a random spectrum is e^-0.577 in the mean), pink noise 48, a click
100. A tone that decays has a line as wide as it is short: at 180 Hz with a time constant of 100 ms 7, of 20 ms 30.
Drum sounds lie between 7 (toms) and 56 (claps) in the median of their kind. Gain, polarity and silence around the
sound do not matter (silence in front by a few points, as the frames fall differently).

The definition is smooth as it stands: both faces are one function.

Silence has 0, as it holds no noise; DC has about 1 (its edges), of 10 ms 25.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from creativeml.audio.descriptors.frames import frame_power, frequencies
from creativeml.audio.descriptors.front_end import Prepared

_EDGES_HZ = (20.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 20_000.0)
_LEAST_BINS = 8
_FLOOR = 1e-9
"""Part of the highest power (-90 dB) that is added everywhere: below, spectra hold only rounding."""
_SILENT = 1e-12


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Noisiness in points: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    power = frame_power(sounds, sample_rate, prepared)
    power = power / (power.amax((-2, -1), keepdim=True) + _SILENT)
    logarithm = (power + _FLOOR).log()
    flat, energy = power.new_zeros(len(power)), power.new_zeros(len(power))
    for first, end in _bands(sample_rate):
        mean = power[..., first:end].mean(-1)
        flatness = logarithm[..., first:end].mean(-1).exp() / (mean + _FLOOR)
        flat = flat + (flatness * mean).sum(-1) * (end - first)
        energy = energy + mean.sum(-1) * (end - first)
    return prepared.unflatten(100 * flat / (energy + _SILENT))


smooth = exact


def _bands(sample_rate: int) -> list[tuple[int, int]]:
    """First bin and end of each band that holds enough bins below half the sample rate."""
    edges = torch.tensor(_EDGES_HZ, dtype=torch.float64)
    places = [int(place) for place in torch.searchsorted(frequencies(sample_rate), edges)]
    return [(first, end) for first, end in itertools.pairwise(places) if end - first >= _LEAST_BINS]
