"""Depth of sounds whose decay and pitch are known."""

from __future__ import annotations

import math

import pytest
import torch

from creativeml.audio.descriptors import depth
from creativeml.audio.descriptors.front_end import Prepared

RATE = 44_100


def thud(frequency_hz: float, decay_s: float, samples: int = 30_000) -> torch.Tensor:
    """A tone that falls by 40 dB in `decay_s`."""
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * frequency_hz * time) * 10 ** (-2 * time / decay_s) * (time * 500).clamp(max=1)


@pytest.mark.parametrize(("frequency", "decay"), [(200.0, 0.1), (150.0, 0.3), (400.0, 0.05)])
def test_decay_and_pitch_of_a_thud(frequency, decay):
    prepared = Prepared(thud(frequency, decay), RATE)
    sound = prepared.filtered(("high", 20.0))
    spectrum = prepared.spectrogram(("high", 20.0), size=4096).sum(-2)
    exact_decay = 10 ** float(depth._decay(*depth._each(prepared)[0]))
    assert exact_decay == pytest.approx(decay, abs=0.012)
    assert float(depth.soft_decay(sound, RATE)) == pytest.approx(exact_decay, abs=0.012)
    assert 10 ** float(depth._pitch(spectrum[0], RATE)) == pytest.approx(frequency, rel=0.03)
    assert 10 ** float(depth.soft_pitch(spectrum, RATE)) == pytest.approx(frequency, rel=0.03)


def test_share_and_centroid_of_a_thud():
    centroid, share = depth._frames(Prepared(thud(100.0, 0.3), RATE))
    assert float(share) == pytest.approx(1.0, abs=0.05)
    assert float(centroid) == pytest.approx(100, abs=10)


def test_points_are_the_published_sum():
    arguments = [torch.tensor([value], dtype=torch.float64) for value in (100.0, 0.9, -0.5, 2.0)]
    steep = 0.9**10 / (0.9**10 + 0.2)
    expected = 66.69534393444391 - 0.0043703565847874465 * 100 + 32.83743202462131 * 0.9 - 4.750862716905235 * 0.5
    expected += -14.217438690256062 * 2 - 3.8782339862813924 * 0.45 + 0.8544826091735516 * steep * 0.5
    assert float(depth.points(*arguments)) == pytest.approx(expected)


@pytest.mark.parametrize("face", [depth.exact, depth.smooth])
def test_lower_and_longer_is_deeper(face):
    high, low, short = (float(face(thud(*t), RATE)) for t in ((400.0, 0.2), (80.0, 0.2), (400.0, 0.03)))
    assert low - high > 8 and high - short > 1


def test_pitch_takes_the_lowest_of_several_peaks():
    bins = torch.arange(2049, dtype=torch.float64)
    spectrum = sum(height * torch.exp(-((bins - place) / 3).square()) for place, height in ((60, 0.4), (200, 1.0)))
    assert 10 ** float(depth.soft_pitch(spectrum[None], RATE)) == pytest.approx(60 * RATE / 4096, rel=1e-3)
    # A low hill below the threshold does not count, one far above does entirely.
    spectrum = spectrum + 0.004 * torch.exp(-((bins - 20) / 3).square())
    assert 10 ** float(depth.soft_pitch(spectrum[None], RATE)) == pytest.approx(60 * RATE / 4096, rel=1e-3)
