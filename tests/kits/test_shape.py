"""Shaping: against formulas that are written out anew here, and what can be heard of it."""

import math

import numpy as np
import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.kits.shape import audible_samples, shaped

RATE = 44100


def test_nothing_asked_changes_no_bit(drums):
    sound = drums.sound("snare", 3)
    assert torch.equal(shaped(sound, RATE), sound)


@pytest.mark.parametrize("semitones", [-24, -7.5, -1, 3, 12, 24])
def test_tuning_moves_a_tone_and_its_length_by_the_interval(semitones):
    times = torch.arange(RATE) / RATE
    tone = 0.5 * torch.sin(2 * math.pi * 441 * times)
    tuned = shaped(tone, RATE, tune_semitones=semitones).numpy()
    factor = 2 ** (semitones / 12)
    assert len(tuned) == pytest.approx(RATE / factor, abs=2)
    middle = tuned[len(tuned) // 4 : 3 * len(tuned) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 20))
    heard = np.argmax(spectrum) * RATE / (1 << 20)
    assert 1200 * abs(math.log2(heard / (441 * factor))) < 2
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01) and tuned[-1] == 0


def test_decay_is_the_formula_that_is_documented(drums):
    sound = drums.sound("ride", 5)
    level = sound.abs()
    lasts = int(torch.nonzero(level > level.max() / 1000)[-1]) + 1
    assert audible_samples(sound) == lasts
    shorter = shaped(sound, RATE, decay=0.4)
    n = np.arange(min(len(shorter) - 88, len(sound)))
    expected = sound.numpy()[: len(n)].astype(np.float64) * 10 ** (-3 * (1 / 0.4 - 1) * n / lasts)
    assert np.abs(shorter.numpy()[: len(n)] - expected).max() < 1e-6
    assert shorter[-1] == 0
    assert 0 < len(shaped(sound, RATE, decay=0.0)) < 0.05 * lasts
    # Nearly all of it is nearly the same.
    almost = shaped(sound, RATE, decay=0.999)[: lasts - 100]
    assert float((almost - sound[: len(almost)]).abs().max()) < 0.01
    # What falls evenly lasts as long as is said.
    even = torch.from_numpy(10 ** (-3 * np.arange(RATE) / (0.8 * RATE))).float()
    assert audible_samples(shaped(even, RATE, decay=0.5)) == pytest.approx(0.4 * RATE, rel=0.01)


def test_the_low_pass_is_two_of_the_first_order():
    """Against the difference equation, sample by sample."""
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal(3000)
    pole = math.exp(-2 * math.pi * 1500 / RATE)
    once, twice = [0.0], [0.0]
    for x in noise:
        once.append(once[-1] + (1 - pole) * (x - once[-1]))
        twice.append(twice[-1] + (1 - pole) * (once[-1] - twice[-1]))
    got = shaped(torch.from_numpy(noise), RATE, cutoff_hz=1500.0).numpy()
    assert np.abs(got - np.array(twice[1:])).max() < 1e-6


def test_silence_and_single_samples_are_shaped_too():
    for sound in (torch.zeros(1000), torch.ones(1), torch.zeros(1)):
        out = shaped(sound, RATE, tune_semitones=5, decay=0.3, cutoff_hz=500)
        assert torch.isfinite(out).all()
    loud = shaped(torch.ones(2000), RATE, tune_semitones=1)
    assert loud.abs().max() <= 1
    with pytest.raises(CreativeMLError, match="no numbers"):
        shaped(torch.tensor([0.0, math.nan]), RATE, decay=0.5)
