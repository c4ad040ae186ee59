"""Precision, recall, density, coverage and variety, against loops, closed forms and known collapse."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from creativeml.evaluation.manifold import FIGURES, equal_sizes, manifold, variety
from creativeml.evaluation.points import Points


def normal(count, dimensions, seed, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64) * scale + shift


def by_definition(real, made, k):
    """The four figures as the papers define them, with scikit-learn's neighbours."""
    real, made = real.numpy(), made.numpy()
    radius = [NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k] for x in (real, made)]
    distance = np.linalg.norm(real[:, None] - made[None], axis=-1)
    precision = np.mean([any(distance[i, j] <= radius[0][i] for i in range(len(real))) for j in range(len(made))])
    recall = np.mean([any(distance[i, j] <= radius[1][j] for j in range(len(made))) for i in range(len(real))])
    density = np.mean([sum(distance[i, j] <= radius[0][i] for i in range(len(real))) / k for j in range(len(made))])
    coverage = np.mean([distance[i].min() <= radius[0][i] for i in range(len(real))])
    return dict(zip(FIGURES, (precision, recall, density, coverage), strict=True))


@pytest.mark.parametrize(("neighbours", "shift"), [(3, 0.0), (3, 1.2), (5, 0.6)])
def test_figures_are_those_of_the_papers(neighbours, shift):
    x, y = normal(40, 3, 0), normal(40, 3, 1, shift=shift)
    found = manifold(x, y, neighbours=neighbours, z_score=False, resamples=0)
    expected = by_definition(x, y, neighbours)
    assert {name: figure.value for name, figure in found.items()} == pytest.approx(expected, abs=1e-9)


def test_strata_are_described_by_themselves_and_count_in_equal_shares():
    x, y = (torch.cat([normal(12, 2, s), normal(30, 2, s + 10, shift=0.5)]) for s in (0, 1))
    strata = torch.tensor([0] * 12 + [1] * 30)
    found = manifold(Points(x, strata), Points(y, strata), z_score=False, resamples=0)
    single = [by_definition(x[strata == s], y[strata == s], 3) for s in (0, 1)]
    for name in FIGURES:
        assert found[name].value == pytest.approx((single[0][name] + single[1][name]) / 2, abs=1e-9)


def test_two_sets_of_one_distribution_give_the_closed_forms():
    """Density 1 and coverage 1 - prod (n - i) / (2n - i), i = 1..k (Naeem et al. 2020, lemmas 1 and 2)."""
    k, n = 3, 20
    found = [manifold(normal(n, 4, s), normal(n, 4, s + 500), z_score=False, resamples=0) for s in range(120)]
    density, coverage = (torch.tensor([f[name].value for f in found]) for name in ("density", "coverage"))
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert abs(density.mean() - 1) < 3 * density.std() / math.sqrt(120)
    assert abs(coverage.mean() - expected) < 3 * coverage.std() / math.sqrt(120)


def test_sets_of_other_sizes_and_takes_of_one_drum_change_nothing_on_average():
    plain, uneven = [], []
    for seed in range(30):
        drums = normal(20, 3, seed)
        plain.append(manifold(drums, normal(20, 3, seed + 100), z_score=False, resamples=0))
        takes = drums.repeat_interleave(4, 0) + 1e-3 * normal(80, 3, seed + 200)
        recorded = Points(takes, groups=torch.arange(20).repeat_interleave(4))
        many = Points(normal(300, 3, seed + 100))
        assert equal_sizes(recorded, many) == [20]
        uneven.append(manifold(recorded, many, z_score=False, resamples=0))
    for name in FIGURES:
        difference = torch.tensor([a[name].value - b[name].value for a, b in zip(plain, uneven, strict=True)])
        assert abs(difference.mean()) < 3 * difference.std() / math.sqrt(30) + 0.01


def test_collapse_and_nonsense_are_told_apart():
    x = normal(100, 4, 0)
    collapsed = normal(5, 4, 1).repeat(20, 1)
    found = manifold(x, collapsed, resamples=20)
    assert found["recall"].value < 0.2 and found["coverage"].value < 0.5 and found["precision"].value > 0.6
    far = manifold(x, normal(100, 4, 2, shift=30.0), resamples=20)
    assert all(figure.value == 0 for figure in far.values())


def test_intervals_hold_and_shrink():
    def width(n):
        found = manifold(normal(n, 3, 0), normal(n, 3, 1, shift=0.8), resamples=60)
        for name, figure in found.items():
            assert figure.low <= figure.value <= figure.high
            assert name == "density" or 0 <= figure.low <= figure.high <= 1
        return found["coverage"].high - found["coverage"].low

    assert width(200) < width(30)
    inside = 0
    for seed in range(20):
        figure = manifold(normal(60, 3, seed + 300), normal(60, 3, seed + 600), resamples=60)["density"]
        inside += figure.low <= 1 <= figure.high
    assert inside >= 16


def test_variety_hears_a_collapse_that_the_mean_distance_hides():
    x = normal(80, 6, 0)
    same = variety(x, normal(80, 6, 1), resamples=20)
    assert same["spread"].low < 1 < same["spread"].high and same["nearest"].value == pytest.approx(1, abs=0.15)
    ten = variety(x, normal(10, 6, 2).repeat(8, 1), resamples=0)
    assert ten["spread"].value > 0.75 and ten["nearest"].value < 0.02
    half = variety(x, normal(80, 6, 3, scale=0.5), z_score=False, resamples=0)
    assert half["spread"].value == pytest.approx(0.5, rel=0.1) and half["nearest"].value == pytest.approx(0.5, rel=0.15)


def test_a_seed_fixes_the_figures_and_bad_sets_are_refused():
    x, y = normal(20, 2, 0), normal(50, 2, 1)
    assert manifold(x, y, resamples=5, seed=3) == manifold(x, y, resamples=5, seed=3)
    with pytest.raises(ValueError, match="different strata"):
        manifold(Points(x, torch.zeros(20)), Points(y, torch.ones(50)))
    lonely = Points(x, torch.zeros(20), torch.zeros(20))
    assert all(math.isnan(figure.value) for figure in manifold(lonely, Points(y), resamples=0).values())
