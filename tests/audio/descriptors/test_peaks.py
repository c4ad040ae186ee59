"""The peak picker on curves whose peaks are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from creativeml.audio.descriptors.peaks import find_peaks, prominent

AXIS = np.arange(200) * 10.0


def hills(*places_heights: tuple[float, float], width: float = 4.0) -> np.ndarray:
    return sum(height * np.exp(-(((np.arange(200) - place) / width) ** 2)) for place, height in places_heights)


def test_peaks_come_from_high_to_low_and_between_bins():
    frequencies, heights = find_peaks(hills((40.3, 0.5), (100, 1.0), (160.7, 0.2)), AXIS, 0.1)
    np.testing.assert_allclose(frequencies, [1000, 403, 1607], atol=0.5)
    np.testing.assert_allclose(heights, [1.0, 0.5, 0.2], atol=1e-3)


def test_low_peaks_and_shallow_notches_do_not_count():
    assert prominent(hills((40, 0.09), (100, 1.0)), 0.1).tolist() == [100]
    # Two hills that run into each other: the notch between them is 0.07 deep at this distance, 0.3 at that.
    assert prominent(hills((96, 1.0), (103, 0.95)), 0.1).tolist() == [96]
    assert len(prominent(hills((96, 1.0), (105, 0.95)), 0.1)) == 2


def test_curves_end_at_walls():
    falling = np.linspace(1, 0, 50)
    assert prominent(falling, 0.1).tolist() == [0]
    assert prominent(falling[::-1], 0.1).tolist() == [49]
    frequencies, heights = find_peaks(falling, AXIS[:50], 0.1)
    assert (frequencies.tolist(), heights.tolist()) == ([0.0], [1.0])


def test_nothing_in_nothing():
    assert len(prominent(np.zeros(50), 0.01)) == 0
    assert [len(part) for part in find_peaks(np.zeros(50), AXIS[:50], 0.01)] == [0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_smooth_random_curves_against_prominence(seed):
    # On curves without notches of a single bin, the picker's rule is that of topographic prominence.
    curve = np.random.default_rng(seed).random(400)
    curve = signal.resample(curve, 4000)[200:-200]
    curve = np.maximum(curve, 0)
    expected, _ = signal.find_peaks(np.concatenate([[-2], curve, [-2]]), height=0.3, prominence=0.3)
    assert prominent(curve, 0.3).tolist() == (expected - 1).tolist()


def test_heights_in_other_units():
    values = hills((100.0, 1.0))
    _, heights = find_peaks(values, AXIS, 0.1, levels=7 * values)
    assert heights == pytest.approx([7.0], abs=1e-3)
