"""Precision, recall, density, coverage and variety: are all sounds like recordings, and all recordings reached?

A set is described by balls around its points, each as wide as the distance to the point's k-th neighbour. Neighbours
and balls are taken within a kind: a crash that has lost its treble lies among real toms, but not among real crashes.

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
    Redrawn,
    Units,
    shared_strata,
    standardise,
    to_points,
)

FIGURES = ("precision", "recall", "density", "coverage")
VARIETY_FIGURES = ("spread", "nearest")
NEIGHBOURS = 3
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

    Each stratum (kind) is described by itself, and the figures are means over the strata that are left with two
    independent sounds in each set. Balls are spoilt by resampling with
    replacement (a point drawn twice has a neighbour at distance 0), so the interval comes from halves of the groups of
    both sets, drawn without replacement: their spread is that of whole sets (the delete-half jackknife of Shao and Wu
    1989). It is laid around the figure, since balls of half the points are wider.

    Args:
        reference: recordings, points (n, dimensions).
        evaluated: the sounds in question, (m, dimensions), or other recordings for the floor.
        neighbours: k; a stratum of k points or fewer is described by as many neighbours as it has. 3 as Kynkäänniemi et
            al. choose (Naeem et al. take 5, of thousands of points; with few, large balls take in everything).
        sizes: groups of each stratum to thin both sets to; None takes `equal_sizes` of the two.
        z_score: scale each dimension by the reference set first.
        resamples: number of halves.
        seed: of the draws.

    Returns:
        figure → value, low, high; keys are `FIGURES`. NaN if no stratum has two independent sounds in both sets.

    Raises:
        ValueError: different strata in the two sets, or one with a single sound.
    """
    options = {"neighbours": neighbours, "sizes": sizes, "z_score": z_score, "resamples": resamples, "seed": seed}
    found = {name: r.interval for name, r in manifold_redrawn(reference, evaluated, **options).items()}
    return {name: figure if name == "density" else _as_share(figure) for name, figure in found.items()}


def manifold_redrawn(
    reference: Points | Tensor,
    evaluated: Points | Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    sizes: Sequence[int] | None = None,
    z_score: bool = True,
    resamples: int = HALVES,
    seed: int = 0,
) -> dict[str, Redrawn]:
    """The figures of `manifold` and those of halves of the groups; the same seed takes the same halves of the
    reference, for evaluated sets of the same strata and groups."""
    sets = _prepared(reference, evaluated, z_score)
    sizes = equal_sizes(*sets) if sizes is None else list(sizes)
    return _equalised(sets, _Balls(*sets, neighbours), sizes, resamples, seed)


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
    return {name: r.interval for name, r in _equalised(sets, _Spreads(*sets), sizes, resamples, seed).items()}


def _prepared(reference: Points | Tensor, evaluated: Points | Tensor, z_score: bool) -> tuple[Points, Points]:
    sets = (to_points(reference), to_points(evaluated))
    shared_strata(*sets)
    return standardise(*sets) if z_score else sets


def _as_share(figure: Interval) -> Interval:
    """An interval that was laid around a share, cut where shares end."""
    low, high = torch.tensor([figure.low, figure.high]).clamp(0, 1).tolist()  # NaN stays what it is
    return Interval(figure.value, low, high)


class _Statistic(Protocol):
    names: tuple[str, ...]

    def figures(self, real: Tensor, made: Tensor) -> Tensor: ...


def _equalised(
    sets: tuple[Points, Points], statistic: _Statistic, sizes: list[int], resamples: int, seed: int
) -> dict[str, Redrawn]:
    """Figures of subsets of equal sizes: means over draws, and what they are for halves of the groups."""
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
        name: Redrawn(value, tuple(column))
        for name, value, column in zip(statistic.names, values, columns, strict=True)
    }


class _Balls:
    """Distances within and between two sets, from which the figures of any of their subsets follow."""

    names: tuple[str, ...] = FIGURES

    def __init__(self, reference: Points, evaluated: Points, neighbours: int) -> None:
        sets = (reference, evaluated)
        self.strata = (reference.strata, evaluated.strata)
        self.within, self.between = [_distances(p, p) for p in sets], _distances(*sets)
        self.neighbours = neighbours

    def figures(self, real: Tensor, made: Tensor) -> Tensor:
        """The four figures (4,) of points given by index, equally many in each stratum; NaN if none has two."""
        between = self.between[real][:, made]
        radii, counts = zip(*map(self._balls, (0, 1), (real, made)), strict=True)
        in_real = between <= radii[0][:, None]
        in_made = between <= radii[1][None]
        density = (in_real.double() / counts[0].clamp_min(1)[:, None]).sum(0)
        per_point = (in_real.any(0), in_made.any(1), density, in_real.any(1))
        weights = [_weights(self.strata[n][chosen]) for n, chosen in ((0, real), (1, made))]
        means = [v.double() @ w for v, w in zip(per_point, (weights[1], weights[0]) * 2, strict=True)]
        return torch.stack(means)

    def _balls(self, number: int, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Radius of the ball around each point and how many neighbours it holds, the point itself not counted."""
        own = self.strata[number][chosen]
        others = (own[:, None] == own[None]).sum(1) - 1
        counts = others.clamp_max(self.neighbours)
        # The smallest distance is that of a point to itself.
        return self.within[number][chosen][:, chosen].sort(1).values.gather(1, counts[:, None])[:, 0], counts


def _distances(first: Points, second: Points) -> Tensor:
    """Euclidean, infinite between different strata."""
    distances = torch.cdist(first.values, second.values)
    return distances.masked_fill(first.strata[:, None] != second.strata[None], torch.inf)


def _weights(strata: Tensor) -> Tensor:
    """Weights (n,) for a mean over the strata that have at least two points; NaN if none has."""
    sizes = (strata[:, None] == strata[None]).sum(1).double()
    weights = torch.where(sizes > 1, 1 / sizes, 0.0)
    return weights / weights.sum()


class _Spreads:
    """Distances within two sets, from which the variety of any of their subsets follows."""

    names: tuple[str, ...] = VARIETY_FIGURES

    def __init__(self, reference: Points, evaluated: Points) -> None:
        self.strata = (reference.strata, evaluated.strata)
        self.within = [_distances(p, p) for p in (reference, evaluated)]

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
