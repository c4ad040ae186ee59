"""Brightness of sounds whose centroid and share are known."""

from __future__ import annotations

import math

import pytest
import torch

from creativeml.audio.descriptors import brightness
from creativeml.audio.descriptors.front_end import Prepared, spectrogram

RATE = 44_100


def tone(frequency_hz: float, samples: int = 20_000, rate: int = RATE) -> torch.Tensor:
    time = torch.arange(samples, dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * frequency_hz * time) * torch.hann_window(samples, dtype=torch.float64)


@pytest.mark.parametrize("face", [brightness.exact, brightness.smooth])
def test_a_high_tone_has_its_frequency_as_centroid_and_all_its_energy_above(face):
    # A triple Butterworth filter at 2 kHz passes 8 kHz with 1 - 3 * 2^-8 / ... of its energy: all but 0.1 %.
    expected = 17.378889309312974 * math.log10(8000) + 17.434733750553022
    assert float(face(tone(8000), RATE)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("face", [brightness.exact, brightness.smooth])
def test_higher_tones_are_brighter_at_any_rate(face):
    values = [float(face(tone(hz), RATE)) for hz in (200.0, 1000.0, 4000.0, 12_000.0)]
    assert values == sorted(values) and values[-1] - values[0] > 30
    for rate in (22_050, 96_000):
        same = face(tone(4000, round(20_000 * rate / RATE), rate), rate)
        assert float(same) == pytest.approx(values[2], abs=1.5)


@pytest.mark.parametrize("samples", [700, 2048, 5000])
def test_window_sum_is_that_of_the_frames(samples):
    # Energy counted frame by frame equals energy under the summed windows, where the sound has no mean.
    sound = tone(9000, samples)[None]
    summed = (sound * brightness._window_sum(samples)).square().sum()
    size = min(samples, 2048)
    window = torch.hamming_window(size, dtype=torch.float64)
    frames = spectrogram(sound, 2048).sum() * window.sum().square() / 2048
    assert float(summed / frames) == pytest.approx(1.0, abs=5e-3)


def test_silence_has_the_documented_value():
    prepared = Prepared(torch.zeros(5000), RATE)
    for face in (brightness.exact, brightness.smooth):
        assert float(face(torch.zeros(5000), RATE, prepared=prepared)) == pytest.approx(-15.3, abs=0.1)
