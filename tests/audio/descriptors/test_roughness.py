"""Roughness of two tones against Vassilakis' formula, and its fading peaks against the picker."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from creativeml.audio.descriptors import roughness
from creativeml.audio.descriptors.front_end import Prepared

RATE = 44_100


def beating(low_hz: float, apart_hz: float, samples: int = 20_000) -> torch.Tensor:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * low_hz * time) + 0.8 * torch.sin(2 * math.pi * (low_hz + apart_hz) * time)


def test_a_pair_adds_what_the_formula_says():
    scale = 0.24 / (0.0207 * 1000 + 18.96) * 60
    expected = (3.0 * 2.0) ** 0.1 * 0.5 * (2 * 3.0 / 5.0) ** 3.11 * (math.exp(-3.51 * scale) - math.exp(-5.75 * scale))
    assert roughness._pairs(np.array([1060.0, 1000.0]), np.array([3.0, 2.0])) == pytest.approx(expected)
    magnitudes = torch.full((1, 2049), 1e-4, dtype=torch.float64)
    bins = torch.arange(2049, dtype=torch.float64)
    for frequency, level in ((1000.0, 2.0), (1060.0, 3.0)):
        magnitudes += level * torch.exp(-((bins - frequency * 4096 / RATE) / 1.2).square())
    peaks = roughness._soft_peaks(magnitudes.square(), magnitudes.square().amax(-1), RATE / 2)
    assert len(peaks.row) == 2 and float(peaks.weight.min()) == 1
    assert float(peaks.beating().sum()) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("face", [roughness.exact, roughness.smooth])
def test_tones_are_roughest_within_a_critical_band(face):
    near, far, alone = (float(face(sound, RATE)) for sound in (beating(1000, 90), beating(1000, 900), beating(1000, 0)))
    assert near > far + 10 and near > alone + 10


def test_far_pairs_are_counted_by_their_representatives():
    # Offsets 1 ... 43: every one of them is stood for once.
    assert sum(stands_for for _, stands_for in roughness._OFFSETS) == pytest.approx(43, abs=6)


def test_frames_lie_as_in_the_reference():
    sounds = torch.zeros(1, 12_000, dtype=torch.float64)
    sounds[0, 5000] = 1.0
    energies, frames = roughness._frame_energies(sounds, RATE)
    # 12,512 samples with the lead; windows of 2,205 begin at floor(1102.5 i).
    assert frames == int(12_512 / 1102.5) and energies.shape == (1, frames - 1, 2049)
    window = np.hamming(2207)[1:-1]
    begins = [int(1102.5 * frame) for first in (0, 1) for frame in range(first, frames - 1, 2)]
    for frame in range(frames - 1):
        offset = 5512 - begins[frame]
        level = window[offset] if 0 <= offset < 2205 else 0.0
        assert float(energies[0, frame, 7]) == pytest.approx(level**2, abs=1e-12)


def test_silence_is_not_rough():
    prepared = Prepared(torch.zeros(2, 5000), RATE)
    for face in (roughness.exact, roughness.smooth):
        assert face(torch.zeros(2, 5000), RATE, prepared=prepared).tolist() == [0.0, 0.0]
