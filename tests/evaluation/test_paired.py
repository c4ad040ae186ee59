"""Differences between models: as sure as can be, and no surer."""

import numpy as np
import pytest
import torch

from creativeml.evaluation.control import COUNT
from creativeml.evaluation.distances import kernel_distance, kernel_distance_interval, kernel_distance_redrawn
from creativeml.evaluation.manifold import manifold, manifold_redrawn
from creativeml.evaluation.paired import compare, control_error, verdict
from creativeml.evaluation.points import Points, Redrawn


def cloud(count: int, seed: int, shift: float = 0.0, strata: int = 2) -> Points:
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(count, 4, generator=random) + shift
    return Points(values, strata=torch.arange(count) % strata)


def test_redrawn_figures_are_those_of_the_evaluation():
    real, made = cloud(40, 0), cloud(60, 1, 0.5)
    redrawn = kernel_distance_redrawn(real, made, resamples=50, seed=3)
    assert redrawn.value == kernel_distance(real, made)
    assert redrawn.interval == kernel_distance_interval(real, made, resamples=50, seed=3)
    assert len(redrawn.draws) == 50
    both = manifold_redrawn(real, made, resamples=20, seed=3), manifold(real, made, resamples=20, seed=3)
    assert both[0]["density"].interval == both[1]["density"] and both[0]["coverage"].value == both[1]["coverage"].value


def test_the_luck_of_the_recordings_drops_out_of_a_difference():
    """Of two models one is farther off: against few recordings their intervals overlap, but the difference is sure."""
    real = cloud(24, 0)
    near, far = cloud(200, 1, 0.4), cloud(200, 1, 0.8)
    figures = [kernel_distance_redrawn(real, made, resamples=300) for made in (near, far)]
    singles = [figure.interval for figure in figures]
    difference = figures[1].minus(figures[0])
    assert singles[1].low < singles[0].high and difference.low > 0
    assert difference.value == pytest.approx(singles[1].value - singles[0].value)
    assert difference.high - difference.low < 0.8 * max(s.high - s.low for s in singles)


def test_equal_models_differ_by_nothing_in_nineteen_of_twenty_trials():
    """The interval of a difference holds 0 about as often as it says, whatever the recordings."""
    holds = []
    for trial in range(40):
        real = cloud(30, 1000 + trial)
        pair = [kernel_distance_redrawn(real, cloud(60, 2 * trial + n, 0.5), resamples=100) for n in (0, 1)]
        difference = pair[0].minus(pair[1])
        holds.append(difference.low <= 0 <= difference.high)
    assert sum(holds) >= 34


def test_control_error_counts_kinds_alike_and_draws_sources():
    asked = torch.tensor([[50.0, 100.0], [50.0, 100.0], [30.0, 200.0]])
    got = asked[:, None].repeat(1, COUNT, 1)
    got[0, :, 0] += 5.0  # one just-noticeable difference in one of two descriptors
    got[1, 0, 0] -= 10.0  # two, in one of two sounds
    error = control_error(asked, got, ("a", "a", "b"), ("x", "x", "y"), ("brightness", "decay_time_20"))
    assert error.value == pytest.approx(((0.5 + 0.5) / 2 + 0.0) / 2)
    # One source in each kind: drawing it again changes nothing.
    np.testing.assert_allclose(error.draws, error.value)


def redrawn(value: float, spread: float = 0.1) -> Redrawn:
    return Redrawn(value, tuple(value + spread * np.random.default_rng(0).standard_normal(100)))


def independent(value: float, spread: float, seed: int) -> Redrawn:
    return Redrawn(value, tuple(value + spread * np.random.default_rng(seed).standard_normal(100)))


@pytest.mark.parametrize(
    ("own", "unchanged", "direction", "expected"),
    [
        (1.0, (2.0, 2.1), -1, "better"),
        (1.0, (2.0, 2.1), 1, "worse"),
        (3.0, (2.0, 2.1), 1, "better"),
        (2.05, (2.0, 2.1), 1, "same"),  # between them
        (3.0, (2.0, 2.9), 1, "same"),  # beyond both, but by less than they differ
        (4.0, (2.0, 2.9), 1, "better"),
    ],
)
def test_a_change_counts_only_beyond_all_unchanged_runs_and_their_spread(own, unchanged, direction, expected):
    assert compare(redrawn(own), [redrawn(value) for value in unchanged], direction) == expected


def test_a_change_within_its_interval_does_not_count():
    bases = [independent(2.0, 1.0, 1), independent(2.01, 1.0, 2)]
    assert compare(independent(1.0, 1.0, 3), bases, -1) == "same"
    assert compare(independent(-8.0, 1.0, 3), bases, -1) == "better"
    with pytest.raises(ValueError, match="cannot be paired"):
        redrawn(1.0).minus(Redrawn(1.0, (1.0,)))


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (("same", "same"), "no difference"),
        (("better", "same"), "helps"),
        (("worse", "same", "worse"), "harms"),
        (("better", "worse"), "mixed"),
    ],
)
def test_the_word_for_all_figures(found, word):
    assert verdict(dict(enumerate(found))) == word
