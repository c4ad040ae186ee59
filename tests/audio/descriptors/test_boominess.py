"""Boominess against the booming index worked out by hand, and its direction."""

from __future__ import annotations

import math

import torch

from creativeml.audio.descriptors import boominess
from creativeml.audio.descriptors.zwicker import BINS, Heard, bark_window

RATE = 44_100


def test_points_are_those_of_the_formula():
    # Loudness at 1 Bark (600 sinh(1/6) = 100.5 Hz) and 15 Bark alone.
    specific = torch.zeros(1, 1, BINS, dtype=torch.float64)
    specific[..., 9], specific[..., 149] = 4.0, 1.0
    found = boominess._points(Heard(torch.ones(1, 1, dtype=torch.float64), 0.1 * specific.sum(-1), specific))
    step = math.log10(31.5 / 25)
    weights = [
        2.13 * math.exp(-0.151 * (math.log10(600 * math.sinh(bark / 6) / 25) / step + 1)) for bark in (1.0, 15.0)
    ]
    band_sum = 10 * math.log10(238 + 10 ** (0.4 * weights[0]) + 10 ** (0.1 * weights[1]))
    low = 4.0 * float(bark_window(0, 70, specific)[9])
    index = band_sum * 4 / 5
    expected = 43.67402696195865 * math.log10(index) - 10.90054738389845 * math.log10(low) + 26.836530575185435
    torch.testing.assert_close(found.item(), expected)


def test_bins_below_280_hz_are_low():
    weights, low_bins = boominess._booming_weights()
    hz = [600 * math.sinh(bin_ / 60) for bin_ in (low_bins, low_bins + 1)]
    assert hz[0] < 280 <= hz[1]
    assert weights.shape == (BINS,) and weights[:4].tolist() == [0.8, 1.05, 1.10, 1.18]


def test_lower_tones_are_boomier():
    time = torch.arange(10_000) / RATE
    tones = torch.stack([torch.sin(2 * math.pi * hz * time) for hz in (80.0, 320.0, 1280.0)])
    for face in (boominess.exact, boominess.smooth):
        assert bool((face(tones, RATE).diff() < -5).all())
