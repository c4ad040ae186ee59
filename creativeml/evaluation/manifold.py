"""Precision, recall, density, coverage and variety: are all sounds like recordings, and all recordings reached?

A set is described by balls around its points, each as wide as the distance to the point's k-th neighbour in the set.

- precision (Kynkäänniemi et al. 2019, arXiv 1904.06991): share of evaluated sounds in any ball of a recording;
- recall (the same): share of recordings in any ball of an evaluated sound;
- density (Naeem et al. 2020, arXiv 2002.09797): balls of recordings that an evaluated sound lies in, divided by k.
  Unlike precision it is not won by one wide ball around an outlier. 1 on average for two sets of one distribution;
  may be larger;
- coverage (the same): share of recordings whose ball holds an evaluated sound. Collapse to few sounds is heard here and
  in recall.

- variety: mean distance of two sounds of a kind, and of a sound to the nearest other one of its kind, both relative to
  recordings. A generator that has collapsed to ten sounds a kind still has most of its mean distance; that to the
  nearest falls to 0.

All of them change with the number of points, and takes of one drum would shrink the balls. So both sets are thinned
before: from each kind as many groups as the smaller set has, and one sound of each group, many times over, and the
figures are the means over these draws. Only figures of sets of equal sizes may be compared: the real-vs-real floor is
this same function with other recordings as the evaluated set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from creativeml.evaluation.points import (
    Interval,
    Points,
    Units,
    interval_around,
    shared_strata,
    standardise,
    to_points,
)

FIGURES = ("precision", "recall", "density", "coverage")
VARIETY_FIGURES = ("spread", "nearest")
NEIGHBOURS = 5
DRAWS = 24
HALVES = 100


def equal_sizes(*sets: Points) -> list[int]:
    """Groups of each stratum that every one of the sets has: the sizes at which their figures can be compared."""
    return [min(map(len, members)) for members in zip(*(Units(points).members for points in sets), strict=True)]


def manifold(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    sizes: Sequence[int] | None = None,
    z_score: bool = True,
    resamples: int = HALVES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Precision, recall, density and coverage with 95 % intervals.

    The strata (kinds) count in equal shares, the balls take no notice of them. Balls are spoilt by resampling with
    replacement (a point drawn twice has a neighbour at distance 0), so the interval comes from halves of the groups of
    both sets, drawn without replacement: their spread is that of whole sets (the delete-half jackknife of Shao and Wu
    1989). It is laid around the figure, since balls of half the points are wider.

    Args:
        reference: recordings, points (n, dimensions).
        evaluated: the sounds in question, (m, dimensions), or other recordings for the floor.
        neighbours: k; 5 as Naeem et al. advise. At most one less than the thinned number of points.
        sizes: groups of each stratum to thin both sets to; None takes `equal_sizes` of the two.
        z_score: scale each dimension by the reference set first.
        resamples: number of halves.
        seed: of the draws.

    Returns:
        figure → value, low, high; keys are `FIGURES`.

    Raises:
        ValueError: different strata in the two sets, or fewer than three independent sounds in one of them.
    """
    sets = _prepared(reference, evaluated, z_score)
    sizes = equal_sizes(*sets) if sizes is None else list(sizes)
    if sum(sizes) < 3:
        raise ValueError(f"balls around neighbours need three independent sounds, there are {sum(sizes)}")
    found = _equalised(sets, _Balls(*sets, neighbours), sizes, resamples, seed)
    return {name: figure if name == "density" else _as_share(figure) for name, figure in found.items()}


def variety(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    sizes: Sequence[int] | None = None,
    z_score: bool = True,
    resamples: int = HALVES,
    seed: int = 0,
) -> dict[str, Interval]:
    """How far sounds of a kind are apart, relative to recordings: 1 for as far as those, 0 for one sound all the time.

    Of the sounds from the same latents at every checkpoint it is the collapse alarm of a training; `resamples=0` leaves
    out the intervals, which are not needed there.

    Args:
        reference, evaluated, sizes, z_score, resamples, seed: as for `manifold`, with the same intervals.

    Returns:
        spread: mean distance of two points of a stratum; nearest: mean distance of a point to the nearest other one of
        its stratum. Each is a sum over the strata divided by that of the reference. NaN where no stratum has two
        independent sounds in both sets, or those of the reference do not differ.
    """
    sets = _prepared(reference, evaluated, z_score)
    sizes = equal_sizes(*sets) if sizes is None else list(sizes)
    return _equalised(sets, _Spreads(*sets), sizes, resamples, seed)


def _prepared(reference: Points | Tensor, evaluated: Points | Tensor, z_score: bool) -> tuple[Points, Points]:
    sets = (to_points(reference), to_points(evaluated))
    shared_strata(*sets)
    return standardise(*sets) if z_score else sets


def _as_share(figure: Interval) -> Interval:
    """An interval that was laid around a share, cut where shares end."""
    return Interval(figure.value, max(0.0, figure.low), min(1.0, figure.high))


class _Statistic(Protocol):
    names: tuple[str, ...]

    def figures(self, real: Tensor, made: Tensor) -> Tensor: ...


def _equalised(
    sets: tuple[Points, Points], statistic: _Statistic, sizes: list[int], resamples: int, seed: int
) -> dict[str, Interval]:
    """Figures of subsets of equal sizes: means over draws, and intervals from halves of the groups."""
    units = (Units(sets[0]), Units(sets[1]))
    generator = np.random.default_rng([seed, 0])
    everything = [u.everything() for u in units]
    draws = [statistic.figures(*(d.singles(sizes, generator) for d in everything)) for _ in range(DRAWS)]
    values = torch.stack(draws).mean(0).tolist()
    generator = np.random.default_rng([seed, 1])
    spread = []
    for _ in range(resamples):
        half = [u.halved(generator) for u in units]
        fewer = [min(map(len, drawn)) for drawn in zip(*(d.units for d in half), strict=True)]
        fewer = [min(size, most) for size, most in zip(fewer, sizes, strict=True)]
        # Two draws from each half, so that it is the half that makes the spread more than the thinning.
        parts = [statistic.figures(*(d.singles(fewer, generator) for d in half)) for _ in range(2)]
        spread.append(torch.stack(parts).mean(0))
    columns = torch.stack(spread).T.tolist() if spread else [[] for _ in values]
    return {
        name: interval_around(value, column)
        for name, value, column in zip(statistic.names, values, columns, strict=True)
    }


class _Balls:
    """Distances within and between two sets, from which the figures of any of their subsets follow."""

    names: tuple[str, ...] = FIGURES

    def __init__(self, reference: Points, evaluated: Points, neighbours: int) -> None:
        self.strata = (reference.strata, evaluated.strata)
        self.within = [torch.cdist(p.values, p.values) for p in (reference, evaluated)]
        self.between = torch.cdist(reference.values, evaluated.values)
        self.neighbours = neighbours

    def figures(self, real: Tensor, made: Tensor) -> Tensor:
        """The four figures (4,) of the points at the given indices."""
        k = max(1, min(self.neighbours, len(real) - 1, len(made) - 1))
        between = self.between[real][:, made]
        # The smallest distance is that of a point to itself.
        radii = [
            d[chosen][:, chosen].kthvalue(k + 1).values for d, chosen in zip(self.within, (real, made), strict=True)
        ]
        in_real = between <= radii[0][:, None]
        in_made = between <= radii[1][None]
        per_point = (in_real.any(0), in_made.any(1), in_real.sum(0) / k, in_real.any(1))
        of_set = (made, real, made, real)
        strata = (self.strata[1], self.strata[0]) * 2
        means = [_mean_of_strata(v.double(), s[i]) for v, i, s in zip(per_point, of_set, strata, strict=True)]
        return torch.stack(means)


class _Spreads:
    """Distances within two sets, from which the variety of any of their subsets follows."""

    names: tuple[str, ...] = VARIETY_FIGURES

    def __init__(self, reference: Points, evaluated: Points) -> None:
        self.strata = (reference.strata, evaluated.strata)
        self.within = [torch.cdist(p.values, p.values) for p in (reference, evaluated)]

    def figures(self, real: Tensor, made: Tensor) -> Tensor:
        """Mean and nearest distance (2,) of the points `made` relative to those of the points `real`."""
        sums = []
        for distances, strata, chosen in zip(self.within, self.strata, (real, made), strict=True):
            of_set = torch.zeros(2).double()
            for stratum in strata.unique():
                own = chosen[strata[chosen] == stratum]
                if len(own) > 1:
                    inside = distances[own][:, own] + torch.diag(torch.full((len(own),), torch.inf))
                    of_set += torch.stack([inside[inside.isfinite()].mean(), inside.amin(1).mean()])
            sums.append(of_set)
        return sums[1] / sums[0]


def _mean_of_strata(values: Tensor, strata: Tensor) -> Tensor:
    return torch.stack([values[strata == stratum].mean() for stratum in strata.unique()]).mean()
