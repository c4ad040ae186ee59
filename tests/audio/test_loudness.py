"""Loudness against the values that the standard itself states."""

from __future__ import annotations

import math

import numpy as np
import pytest

from creativeml.audio.loudness import integrated_loudness, k_filters


def tone(rate: int, seconds: float, level: float = 1.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * 997 * np.arange(round(seconds * rate)) / rate)


def test_the_filters_are_those_of_the_standards_table():
    (shelf, shelf_below), (high, high_below) = k_filters(48_000)
    assert shelf == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-8)
    assert shelf_below == pytest.approx([1, -1.69065929318241, 0.73248077421585], abs=1e-8)
    assert high == pytest.approx([1, -2, 1]) and high_below == pytest.approx([1, -1.99004745483398, 0.99007225036621])


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_a_full_scale_sine_of_997_hz_has_minus_3_01(rate):
    assert integrated_loudness(tone(rate, 3), rate) == pytest.approx(-3.01, abs=0.04)
    assert integrated_loudness(tone(rate, 3, 0.1), rate) == pytest.approx(-23.01, abs=0.04)


def test_the_filters_equal_the_recursive_ones_of_the_standard():
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(4000)
    from creativeml.audio.loudness import k_weighted

    expected = sound
    for numerator, denominator in k_filters(44_100):
        result = np.zeros(len(expected))
        for n in range(len(expected)):
            result[n] = sum(numerator[k] * expected[n - k] for k in range(3) if n >= k)
            result[n] -= sum(denominator[k] * result[n - k] for k in (1, 2) if n >= k)
        expected = result
    assert np.abs(k_weighted(sound, 44_100) - expected).max() < 1e-9


def test_silence_between_is_gated_away():
    sound = np.concatenate([tone(48_000, 2), np.zeros(96_000)])
    assert integrated_loudness(sound, 48_000) == pytest.approx(-3.01, abs=0.6)
    quiet = np.concatenate([tone(48_000, 2), tone(48_000, 8, 0.001)])
    assert integrated_loudness(quiet, 48_000) == pytest.approx(-3.01, abs=0.6)


def test_a_short_sound_counts_as_one_block_with_silence():
    whole, half = (
        integrated_loudness(tone(48_000, 0.4), 48_000),
        integrated_loudness(tone(48_000, 0.2), 48_000),
    )
    assert whole == pytest.approx(-3.01, abs=0.05) and half == pytest.approx(whole - 3.01, abs=0.05)


def test_silence_is_minus_infinity():
    assert integrated_loudness(np.zeros(100), 44_100) == -math.inf
