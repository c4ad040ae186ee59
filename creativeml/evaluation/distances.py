"""Distances between two sets of points: kernel distance (KAD), and Fréchet distance without sample bias.

Both are taken after each dimension has been z-scored by the reference set, so that no dimension rules by its
unit. A set may be split into strata (kinds of drum), which then count in equal shares however many sounds
each has, and into groups (takes of one drum), which are what is independent: intervals resample groups, not
sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from creativeml.evaluation.points import (
    Draw,
    Interval,
    Points,
    Redrawn,
    Units,
    equal_shares,
    interval_around,
    shared_strata,
    standardise,
    to_points,
)

KAD_SCALE = 100.0
RESAMPLES = 200
FRACTIONS = (1.0, 0.75, 0.5)
REPEATS = 12
AXES, POINTS_PER_AXIS = 16, 8


def _prepared(reference: Points | Tensor, evaluated: Points | Tensor, z_score: bool) -> tuple[Points, Points]:
    sets = (to_points(reference), to_points(evaluated))
    return standardise(*sets) if z_score else sets


def median_distance(values: Tensor) -> float:
    """Median Euclidean distance over all pairs of different points (n, dimensions)."""
    if len(values) < 2:
        raise ValueError("a median distance needs at least two points")
    return float(torch.pdist(values.double()).median())


# --- kernel distance


class _KernelSums:
    """Gaussian kernel between two sets, and its mean per pair of strata under any weights of the points."""

    def __init__(self, reference: Points, evaluated: Points, bandwidth: float | None) -> None:
        self.sets = (reference, evaluated)
        self.bandwidth = median_distance(reference.values) if bandwidth is None else bandwidth
        self.strata = shared_strata(reference, evaluated)
        self.members = [[torch.nonzero(p.strata == s).flatten() for s in self.strata] for p in self.sets]
        self.blocks = {pair: self._block(*pair) for pair in ((0, 0), (1, 1), (0, 1))}
        self.plain = {
            pair: self._means(pair, [torch.ones(1, len(p)).double() for p in self.sets]) for pair in self.blocks
        }

    def _block(self, a: int, b: int) -> tuple[Tensor, Tensor]:
        first, second = self.sets[a], self.sets[b]
        squares = torch.cdist(first.values, second.values).square()
        kernel = torch.exp(-squares / (2 * self.bandwidth**2 + 1e-300))
        allowed = torch.ones_like(kernel)
        if a == b:
            # Unbiased: a point is never compared with itself, nor with another take of the same drum.
            allowed = (first.groups[:, None] != first.groups[None]).double()
            for inside in self.members[a]:
                if len(first.groups[inside].unique()) < 2:  # only takes of one drum: better them than nothing
                    allowed[inside[:, None], inside[None]] = 1
            allowed.fill_diagonal_(0)
        return kernel * allowed, allowed

    def _means(self, pair: tuple[int, int], weights: list[Tensor]) -> Tensor:
        """Mean kernel of each pair of strata (draws, strata, strata); NaN where a draw left no pair of points."""
        sums = []
        for matrix in self.blocks[pair]:
            rows = [weights[pair[0]][:, own] @ matrix[own] * weights[pair[1]] for own in self.members[pair[0]]]
            sums.append(torch.stack([torch.stack([r[:, o].sum(1) for o in self.members[pair[1]]], 1) for r in rows], 1))
        return sums[0] / sums[1]

    def distances(self, weights: list[Tensor]) -> Tensor:
        """Squared maximum mean discrepancy of each draw (draws,), with point i counted weights[set][draw, i] times."""
        terms = []
        for pair, plain in self.plain.items():
            means = self._means(pair, weights)
            # Where a resample leaves one drum in a stratum no pair is left: the plain mean stands in.
            terms.append(torch.where(means.isnan(), plain, means).mean((1, 2)))
        return KAD_SCALE * (terms[0] + terms[1] - 2 * terms[2])

    def distance(self) -> float:
        """With every point counted once."""
        return float(self.distances([torch.ones(1, len(p)).double() for p in self.sets]))


def kernel_distance(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    bandwidth: float | None = None,
    z_score: bool = True,
) -> float:
    """Kernel Audio Distance: unbiased squared maximum mean discrepancy with a Gaussian kernel, times 100.

    After Chung et al. 2025 (arXiv 2502.15602) on the estimator of Gretton et al. 2012. The kernel is
    exp(-d^2 / (2 s^2)), its bandwidth s the median pairwise distance of the *reference* set, so the ruler
    does not change with what is measured. 0 on average between two samples of one distribution; single
    values can be negative.

    Args:
        reference: real sounds, points (n, dimensions).
        evaluated: the sounds in question, (m, dimensions).
        bandwidth: s, in units of the (z-scored) embedding; None takes the median rule.
        z_score: scale each dimension by the reference set first.

    Raises:
        ValueError: fewer than two points in a stratum, or different strata in the two sets.
    """
    sets = _prepared(reference, evaluated, z_score)
    return _KernelSums(*sets, bandwidth).distance()


def kernel_distance_interval(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    bandwidth: float | None = None,
    z_score: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """`kernel_distance` with its 95 % interval: groups of both sets are resampled within their strata."""
    options = {"bandwidth": bandwidth, "z_score": z_score, "resamples": resamples, "seed": seed}
    return kernel_distance_redrawn(reference, evaluated, **options).interval


def kernel_distance_redrawn(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    bandwidth: float | None = None,
    z_score: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Redrawn:
    """`kernel_distance` and its bootstrap draws, in which the same seed draws the same groups of the reference."""
    sets = _prepared(reference, evaluated, z_score)
    sums = _KernelSums(*sets, bandwidth)
    generator = np.random.default_rng([seed, 1])
    units = [Units(points) for points in sets]
    counts = [torch.stack([u.resampled(generator).counts() for _ in range(resamples)]) for u in units]
    return Redrawn(sums.distance(), tuple(sums.distances(counts).tolist()))


# --- Fréchet distance


def frechet_distance(
    reference: Points | Tensor, evaluated: Points | Tensor, *, weights: tuple[Tensor, Tensor] | None = None
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets (Dowson and Landau 1982), on the values as
    they are.

    |mean difference|^2 + trace(A + B - 2 (A B)^(1/2)). The trace of the root is the sum of the singular
    values of the product of two factors of the covariances, which needs no matrix root and stays real when
    they are singular.

    Args:
        reference, evaluated: points (n, dimensions), (m, dimensions); strata count in equal shares.
        weights: weight of each point of the two sets, replacing equal shares.

    Returns:
        the squared distance, as is usual for this measure. Biased upwards by about 1 / n: see
        `frechet_infinity`.
    """
    sets = (to_points(reference), to_points(evaluated))
    used = weights or (equal_shares(sets[0]), equal_shares(sets[1]))
    (mean_a, factor_a), (mean_b, factor_b) = (_moments(p.values, w) for p, w in zip(sets, used, strict=True))
    cross = torch.linalg.svdvals(factor_a @ factor_b.T).sum()
    traces = factor_a.square().sum() + factor_b.square().sum()
    return float((mean_a - mean_b).square().sum() + traces - 2 * cross)


def _moments(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and a factor F (at most dimensions rows) with F^T F the unbiased covariance."""
    weights = weights / weights.sum()
    mean = weights @ values
    centred = (values - mean) * (weights / (1 - weights.square().sum()).clamp_min(1e-12)).sqrt()[:, None]
    return mean, torch.linalg.qr(centred, mode="r").R if len(values) > values.shape[1] else centred


def frechet_infinity(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    dimensions: int | None = None,
    axes: Tensor | None = None,
    z_score: bool = True,
    repeats: int = REPEATS,
    seed: int = 0,
) -> float:
    """Fréchet distance extrapolated to endless samples of both sets.

    The distance of two samples is too large by terms in 1 / n (Chong and Forsyth 2020, arXiv 1911.07023, for
    one set). Both sets are thinned to the same fractions f of their groups, without replacement, and a
    straight line in 1 / f is followed to 0, so that the small set of test recordings biases nothing either.

    Args:
        reference, evaluated: points (n, dimensions), (m, dimensions).
        dimensions: number of axes that both are projected on; None takes `axis_count` of the reference. With few
            recordings a full covariance is singular, its distance mostly bias.
        axes: orthonormal columns (dimensions, k), the most important first, e.g. from `principal_axes` of
            many recordings; None takes the reference's own, which favours it a little (it varies most along
            its own axes).
        z_score: scale each dimension by the reference set first.
        repeats: how often the sets are thinned to each fraction; more make the value depend less on `seed`.
        seed: of the thinning.
    """
    sets = _projected(_prepared(reference, evaluated, z_score), axes, dimensions)
    return _extrapolated(sets, [_everything(sets)], np.random.default_rng([seed, 0]), repeats)[0]


def frechet_infinity_interval(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    dimensions: int | None = None,
    axes: Tensor | None = None,
    z_score: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """`frechet_infinity` with its 95 % interval: groups of both sets are resampled within their strata."""
    sets = _projected(_prepared(reference, evaluated, z_score), axes, dimensions)
    value = _extrapolated(sets, [_everything(sets)], np.random.default_rng([seed, 0]), REPEATS)[0]
    generator = np.random.default_rng([seed, 1])
    units = (Units(sets[0]), Units(sets[1]))
    drawn = [(units[0].resampled(generator), units[1].resampled(generator)) for _ in range(resamples)]
    return interval_around(value, _extrapolated(sets, drawn, generator, repeats=2))


def _everything(sets: tuple[Points, Points]) -> tuple[Draw, Draw]:
    return Units(sets[0]).everything(), Units(sets[1]).everything()


def principal_axes(values: Tensor) -> Tensor:
    """Directions of points (n, dimensions) in which they vary most: orthonormal columns, the first first."""
    return torch.linalg.svd((values - values.mean(0)).double(), full_matrices=False).Vh.T


def axis_count(points: int) -> int:
    """Axes that sets are projected on before the Fréchet distance: one for every eight points of the reference, at
    most sixteen."""
    return max(1, min(AXES, points // POINTS_PER_AXIS))


def _projected(sets: tuple[Points, Points], axes: Tensor | None, dimensions: int | None) -> tuple[Points, Points]:
    reference, evaluated = sets
    axes = principal_axes(reference.values) if axes is None else axes.double()
    basis = axes[:, : axis_count(len(reference)) if dimensions is None else dimensions]
    first, second = (replace(p, values=p.values @ basis) for p in (reference, evaluated))
    return first, second


def _extrapolated(
    sets: tuple[Points, Points], drawn: Sequence[tuple[Draw, Draw]], generator: np.random.Generator, repeats: int
) -> list[float]:
    """Fréchet distance of each pair of draws, thinned and extrapolated."""
    if not drawn:
        return []
    weights: list[list[Tensor]] = [[], []]
    thinness = []
    times = [repeats if fraction < 1 else 1 for fraction in FRACTIONS]
    for pair in drawn:
        for fraction, count in zip(FRACTIONS, times, strict=True):
            for _ in range(count):
                taken = [draw.weights(fraction, generator) for draw in pair]
                for kept, values in zip(weights, taken, strict=True):
                    kept.append(values)
                thinness.append(sum(draw.thinness(values) for draw, values in zip(pair, taken, strict=True)))
    distances = _frechet_distances(sets, [torch.stack(kept) for kept in weights]).view(len(drawn), -1)
    levels, thin = (
        np.stack([part.mean(1).numpy() for part in values.split(times, 1)])
        for values in (distances, torch.tensor(thinness).double().view(len(drawn), -1))
    )
    return _at_zero(thin, levels).tolist()


def _at_zero(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where the line through (n, lines) values at (n, lines) places is at place 0; their mean if no place differs."""
    apart = places - places.mean(0)
    spread = np.square(apart).sum(0)
    slope = (apart * values).sum(0) / np.where(spread > 0, spread, 1.0)
    return values.mean(0) - np.where(spread > 0, slope, 0.0) * places.mean(0)


def _frechet_distances(sets: tuple[Points, Points], weights: list[Tensor]) -> Tensor:
    """`frechet_distance` for many weights (draws, n) and (draws, m) at once: (draws,). For few dimensions."""
    means, factors = [], []
    for points, given in zip(sets, weights, strict=True):
        shares = given / given.sum(1, keepdim=True)
        mean = shares @ points.values
        products = (points.values[:, :, None] * points.values[:, None]).flatten(1)
        second = (shares @ products).unflatten(1, (mean.shape[1], -1)) - mean[:, :, None] * mean[:, None]
        covariance = second / (1 - shares.square().sum(1)).clamp_min(1e-12)[:, None, None]
        variances, turns = torch.linalg.eigh(covariance)
        means.append(mean)
        factors.append(turns * variances.clamp_min(0).sqrt()[:, None])
    cross = torch.linalg.svdvals(factors[0].mT @ factors[1]).sum(1)
    traces = factors[0].square().sum((1, 2)) + factors[1].square().sum((1, 2))
    return (means[0] - means[1]).square().sum(1) + traces - 2 * cross
