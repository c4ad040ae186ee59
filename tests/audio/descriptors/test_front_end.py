"""The front end against scipy and against a meter written with time-domain filters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from creativeml.audio.descriptors import front_end
from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.loudness import integrated_loudness, k_filters
from creativeml.errors import CreativeMLError

RATE = 44_100


def noise_burst(samples: int, *, seed: int = 0, decay_s: float = 0.1, rate: int = RATE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    fall = torch.exp(-torch.arange(samples, dtype=torch.float64) / (decay_s * rate))
    return 0.3 * torch.randn(samples, generator=generator, dtype=torch.float64) * fall


def level(mean_square: torch.Tensor) -> float:
    return -0.691 + 10 * math.log10(float(mean_square))


@pytest.mark.parametrize(("kind", "frequency"), [("high", 20.0), ("high", 2000.0), ("low", 500.0), ("low", 2000.0)])
@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_filters_are_those_of_scipy(kind, frequency, rate):
    prepared = Prepared(noise_burst(9000, rate=rate), rate)
    expected = prepared.sounds[0].numpy()
    for _ in range(3):
        expected = signal.lfilter(*signal.butter(2, frequency / (rate / 2), kind), expected)
    np.testing.assert_allclose(prepared.filtered((kind, frequency))[0], expected, atol=1e-9)


@pytest.mark.parametrize(("samples", "size"), [(9000, 2048), (9000, 4096), (1500, 2048), (2048, 2048)])
def test_spectrogram_is_that_of_scipy(samples, size):
    sounds = torch.stack([noise_burst(samples), noise_burst(samples, seed=1) + 0.2])
    length = min(samples, size)
    overlap = 3 * size // 4 if samples >= size else samples - 1
    _, _, expected = signal.spectrogram(
        sounds.numpy(), RATE, "hamming", length, overlap, size, "constant", True, "spectrum"
    )
    actual = front_end.spectrogram(sounds, size)
    np.testing.assert_allclose(actual.transpose(1, 2), expected, rtol=1e-9, atol=1e-18)


def test_loudness_is_minus_24_by_the_standards_meter():
    for rate, samples in ((44_100, 66_150), (48_000, 20_000), (96_000, 200_000)):
        # Steady noise, so that no block lies at the gate, where a small difference of filters makes a large one.
        sounds = noise_burst(samples, rate=rate, decay_s=1e9) * torch.tensor([[0.01], [3.0]])
        for sound in Prepared(sounds, rate).sounds:
            # The filters of the reference's meter differ from the standard's by up to 0.4 dB.
            assert abs(integrated_loudness(sound.numpy(), rate) + 24) < 0.4


def test_gate_against_a_loop_over_blocks():
    rate = 48_000
    sound = torch.cat([noise_burst(rate), 0.3 * noise_burst(rate, seed=1, decay_s=1e9), 1e-3 * noise_burst(rate // 3)])
    weighted = sound.numpy()
    for numerator, denominator in (
        front_end._high_shelf(1500.0, 4.0, rate),
        front_end._high_pass(38.0, 0.5, rate),
    ):
        weighted = signal.lfilter(numerator, denominator, weighted)
    blocks = []
    for index in range(round((len(weighted) / rate - 0.4) / 0.1) + 1):
        block = weighted[int(0.1 * index * rate) : int((0.1 * index + 0.4) * rate)]
        blocks.append(float(np.square(block).sum()) / (0.4 * rate))
    loud = [b for b in blocks if b > 10 ** ((-70 + 0.691) / 10)]
    counted = [b for b in loud if b > np.mean(loud) / 10]
    assert len(counted) < len(loud)
    measured = front_end.mean_square_at_loudness(sound[None], rate)[0]
    assert abs(float(measured) / np.mean(counted) - 1) < 1e-6


def test_weighting_is_near_the_standards():
    rate, size = 48_000, 4800
    frequencies = np.arange(1, size // 2) * rate / size
    standard = np.ones(len(frequencies), dtype=complex)
    for numerator, denominator in k_filters(rate):
        standard *= signal.freqz(numerator, denominator, frequencies, fs=rate)[1]
    ours = front_end._k_response(size, rate).numpy()[1:-1]
    assert np.abs(20 * np.log10(np.abs(ours / standard)))[2:].max() < 0.5


def test_peak_stays_within_full_scale():
    click = torch.zeros(8000)
    click[100] = 0.01
    assert float(Prepared(click, RATE).sounds.abs().max()) == pytest.approx(1.0, abs=1e-6)


def test_slow_sounds_are_brought_to_44100_hz():
    for rate in (16_000, 22_050, 32_000, 37_123):
        time = torch.arange(rate // 2, dtype=torch.float64) / rate
        sine = torch.sin(2 * math.pi * 1000 * time) * torch.hann_window(rate // 2, dtype=torch.float64)
        prepared = Prepared(sine, rate)
        assert prepared.rate == 44_100
        later = torch.arange(prepared.sounds.shape[-1], dtype=torch.float64) / 44_100
        window = 0.5 - 0.5 * torch.cos(2 * math.pi * later / 0.5)
        expected = prepared.gain * torch.sin(2 * math.pi * 1000 * later) * window
        assert float((prepared.sounds[0] - expected).abs().max()) < 2e-3 * float(expected.abs().max())


def test_leading_axes_gain_and_polarity():
    sounds = torch.stack([noise_burst(6000, seed=s) for s in range(6)]).reshape(2, 3, 6000)
    prepared = Prepared(sounds, RATE)
    assert prepared.unflatten(prepared.gain).shape == (2, 3)
    np.testing.assert_allclose(Prepared(-0.01 * sounds, RATE).sounds, -prepared.sounds, atol=1e-12)
    np.testing.assert_allclose(Prepared(sounds.float(), RATE).sounds, prepared.sounds, atol=1e-5)


def test_silence_and_dc_are_finite_with_gradients():
    for value in (0.0, 1e-9, 0.5):
        sounds = torch.full((2, 5000), value, requires_grad=True)
        prepared = Prepared(sounds, RATE)
        (prepared.sounds.sum() + prepared.spectrogram(("high", 20.0), size=2048).sum()).backward()
        assert prepared.sounds.isfinite().all() and sounds.grad.isfinite().all()
    assert float(Prepared(torch.zeros(5000), RATE).sounds.abs().max()) == 0


def test_gradient_reaches_the_waveform():
    sounds = noise_burst(500)[None].requires_grad_()
    for rate in (RATE, 16_000):

        def summary(x: torch.Tensor, rate: int = rate) -> tuple[torch.Tensor, ...]:
            prepared = Prepared(x, rate)
            return prepared.gain, prepared.filtered(("high", 20.0), ("low", 500.0))[:, ::97]

        assert torch.autograd.gradcheck(summary, (sounds,), fast_mode=True)


@pytest.mark.parametrize(
    ("sounds", "rate", "words"),
    [
        (torch.zeros(4410, dtype=torch.int16), RATE, "float32"),
        (np.zeros(4410), RATE, "ndarray"),
        (torch.zeros(100), RATE, "10 ms"),
        (torch.tensor(0.0), RATE, "10 ms"),
        (torch.zeros(0, 4410), RATE, "no sound"),
        (torch.zeros(4410), 8000, "16000"),
        (torch.zeros(4410), 44_100.5, "whole"),
        (torch.full((4410,), math.nan), RATE, "NaN"),
    ],
)
def test_bad_input_is_one_clear_line(sounds, rate, words):
    with pytest.raises(CreativeMLError, match=words) as caught:
        Prepared(sounds, rate)
    assert "\n" not in str(caught.value)
