"""The distance of sounds: the rules of distances, what must not count, and what must."""

from __future__ import annotations

import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.losses.matching import Match
from creativeml.synthesis.audible import heard, steps_between

RATE = 44100


@pytest.fixture(scope="module")
def sounds():
    pack = starter_sounds(("kick", "snare", "hat_closed"), length_samples=65536)
    chosen = torch.cat([(pack.labels == label).nonzero()[:6, 0] for label in range(3)])
    return pack.sounds[chosen]


def tone(hz: float, *, phase: float = 0.0, seconds: float = 0.4) -> torch.Tensor:
    time = torch.arange(65536) / RATE
    # It rises in 20 ms: a tone that begins within a period begins with a click.
    return torch.sin(2 * torch.pi * hz * time + phase) * torch.exp(-time / seconds) * (1 - torch.exp(-time / 0.02)) ** 2


def test_equal_sounds_are_no_way_apart_and_ways_around_are_no_shorter(sounds):
    places = heard(sounds, RATE)
    away = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
    assert float(away.diag().max()) < 1e-4 and float((away - away.T).abs().max()) < 1e-4
    assert bool((away[:, None, :] <= away[:, :, None] + away[None] + 1e-3).all())
    torch.testing.assert_close(heard(sounds[3:4], RATE)[0], places[3], atol=1e-4, rtol=0)


def test_a_change_of_level_in_every_band_is_its_decibels(sounds):
    """By hand: what rises by 6 dB from 200 ms on is heard in the share of the levels that are there."""
    noise = torch.randn(1, 65536, generator=torch.Generator().manual_seed(0))
    gain = torch.where(torch.arange(65536) < 32768, 1.0, 2.0)
    first, second = heard(noise, RATE), heard(noise * gain, RATE)
    # At equal energy: halves at -2.04 and +3.98 dB against 0 and 0 before, of which the attack sees the first only.
    early, late = -10 * torch.log10(torch.tensor(2.5)), 10 * torch.log10(torch.tensor(1.6))
    expected = ((2 * (early**2 + late**2) / 2 + early**2) / 3).sqrt()
    assert float((second - first).norm()) == pytest.approx(float(expected), rel=0.08)


def test_loudness_and_phase_do_not_count(sounds):
    places = heard(sounds, RATE)
    torch.testing.assert_close(heard(0.1 * sounds, RATE), places, atol=1e-3, rtol=0)
    low = heard(torch.stack([tone(60), tone(60, phase=2.0), tone(63)]), RATE)
    turned, higher = (low[1:] - low[0]).norm(dim=1).tolist()
    assert turned < 0.5 and higher > 1.5 * turned


def test_kinds_are_further_apart_than_sounds_of_one_kind(sounds):
    away = torch.cdist(heard(sounds, RATE), heard(sounds, RATE))
    kind = torch.arange(18) // 6
    same = (kind[:, None] == kind[None]) & ~torch.eye(18, dtype=torch.bool)
    assert float(away[same].median()) < 0.7 * float(away[kind[:, None] != kind[None]].median())


def test_silence_is_finite_and_gradients_are(sounds):
    silent = torch.zeros(1, 65536, requires_grad=True)
    place = heard(silent, RATE)
    place.sum().backward()
    assert bool(torch.isfinite(place).all()) and silent.grad is not None and bool(torch.isfinite(silent.grad).all())
    lengths = steps_between(torch.tensor([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]]))
    assert lengths.tolist() == pytest.approx([5.0, 0.0], abs=1e-5)


def test_a_match_with_one_recording_each_is_that_with_each_alone(sounds):
    together = Match(sounds[:3], RATE).distance(sounds[3:6])
    alone = [float(Match(sounds[i], RATE).distance(sounds[3 + i][None])) for i in range(3)]
    assert together.tolist() == pytest.approx(alone, rel=1e-4)
