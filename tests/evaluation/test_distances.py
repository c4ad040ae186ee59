"""Distances between sets, against closed forms, naive loops and repeated draws."""

import math

import pytest
import torch

from creativeml.evaluation.distances import (
    frechet_distance,
    frechet_infinity,
    frechet_infinity_interval,
    kernel_distance,
    kernel_distance_interval,
    median_distance,
)
from creativeml.evaluation.points import Points, halves


def normal(count, dimensions, seed, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=generator, dtype=torch.float64) * scale + shift


def naive_mmd(x, y, bandwidth):
    def k(a, b):
        return math.exp(-float((a - b).square().sum()) / (2 * bandwidth**2))

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(k(x[i], y[j]) for i in range(n) for j in range(m)) / (n * m)
    return 100 * (xx + yy - 2 * xy)


def test_kernel_distance_is_the_naive_double_loop():
    x, y = normal(9, 3, 0), normal(12, 3, 1, shift=0.7)
    scaled_x, scaled_y = (x - x.mean(0)) / x.std(0), (y - x.mean(0)) / x.std(0)
    distances = sorted(float((scaled_x[i] - scaled_x[j]).norm()) for i in range(9) for j in range(i))
    bandwidth = distances[(len(distances) - 1) // 2]
    assert kernel_distance(x, y) == pytest.approx(naive_mmd(scaled_x, scaled_y, bandwidth), rel=1e-9)
    assert kernel_distance(x, y, bandwidth=2.0, z_score=False) == pytest.approx(naive_mmd(x, y, 2.0), rel=1e-9)


def test_bandwidth_comes_from_the_reference_only():
    x = normal(40, 4, 0)
    assert median_distance(x) == pytest.approx(float(torch.pdist(x).median()))
    near, far = normal(40, 4, 1, shift=1.0), normal(40, 4, 1, shift=50.0)
    assert kernel_distance(x, near) < kernel_distance(x, far) <= 200  # a far set cannot widen its own ruler


def test_kernel_distance_is_unbiased_with_unequal_strata():
    """Two strata far apart, of other sizes in the two sets: equal shares and no bias."""
    values = []
    for seed in range(150):
        x = torch.cat([normal(4, 2, seed), normal(20, 2, seed + 1000, shift=6.0)])
        y = torch.cat([normal(16, 2, seed + 2000), normal(7, 2, seed + 3000, shift=6.0)])
        strata = [torch.tensor([0] * a + [1] * b) for a, b in ((4, 20), (16, 7))]
        values.append(kernel_distance(Points(x, strata[0]), Points(y, strata[1]), bandwidth=3.0, z_score=False))
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / math.sqrt(len(values))
    assert abs(mean) < 3 * error
    assert error < 0.5


def test_takes_of_one_drum_do_not_shorten_the_distance_to_themselves():
    """Groups of near-identical takes: with groups named the distance to independent sounds stays around 0."""
    named, ignored = [], []
    for seed in range(60):
        drums = normal(10, 2, seed)
        x = drums.repeat_interleave(4, 0) + 0.01 * normal(40, 2, seed + 500)
        y = normal(40, 2, seed + 1000)
        groups = torch.arange(10).repeat_interleave(4)
        named.append(kernel_distance(Points(x, groups=groups), y, bandwidth=1.0, z_score=False))
        ignored.append(kernel_distance(x, y, bandwidth=1.0, z_score=False))
    error = torch.tensor(named).std() / math.sqrt(60)
    assert abs(torch.tensor(named).mean()) < 3 * error
    assert torch.tensor(ignored).mean() > 6 * error


def test_intervals_cover_the_truth_and_shrink():
    far = kernel_distance_interval(normal(60, 3, 0), normal(60, 3, 1, shift=1.0), resamples=100)
    assert far.low < far.value < far.high
    assert far.low > 0
    wide = kernel_distance_interval(normal(15, 3, 0), normal(15, 3, 1, shift=1.0), resamples=100)
    assert wide.high - wide.low > far.high - far.low
    inside = 0
    for seed in range(20):
        same = kernel_distance_interval(normal(40, 3, seed), normal(40, 3, seed + 100), resamples=60)
        inside += same.low <= 0 <= same.high
    assert inside >= 16


def test_frechet_distance_of_gaussians_is_the_closed_form():
    dimensions = 4
    covariance_a = torch.diag(torch.tensor([1.0, 2.0, 0.5, 1.5])).double()
    turn = torch.linalg.qr(normal(4, 4, 3)).Q
    covariance_b = turn @ torch.diag(torch.tensor([0.3, 1.0, 2.5, 1.2])).double() @ turn.T
    shift = torch.tensor([0.5, -1.0, 0.2, 0.0]).double()
    root = torch.linalg.eigvals(covariance_a @ covariance_b).real.clamp_min(0).sqrt().sum()
    truth = float(shift.square().sum() + covariance_a.trace() + covariance_b.trace() - 2 * root)

    def exact(covariance, mean, seed):
        values = normal(50, dimensions, seed)
        values = values - values.mean(0)
        white = values @ torch.linalg.inv(torch.linalg.cholesky(values.T @ values / 49)).T
        return white @ torch.linalg.cholesky(covariance).T + mean

    measured = frechet_distance(exact(covariance_a, 0, 0), exact(covariance_b, shift, 1))
    assert measured == pytest.approx(truth, rel=1e-6)


def test_frechet_distance_of_a_set_to_itself_and_with_singular_covariances():
    x = normal(12, 30, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x, x + 1.0) == pytest.approx(30, rel=1e-6)


def test_extrapolation_takes_the_sample_bias_away():
    plain, extrapolated = [], []
    for seed in range(12):
        x, y = normal(80, 8, seed), normal(60, 8, seed + 100)
        plain.append(frechet_distance(x, y))
        extrapolated.append(frechet_infinity(x, y, dimensions=8, seed=seed))
    assert torch.tensor(plain).mean() > 0.3
    assert abs(torch.tensor(extrapolated).mean()) < 0.08
    shifted = [frechet_infinity(normal(80, 8, s), normal(60, 8, s + 100, shift=0.5), dimensions=8) for s in range(8)]
    assert torch.tensor(shifted).mean() == pytest.approx(8 * 0.25, rel=0.15)


def test_frechet_interval():
    near = frechet_infinity_interval(normal(80, 6, 0), normal(80, 6, 1), dimensions=6, resamples=40)
    assert near.low < 0.1 and near.low < near.high
    far = frechet_infinity_interval(normal(80, 6, 0), normal(80, 6, 1, shift=1.0), dimensions=6, resamples=40)
    assert far.low > near.high


def test_same_seed_same_interval():
    x, y = normal(20, 3, 0), normal(20, 3, 1)
    assert kernel_distance_interval(x, y, resamples=20) == kernel_distance_interval(x, y, resamples=20)
    assert frechet_infinity_interval(x, y, resamples=5) == frechet_infinity_interval(x, y, resamples=5)


def test_constant_dimensions_and_bad_sets():
    x = torch.cat([normal(10, 2, 0), torch.ones(10, 1).double()], 1)
    assert math.isfinite(kernel_distance(x, x + 0.1))
    with pytest.raises(ValueError, match="at least two"):
        kernel_distance(x[:1], x)
    with pytest.raises(ValueError, match="different strata"):
        kernel_distance(Points(x, torch.zeros(10)), Points(x, torch.arange(10) % 2))
    with pytest.raises(ValueError, match="dimensions"):
        Points(x[0])


@pytest.mark.parametrize(("shift", "bandwidth"), [(0.5, 2.0), (1.0, 1.0), (2.0, 3.0)])
def test_kernel_distance_of_shifted_gaussians_is_the_closed_form(shift, bandwidth):
    """For x, y normal with unit covariance, x - y has covariance 2, and E exp(-|x - y|^2 / 2 s^2) follows."""
    dimensions, square = 3, bandwidth**2
    near = (square / (square + 2)) ** (dimensions / 2)
    truth = 200 * near * (1 - math.exp(-dimensions * shift**2 / (2 * (square + 2))))
    found = torch.tensor(
        [
            kernel_distance(normal(150, 3, s), normal(150, 3, s + 99, shift=shift), bandwidth=bandwidth, z_score=False)
            for s in range(30)
        ]
    )
    assert abs(float(found.mean()) - truth) < 3 * float(found.std()) / math.sqrt(30)
    assert float(found.std()) / math.sqrt(30) < 0.1 * truth


def test_a_set_is_at_no_distance_from_itself_and_two_halves_of_one_agree():
    """The unbiased estimate of a set against itself lies a little below 0, far inside what halves of it differ by."""
    x = normal(120, 6, 0)
    kernel, frechet = kernel_distance_interval(x, x), frechet_infinity_interval(x, x, dimensions=6)
    assert kernel.low <= 0 <= kernel.high and abs(kernel.value) < 1
    assert frechet.low <= 0 <= frechet.high and abs(frechet.value) < 0.25
    other = normal(120, 6, 1, shift=0.7)
    for mask, rest in halves(Points(x), 4, 0):
        pair = [kernel_distance_interval(x[part], other) for part in (mask, rest)]
        assert max(i.low for i in pair) <= min(i.high for i in pair)


def test_many_weights_at_once_are_the_distances_one_by_one():
    """`frechet_infinity` takes all thinned sets at once; without thinning it is `frechet_distance`, weighted."""
    x, y = normal(60, 5, 0), normal(40, 5, 1, shift=0.4)
    strata = [torch.arange(n) % 2 for n in (60, 40)]
    sets = (Points(x, strata[0]), Points(y, strata[1]))
    plain = frechet_distance(*sets)
    fractions = torch.tensor([1.0, 0.75, 0.5])
    found = frechet_infinity(*sets, dimensions=5, axes=torch.eye(5), z_score=False, repeats=400)
    # The same extrapolation with loops over sets thinned by hand.
    generator = torch.Generator().manual_seed(0)
    levels = [plain]
    for fraction in fractions[1:].tolist():
        values = []
        for _ in range(400):
            chosen = []
            for points in sets:
                parts = []
                for stratum in (0, 1):
                    own = torch.nonzero(points.strata == stratum).flatten()
                    order = torch.randperm(len(own), generator=generator)
                    parts.append(own[order[: max(2, round(fraction * len(own)))]])
                chosen.append(points.select(torch.cat(parts)))
            values.append(frechet_distance(*chosen))
        levels.append(sum(values) / len(values))
    design = torch.stack([torch.ones(3), 1 / fractions], 1).double()
    expected = torch.linalg.lstsq(design, torch.tensor(levels).double()[:, None]).solution[0]
    assert found == pytest.approx(float(expected), abs=0.05)


def test_halves_share_no_group_and_give_every_point_its_turn():
    points = Points(normal(30, 2, 0), torch.arange(30) % 2, torch.arange(30) // 5)
    divisions = halves(points, 40, seed=1)
    for first, second in divisions:
        assert bool((first ^ second).all())
        for stratum in (0, 1):
            own = points.strata == stratum
            assert not set(points.groups[first & own].tolist()) & set(points.groups[second & own].tolist())
            assert len(points.groups[first & own].unique()) == 3
    assert bool((torch.stack([first for first, _ in divisions]).double().mean(0) > 0.2).all())
    with pytest.raises(ValueError, match="two groups"):
        halves(Points(normal(4, 2, 0), groups=torch.zeros(4)), 1, 0)


@pytest.mark.parametrize("per_kind", [2, 3, 6])
def test_extrapolation_holds_where_kinds_have_too_few_groups_to_be_thinned(per_kind):
    """Eight kinds of the same distribution in both sets: the distance is 0, however few sounds the one set has."""
    middle = 1.5 * torch.randn(8, 8, generator=torch.Generator().manual_seed(99)).double()
    found, plain = [], []
    for seed in range(24):
        generator = torch.Generator().manual_seed(seed)
        sets = [
            Points(
                torch.cat([m + torch.randn(n, 8, generator=generator).double() for m in middle]),
                strata=torch.arange(8).repeat_interleave(n),
            )
            for n in (per_kind, 60)
        ]
        options = {"axes": torch.eye(8).double(), "dimensions": 8, "z_score": False}
        found.append(frechet_infinity(*sets, **options))
        plain.append(frechet_distance(*sets))
    mean, biased = sum(found) / 24, sum(plain) / 24
    assert biased > 0.3
    assert abs(mean) < 0.3 * biased
