"""Hardness' attack, bandwidth and centroid of sounds for which they are known."""

from __future__ import annotations

import math

import pytest
import torch

from creativeml.audio.descriptors import hardness

RATE = 44_100


def struck(attack_s: float, *, before: int = 0, samples: int = 20_000) -> torch.Tensor:
    """A tone of 1 kHz that rises steadily and then falls."""
    time = (torch.arange(samples, dtype=torch.float64) - before) / RATE
    level = (time / attack_s).clamp(0, 1) * torch.exp(-(time - attack_s).clamp(min=0) / 0.05)
    return torch.sin(2 * math.pi * 1000 * time) * level


@pytest.mark.parametrize("attack", [0.01, 0.03])
@pytest.mark.parametrize("before", [0, 5000])
def test_soft_attack_of_a_steady_rise(attack, before):
    seconds, begin = hardness.soft_attack(struck(attack, before=before)[None], RATE)
    # From a tenth to eight tenths of the rise; half a period of the tone is 0.5 ms.
    assert float(seconds) == pytest.approx(0.7 * attack, abs=0.0012)
    assert int(begin) == pytest.approx(before + 0.1 * attack * RATE, abs=60)


def test_cut_pads_with_silence():
    sounds = torch.arange(1.0, 11.0).repeat(3, 1)
    pieces = hardness.cut(sounds, torch.tensor([-2, 4, 8]), 4)
    assert pieces.tolist() == [[0, 0, 1, 2], [5, 6, 7, 8], [9, 10, 0, 0]]


def test_bandwidth_and_centroid_grow_with_frequency():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 8192, generator=generator, dtype=torch.float64)
    spectrum = torch.fft.rfft(noise)
    bands = []
    for edge_hz in (2000, 8000, 20_000):
        kept = spectrum * (torch.arange(spectrum.shape[-1]) < edge_hz * 8192 / RATE)
        sound = torch.fft.irfft(kept, 8192) * torch.hann_window(8192, dtype=torch.float64)
        begin = torch.tensor([600])
        bands.append(float(hardness._soft_centroid(sound, begin, RATE)))
        assert bands[-1] == pytest.approx(edge_hz / 2, rel=0.25)
    assert bands == sorted(bands)


def test_points_are_the_published_sum():
    attacks = torch.tensor([[4.0, 3.5, 1.4, -2.5]], dtype=torch.float64)
    expected = 12.079781720638145 * 4 + 18.52100377170042 * 3.5 + 3.9346817690405635 * 1.4 + 4.326890461087848 * 2.5
    expected += 14.139883645260355 * 2 - 5.567690321917516 * 0.3 - 85.60352209068202
    middle, percussive = (torch.tensor([value], dtype=torch.float64) for value in (2.0, -0.3))
    assert float(hardness.points(attacks, middle, percussive)) == pytest.approx(expected)


@pytest.mark.parametrize("face", [hardness.exact, hardness.smooth])
def test_a_click_is_harder_than_a_swell(face):
    assert float(face(struck(0.0005), RATE)) - float(face(struck(0.08), RATE)) > 5


def test_leading_silence_matters_little():
    sound, late = struck(0.005), struck(0.005, before=4096)
    assert float(hardness.smooth(late, RATE)) == pytest.approx(float(hardness.smooth(sound, RATE)), abs=5)
