"""Distances between two sets of points: kernel distance (KAD), and Fréchet distance without sample bias.

Both are taken after each dimension has been z-scored by the reference set, so that no dimension rules by its
unit. A set may be split into strata (kinds of drum), which then count in equal shares however many sounds
each has, and into groups (takes of one drum), which are what is independent: intervals resample groups, not
sounds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from creativeml.evaluation.points import (
    Draw,
    Interval,
    Points,
    Units,
    as_points,
    equal_shares,
    interval_around,
    shared_strata,
    standardise,
)

KAD_SCALE = 100.0
RESAMPLES = 200
FRACTIONS = (1.0, 0.75, 0.5)


def _prepared(reference: Points | Tensor, evaluated: Points | Tensor, z_score: bool) -> tuple[Points, Points]:
    sets = (as_points(reference), as_points(evaluated))
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
        self.blocks = {pair: self._block(*pair) for pair in ((0, 0), (1, 1), (0, 1))}

    def _block(self, a: int, b: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        first, second = self.sets[a], self.sets[b]
        squares = torch.cdist(first.values, second.values).square()
        kernel = torch.exp(-squares / (2 * self.bandwidth**2 + 1e-300))
        allowed = torch.ones_like(kernel)
        if a == b:
            # Unbiased: a point is never compared with itself, nor with another take of the same drum.
            allowed = (first.groups[:, None] != first.groups[None]).double()
            for stratum in self.strata:
                inside = first.strata == stratum
                if len(first.groups[inside].unique()) < 2:  # only takes of one drum: better them than nothing
                    allowed[inside[:, None] & inside[None]] = 1
            allowed.fill_diagonal_(0)
        members = [(p.strata[:, None] == self.strata).double() for p in (first, second)]
        return kernel * allowed, allowed, members[0], members[1]

    def distance(self, weights: tuple[Tensor, Tensor]) -> float:
        """Squared maximum mean discrepancy, with point i counted weights[set][i] times."""
        terms = []
        for (a, b), (kernel, allowed, first, second) in self.blocks.items():
            rows, columns = first * weights[a][:, None], second * weights[b][:, None]
            total, pairs = rows.T @ kernel @ columns, rows.T @ allowed @ columns
            # Where a resample leaves one drum in a stratum no pair is left: the plain mean stands in.
            plain = (first.T @ kernel @ second) / (first.T @ allowed @ second)
            terms.append(torch.where(pairs > 0, total / pairs.clamp_min(1e-12), plain).mean())
        return KAD_SCALE * float(terms[0] + terms[1] - 2 * terms[2])


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
    sums = _KernelSums(*sets, bandwidth)
    return sums.distance((torch.ones(len(sets[0])).double(), torch.ones(len(sets[1])).double()))


def kernel_distance_interval(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    z_score: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """`kernel_distance` with its 95 % interval: groups of both sets are resampled within their strata."""
    sets = _prepared(reference, evaluated, z_score)
    sums = _KernelSums(*sets, None)
    value = sums.distance((torch.ones(len(sets[0])).double(), torch.ones(len(sets[1])).double()))
    generator = np.random.default_rng([seed, 1])
    units = (Units(sets[0]), Units(sets[1]))
    draws = [
        sums.distance((units[0].resampled(generator).counts(), units[1].resampled(generator).counts()))
        for _ in range(resamples)
    ]
    return interval_around(value, draws)


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
    sets = (as_points(reference), as_points(evaluated))
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
    dimensions: int = 16,
    axes: Tensor | None = None,
    z_score: bool = True,
    seed: int = 0,
) -> float:
    """Fréchet distance extrapolated to endless samples of both sets.

    The distance of two samples is too large by terms in 1 / n (Chong and Forsyth 2020, arXiv 1911.07023, for
    one set). Both sets are thinned to the same fractions f of their groups, without replacement, and a
    straight line in 1 / f is followed to 0, so that the small set of test recordings biases nothing either.

    Args:
        reference, evaluated: points (n, dimensions), (m, dimensions).
        dimensions: number of axes that both are projected on, at most; fewer if the reference has fewer than
            8 points per axis. With few recordings a full covariance is singular, its distance mostly bias.
        axes: orthonormal columns (dimensions, k), the most important first, e.g. from `principal_axes` of
            many recordings; None takes the reference's own, which favours it a little (it varies most along
            its own axes).
        z_score: scale each dimension by the reference set first.
        seed: of the thinning.
    """
    sets = _projected(_prepared(reference, evaluated, z_score), axes, dimensions)
    return _extrapolated(sets, _everything(sets), np.random.default_rng([seed, 0]), repeats=12)


def frechet_infinity_interval(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    dimensions: int = 16,
    axes: Tensor | None = None,
    z_score: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """`frechet_infinity` with its 95 % interval: groups of both sets are resampled within their strata."""
    sets = _projected(_prepared(reference, evaluated, z_score), axes, dimensions)
    value = _extrapolated(sets, _everything(sets), np.random.default_rng([seed, 0]), repeats=12)
    generator = np.random.default_rng([seed, 1])
    units = (Units(sets[0]), Units(sets[1]))
    draws = [
        _extrapolated(sets, (units[0].resampled(generator), units[1].resampled(generator)), generator, repeats=2)
        for _ in range(resamples)
    ]
    return interval_around(value, draws)


def _everything(sets: tuple[Points, Points]) -> tuple[Draw, Draw]:
    return Units(sets[0]).everything(), Units(sets[1]).everything()


def principal_axes(values: Tensor) -> Tensor:
    """Directions of points (n, dimensions) in which they vary most: orthonormal columns, the first first."""
    return torch.linalg.svd((values - values.mean(0)).double(), full_matrices=False).Vh.T


def _projected(sets: tuple[Points, Points], axes: Tensor | None, dimensions: int) -> tuple[Points, Points]:
    reference, evaluated = sets
    axes = principal_axes(reference.values) if axes is None else axes.double()
    basis = axes[:, : max(1, min(dimensions, len(reference) // 8))]
    first, second = (replace(p, values=p.values @ basis) for p in (reference, evaluated))
    return first, second


def _extrapolated(
    sets: tuple[Points, Points], drawn: tuple[Draw, Draw], generator: np.random.Generator, repeats: int
) -> float:
    levels = []
    for fraction in FRACTIONS:
        distances = []
        for _ in range(repeats if fraction < 1 else 1):
            weights = [d.weights(fraction, generator) for d in drawn]
            distances.append(frechet_distance(*sets, weights=(weights[0], weights[1])))
        levels.append(sum(distances) / len(distances))
    return float(np.polyfit([1 / fraction for fraction in FRACTIONS], levels, 1)[1])
