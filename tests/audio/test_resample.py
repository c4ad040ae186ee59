"""Rate conversion against sines that can be computed at both rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.audio.resample import resample


def swell(rate: int, frequency: float, seconds: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * frequency * time) * np.sin(np.pi * time / seconds) ** 2


@pytest.mark.parametrize(
    "rates", [(48_000, 44_100), (96_000, 44_100), (11_025, 44_100), (44_101, 44_100), (8_000, 48_000)]
)
def test_sines_keep_their_pitch_level_and_time(rates):
    for part in (0.05, 0.2, 0.45):
        frequency = part * min(rates)
        result, expected = resample(swell(rates[0], frequency), *rates), swell(rates[1], frequency)
        count = min(len(result), len(expected))
        assert len(result) == -(-round(0.3 * rates[0]) * rates[1] // rates[0])
        assert np.abs(result[:count] - expected[:count]).max() < 1e-3


def test_what_the_lower_rate_cannot_hold_is_gone():
    assert np.abs(resample(swell(96_000, 30_000), 96_000, 44_100)).max() < 1e-3


def test_the_end_does_not_leak_into_the_beginning():
    sound = np.zeros(4800)
    sound[-1] = 1
    assert np.abs(resample(sound, 48_000, 44_100)[:1000]).max() < 1e-3


@settings(max_examples=30, deadline=None, derandomize=True)
@given(count=st.integers(1, 3000), rates=st.tuples(st.integers(2000, 50_000), st.integers(8000, 50_000)))
def test_any_length_and_any_rates(count, rates):
    result = resample(np.ones(count), *rates)
    assert len(result) == -(-count * rates[1] // rates[0]) and np.isfinite(result).all()
    assert np.abs(result).max() < 1.5


def test_equal_rates_change_nothing():
    sound = np.random.default_rng(0).standard_normal(100)
    assert np.array_equal(resample(sound, 44_100, 44_100), sound)
