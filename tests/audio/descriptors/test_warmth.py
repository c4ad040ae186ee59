"""Warmth's spectrum against scipy's, its features against closed forms, its soft choices against the search."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from creativeml.audio.descriptors import warmth
from creativeml.audio.descriptors.peaks import parabola, prominent

RATE = 44_100
WIDTH = RATE / 8192


def falling_noise(samples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(samples, generator=generator, dtype=torch.float64)
    return noise * torch.exp(-torch.arange(samples, dtype=torch.float64) / 4000)


def peaks_at(*hz_and_heights: tuple[float, float]) -> torch.Tensor:
    """(1, 4097) bells over a floor of 1e-4."""
    hz = torch.arange(4097, dtype=torch.float64) * WIDTH
    bells = [height * torch.exp(-(((hz - centre) / 15) ** 2)) for centre, height in hz_and_heights]
    return (torch.stack(bells).sum(0) + 1e-4)[None]


@pytest.mark.parametrize("samples", [3001, 8191, 8192, 20_000])
def test_spectrum_is_that_of_scipy(samples):
    sound = falling_noise(samples)
    expected = signal.spectrogram(sound.numpy(), RATE, nperseg=min(samples, 8192), nfft=8192)[2].sum(-1)
    np.testing.assert_allclose(warmth._spectrum(sound[None])[0], expected / expected.max(), atol=1e-9)


def test_straightness_is_the_squared_correlation():
    spectrum = warmth._spectrum(falling_noise(20_000)[None])[0]
    hz = torch.arange(4097, dtype=torch.float64) * WIDTH
    found = warmth._straightness(spectrum, hz, (hz > 1000).double(), warmth._FLOOR)
    kept = hz.numpy() > 1000
    expected = np.corrcoef(np.log10(hz.numpy()[kept]), np.log10(spectrum.numpy()[kept]))[0, 1] ** 2
    assert float(found) == pytest.approx(expected)
    slope = (hz.clamp(min=1) / 1000) ** -2
    assert float(warmth._straightness(slope, hz, (hz > 1000).double(), warmth._FLOOR)) == pytest.approx(1)


@pytest.mark.parametrize(
    "spectrum",
    [
        peaks_at((100, 1.0), (700, 0.5)),
        peaks_at((150, 0.5), (700, 1.0)),
        # Too low to count as a peak; too shallow a dip between two to count as two.
        peaks_at((100, 0.05), (700, 1.0)),
        peaks_at((200, 0.8), (218, 1.0)),
        peaks_at((6000, 1.0)),
    ],
)
def test_soft_fundamental_is_that_of_the_search_where_the_case_is_clear(spectrum):
    hz = np.arange(4097) * WIDTH
    peaks = prominent(spectrum[0].numpy(), 0.2)
    fundamental = parabola(spectrum[0].numpy(), hz, peaks)[0].min()
    limit, low = warmth._soft_fundamental(spectrum, RATE)
    assert float(limit) == pytest.approx(min(3.5 * fundamental, 12_000), rel=0.01)
    top = int(np.argmax(hz > 260))
    expected = float(spectrum[0, peaks[0] : top].sum()) if fundamental < 260 else 0.0
    assert float(low) == pytest.approx(expected, rel=0.01, abs=0.02)


def test_soft_fundamental_moves_over_from_peak_to_peak():
    # As the lower peak grows past 0.2 of the higher one it becomes the fundamental, but not at a blow.
    heights = (0.05, 0.15, 0.2, 0.25, 0.35)
    limits = torch.cat([warmth._soft_fundamental(peaks_at((100, h), (700, 1.0)), RATE)[0] for h in heights])
    assert bool((limits.diff() < -10).all())
    assert float(limits[0]) == pytest.approx(2450, rel=0.02) and float(limits[-1]) == pytest.approx(350, rel=0.1)
    assert 1000 < float(limits[2]) < 1800


def test_each_event_of_a_sound_counts():
    # Two hits far apart: the features are means over the two, which are measured from their onsets.
    time = torch.arange(15_000, dtype=torch.float64) / RATE
    hit = torch.sin(2 * math.pi * 200 * time) * torch.exp(-time / 0.05) + 0.02 * falling_noise(15_000)
    other = torch.sin(2 * math.pi * 900 * time) * torch.exp(-time / 0.05) + 0.02 * falling_noise(15_000)
    apart = torch.cat([torch.zeros(5000, dtype=torch.float64), hit, other])
    strength = warmth.onset_strength(apart[None], RATE)[0]
    event = warmth._mean_event(apart, strength, RATE)
    centroids = [float(warmth._event(part, RATE).centroid_hz) for part in (hit, other)]
    assert abs(centroids[1] - centroids[0]) > 300
    assert float(event.centroid_hz) == pytest.approx(np.mean(centroids), rel=0.1)
    assert float(warmth._event(apart, RATE).low_share) == pytest.approx(float(event.low_share), abs=0.2)


def test_a_warm_tone_is_warmer_than_hiss():
    time = torch.arange(20_000) / RATE
    tone = sum(torch.sin(2 * math.pi * 150 * k * time) / k**2 for k in range(1, 20)) * torch.exp(-time / 0.2)
    hiss = falling_noise(20_000).float()
    for face in (warmth.exact, warmth.smooth):
        assert float(face(tone, RATE) - face(hiss, RATE)) > 20
