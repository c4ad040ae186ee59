"""Onsets of loops whose hits lie where they were put."""

from __future__ import annotations

import numpy as np
import pytest

from creativeml.audio.onsets import find_onsets, onset_strength
from creativeml.data.starter import starter_files


def loop(rate: int, times: list[float], seed: int) -> np.ndarray:
    """Recordings of the starter pack, another kind for each third hit."""
    random = np.random.default_rng(seed)
    sound = np.zeros(round((times[-1] + 0.6) * rate))
    files = {kind: [f for f in starter_files() if f.kind == kind] for kind in ("kick", "snare", "hat_closed")}
    for number, time in enumerate(times):
        kind = ("kick", "hat_closed", "snare")[number % 3]
        hit = files[kind][int(random.integers(len(files[kind])))].mono(rate)[: rate // 4]
        hit = hit * np.linspace(1, 0, len(hit)) / np.abs(hit).max()
        first = round(time * rate)
        sound[first : first + len(hit)] += hit[: len(sound) - first] * random.uniform(0.4, 1.0)
    return sound


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000, 96000])
def test_hits_are_found_where_they_were_put(rate):
    times = [0.0, 0.25, 0.5, 0.61, 0.9, 1.2, 1.45, 1.6]
    found = find_onsets(loop(rate, times, seed=rate), rate)
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.02


def test_nothing_is_found_in_silence_and_one_in_one_hit():
    assert len(find_onsets(np.zeros(22050), 22050)) == 0
    assert len(find_onsets(np.zeros(0), 22050)) == 0
    sound = np.concatenate([np.zeros(8000), loop(22050, [0.0], seed=1)])
    assert find_onsets(sound, 22050) == pytest.approx([8000 / 22050], abs=0.015)
    assert onset_strength(sound, 22050)[:50].max() < 1e-3


def test_level_does_not_matter():
    sound = loop(22050, [0.1, 0.4, 0.7], seed=2)
    assert np.array_equal(find_onsets(sound, 22050), find_onsets(1e-3 * sound, 22050))


def test_a_minute_has_the_onsets_of_its_parts():
    """It is looked at in blocks; a hit at their edges is neither lost nor found twice."""
    times = [0.0, 0.25, 0.5, 0.75]
    bar = np.resize(loop(16000, times, seed=3)[:16000], 16000)
    found = find_onsets(np.tile(bar, 61), 16000)
    assert len(found) == 4 * 61
    assert np.abs(found - (np.arange(61)[:, None] + times).ravel()).max() < 0.02
