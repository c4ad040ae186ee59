"""The spectral energy distance must prefer true noise to its smooth average."""

import math

import numpy as np
import torch
from scipy import signal

from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance, spectral_energy_distance, stft_distance

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


def test_stft_distance_is_that_of_the_paper():
    """Against the formulas, with SciPy's transform."""
    sounds, wanted = noise(4, 2), 0.5 * noise(5, 2)
    expected = np.zeros(2)
    for size, hop, length in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        window = np.zeros(size)
        first = (size - length) // 2
        window[first : first + length] = signal.get_window("hann", length)
        pair = []
        for part in (sounds, wanted):
            padded = np.pad(part.double().numpy(), ((0, 0), (size // 2, size // 2)), mode="reflect")
            frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::hop]
            pair.append(np.sqrt(np.maximum(np.abs(np.fft.rfft(frames * window)) ** 2, 1e-7)))
        made, aim = pair
        expected += np.linalg.norm((made - aim).reshape(2, -1), axis=1) / np.linalg.norm(aim.reshape(2, -1), axis=1)
        expected += np.abs(np.log(made) - np.log(aim)).mean((1, 2))
    found = stft_distance(sounds, wanted)
    np.testing.assert_allclose(found.numpy(), expected / 3, rtol=1e-4)
    assert float(stft_distance(wanted, wanted).max()) == 0.0
    torch.testing.assert_close(stft_distance(sounds, wanted[:1])[0], found[0])
    silent = torch.zeros(1, 8192, requires_grad=True)
    stft_distance(silent, wanted[:1]).sum().backward()
    assert silent.grad is not None and bool(torch.isfinite(silent.grad).all())
