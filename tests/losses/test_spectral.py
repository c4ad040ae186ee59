"""The spectral energy distance must prefer true noise to its smooth average."""

import math

import torch

from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance, spectral_energy_distance

RATE = 44100


def noise(seed: int, count: int = 8) -> torch.Tensor:
    return 0.2 * torch.randn(count, 8192, generator=torch.Generator().manual_seed(seed))


def test_distance_is_zero_between_equals_and_counts_decibels():
    sound = noise(0)
    pyramid = log_mel_pyramid(sound, RATE)
    assert float(pyramid_distance(pyramid, pyramid).abs().max()) == 0.0
    # 8 dB are a tenth of the range of 80 dB.
    louder = log_mel_pyramid(sound * 10 ** (8 / 20), RATE)
    assert math.isclose(float(pyramid_distance(pyramid, louder).mean()), 0.1, abs_tol=2e-3)


def test_energy_distance_vanishes_for_draws_from_the_same_noise_and_not_otherwise():
    same = float(spectral_energy_distance(noise(1), noise(2), noise(3), RATE))
    quieter = float(spectral_energy_distance(noise(1), 0.3 * noise(2), 0.3 * noise(3), RATE))
    own = float(pyramid_distance(log_mel_pyramid(noise(1), RATE), log_mel_pyramid(noise(2), RATE)).mean())
    assert abs(same - own / 2) < 0.05 * own, "attraction minus half the repulsion leaves half the noise's own distance"
    assert quieter > 1.5 * same


def test_repeating_one_draw_scores_worse_than_fresh_noise():
    """A generator that ignores its noise input is punished: the repulsion term is then zero."""
    fresh = float(spectral_energy_distance(noise(1), noise(2), noise(3), RATE))
    repeated = float(spectral_energy_distance(noise(1), noise(2), noise(2), RATE))
    assert repeated > 1.5 * fresh


def test_silence_gives_finite_values_and_gradients():
    silent = torch.zeros(2, 4096, requires_grad=True)
    spectral_energy_distance(torch.zeros(2, 4096), silent, silent.clone(), RATE).backward()
    assert silent.grad is not None and bool(silent.grad.isfinite().all())
