"""Sharpness against Fastl's formula and its direction."""

from __future__ import annotations

import math

import torch

from creativeml.audio.descriptors import sharpness
from creativeml.audio.descriptors.zwicker import BINS, Heard

RATE = 44_100


def heard(bins: slice) -> Heard:
    specific = torch.zeros(1, 1, BINS, dtype=torch.float64)
    specific[..., bins] = 2.0
    return Heard(torch.ones(1, 1, dtype=torch.float64), 0.1 * specific.sum(-1), specific)


def test_points_are_those_of_the_formula():
    # All loudness at 10 Bark: 0.11 * 10 acum. At 20 Bark the weight 0.00012 z^4 - 0.0056 z^3 + 0.1 z^2 - 0.81 z + 3.5
    # is 1.7.
    at_10, at_20 = (102.50508921364404 * math.log10(acum) + 34.432655185001735 for acum in (1.1, 0.11 * 20 * 1.7))
    torch.testing.assert_close(sharpness._points(heard(slice(99, 100))).item(), at_10)
    torch.testing.assert_close(sharpness._points(heard(slice(199, 200))).item(), at_20)
    # The weight sets in above 14 Bark: not in the 140th bin, but in the 141st.
    assert sharpness._points(heard(slice(139, 140))).item() < 102.50508921364404 * math.log10(0.11 * 14) + 34.4327


def test_frames_count_by_their_energy():
    low, high = heard(slice(20, 30)), heard(slice(180, 190))
    both = Heard(
        torch.tensor([[3.0, 1.0]], dtype=torch.float64),
        torch.cat([low.loudness, high.loudness], -1),
        torch.cat([low.specific, high.specific], 1),
    )
    acum = [10 ** ((sharpness._points(part) - 34.432655185001735) / 102.50508921364404) for part in (low, high)]
    expected = 102.50508921364404 * torch.log10((3 * acum[0] + acum[1]) / 4) + 34.432655185001735
    torch.testing.assert_close(sharpness._points(both), expected)


def test_higher_tones_are_sharper():
    time = torch.arange(10_000) / RATE
    tones = torch.stack([torch.sin(2 * math.pi * hz * time) for hz in (100.0, 400.0, 1600.0, 6400.0)])
    for face in (sharpness.exact, sharpness.smooth):
        assert bool((face(tones, RATE).diff() > 5).all())
