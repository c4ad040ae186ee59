"""Copies are found however they were treated; different sounds and different kinds are left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.near_duplicates import LONG_S, SHORT_S, THRESHOLD, WindowSpectra, find_duplicates

RATE, LENGTH = 22_050, 32_768


def hit(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(LENGTH) / RATE
    tone = np.sin(2 * np.pi * rng.uniform(60, 300) * time) * np.exp(-time / rng.uniform(0.03, 0.3))
    return tone + 0.4 * rng.standard_normal(LENGTH) * np.exp(-time / rng.uniform(0.02, 0.2))


def search(sounds: list[np.ndarray], classes: list[str] | None = None) -> dict[int, int]:
    order = range(len(sounds))
    return find_duplicates(lambda i: sounds[i], classes or ["kick"] * len(sounds), order, RATE, LENGTH)


def test_copies_scaled_shifted_inverted_coarsened_and_cut_are_found():
    original = hit(0)
    shifted = np.concatenate([np.zeros(100), original])[:LENGTH]
    coarse = np.round(original * 127) / 127
    faded = original * np.concatenate([np.ones(LENGTH // 2), np.linspace(1, 0, LENGTH // 2)])
    sounds = [original, hit(1), 0.1 * original, shifted, -original, coarse, faded, hit(2)]
    assert search(sounds) == {2: 0, 3: 0, 4: 0, 5: 0, 6: 0}


def test_the_same_beginning_with_another_tail_is_another_sound():
    first, tail = hit(0), hit(1)
    late = round(0.3 * RATE)
    other = np.concatenate([first[:late], 3 * tail[late:]])
    assert search([first, other]) == {}


def test_kinds_are_not_compared():
    assert search([hit(0), hit(0)], ["kick", "tom"]) == {}


def test_the_first_in_order_is_kept():
    sounds = [hit(0), 0.5 * hit(0), hit(3)]
    assert find_duplicates(lambda i: sounds[i], ["a"] * 3, [1, 2, 0], RATE, LENGTH) == {0: 1}


def test_many_pairs_give_what_comparing_each_gives():
    rng = np.random.default_rng(7)
    sounds = [hit(seed % 9) + rng.uniform(0, 0.06) * rng.standard_normal(LENGTH) for seed in range(40)]
    expected: dict[int, int] = {}
    windows = [WindowSpectra(1, LENGTH, s, RATE) for s in (SHORT_S, LONG_S)]
    for later in range(len(sounds)):
        for earlier in range(later):
            pair = sounds[later], sounds[earlier]
            same = all(w.correlation(w.spectrum(pair[0]), w.spectrum(pair[1])) > THRESHOLD for w in windows)
            if same and earlier not in expected and later not in expected:
                expected[later] = earlier
    assert search(sounds) == expected and len(expected) > 5


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.integers(0, 200))
def test_the_cheap_bound_is_never_below_the_correlation(first, second, blend, shift):
    one = hit(first)
    other = np.roll(blend * one + (1 - blend) * hit(second), shift)
    window = WindowSpectra(2, LENGTH, SHORT_S, RATE)
    window.add(0, one)
    window.add(1, other)
    bound = float(window.bands[0] @ window.bands[1])
    assert window.correlation(window.spectrum(one), window.spectrum(other)) <= bound + 1e-5
