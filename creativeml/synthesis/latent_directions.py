"""Directions of a space of sounds in which one thing changes: what varies most, a descriptor, or an attribute.

    directions = descriptor_directions(space, points, ("brightness",))
    brighter = point + 10 * directions[0].vector                     # by ten points, as far as the space is even

- What varies most: principal components of points (E. Härkönen, A. Hertzmann, J. Lehtinen, S. Paris, "GANSpace:
  discovering interpretable GAN controls", 2020).
- A descriptor: ridge regression of what is measured in the sounds on where their points lie.
- An attribute: the mean of the points that have it, minus that of those without.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import Descriptor, chosen, describe
from creativeml.errors import CreativeMLError, require
from creativeml.synthesis.audible import heard
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_space import LatentSpace
from creativeml.synthesis.latent_walk import size_reached

NOTICEABLE_DB = 1.0
"""Distance of sounds that is just noticed: that of levels (W. Jesteadt, C. Wier, D. Green, "Intensity discrimination as
a function of frequency and sensation level", 1977)."""
FOLDS = 5
PROBES = 8
"""Points at which the size of a direction's step is measured."""
_FEWEST = 4 * FOLDS
_PENALTIES = np.logspace(0, 4, 9)


@dataclass(frozen=True, eq=False)
class Direction:
    """One way to change sounds.

    Attributes:
        name: "component 1", "brightness", or what the attribute is called.
        vector: `(dim,)`, what is added to a point for one unit.
        unit: "point", "just-noticeable difference", or "just-noticeable step" (1 dB of `audible.heard`).
        r2: share of the variance that the direction explains: of the points, for components; of the descriptor, or the
            attribute, of points that the fit has not seen, for the others. Below 0 is worse than the mean.
        reached: what is measured in the sounds when points go one unit, in units; about 1 where the space is even.
    """

    name: str
    vector: Tensor
    unit: str
    r2: float
    reached: float


def principal_directions(space: LatentSpace, points: Tensor, count: int = 8, seed: int = 0) -> list[Direction]:
    """The directions in which points `(n, dim)` vary most, those first that explain most; fewer if there are fewer.

    Raises:
        CreativeMLError: too few points, or all alike.
    """
    cloud = Cloud(points)
    total = points.double().var(0).sum()
    found = []
    for number, axis in enumerate(cloud.axes[:count], 1):
        share = float(axis.double().square().sum() / total)
        found.append(noticeable(space, Direction(f"component {number}", axis, "", share, 0.0), points, seed))
    return found


def attribute_direction(space: LatentSpace, points: Tensor, has: Tensor, name: str, seed: int = 0) -> Direction:
    """From the mean of the points `(n, dim)` without an attribute to that of those with it.

    Args:
        has: `(n,)` bool, e.g. of which kind a point is, or whether its sound is bright; at least 5 of either.
        name: of the attribute.
        seed: of the points at which the step is measured.

    Raises:
        CreativeMLError: too few points with or without it, or nothing that tells them apart.
    """
    if has.shape != (len(points),) or has.dtype != torch.bool or min(int(has.sum()), int((~has).sum())) < FOLDS:
        raise CreativeMLError(f"'{name}' needs at least {FOLDS} points with it and {FOLDS} without; give more")
    vector = points[has].mean(0) - points[~has].mean(0)
    if not float(vector.norm()) > 1e-6:
        raise CreativeMLError(f"the points with '{name}' lie where those without it lie; it has no direction")
    order = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))
    places, truth = torch.zeros(len(points)), has.float()
    for fold in range(FOLDS):
        # Of each side a fifth, so that every part has both.
        held = torch.cat([side[fold::FOLDS] for side in (order[has[order]], order[~has[order]])])
        rest = torch.ones(len(points), dtype=torch.bool)
        rest[held] = False
        means = [points[rest & side].mean(0) for side in (has, ~has)]
        across = means[0] - means[1]
        places[held] = ((points[held] - means[1]) @ across) / across.square().sum().clamp_min(1e-12)
    # On the one line that fits them best: where along the direction the border lies is no part of it.
    alike = torch.corrcoef(torch.stack([places, truth]))[0, 1]
    # Below 0 where it says the opposite of what is true.
    r2 = float(alike * alike.abs())
    return noticeable(space, Direction(name, vector, "", r2, 0.0), points, seed)


def noticeable(space: LatentSpace, direction: Direction, points: Tensor, seed: int = 0) -> Direction:
    """The direction with a vector that is just noticed, at the median of some of the points `(n, dim)`.

    Raises:
        CreativeMLError: nothing is heard along it.
    """
    some = _some(points, seed)
    before = heard(space.decode(some), space.sample_rate)

    def size_at(way: float) -> float:
        after = heard(space.decode(some + way * direction.vector), space.sample_rate)
        return float((after - before).norm(dim=1).median())

    way, size = size_reached(size_at, NOTICEABLE_DB, first=0.1, most=100.0)
    if size < 0.5 * NOTICEABLE_DB:
        raise CreativeMLError(f"along '{direction.name}' nothing is heard to change; leave it out")
    reached = size / NOTICEABLE_DB
    return replace(direction, vector=way * direction.vector, unit="just-noticeable step", reached=reached)


def descriptor_directions(
    space: LatentSpace, points: Tensor, names: Sequence[str], sounds: Tensor | None = None, seed: int = 0
) -> list[Direction]:
    """For each descriptor the shortest way to change it, of which a unit is one point.

    Shortest in standard deviations of the points: what varies much is changed much. Of descriptors that are heard as
    ratios (times, frequencies) a unit is one just-noticeable difference. The unit is set by what is measured in sounds
    before and after, not by what the regression says.

    Args:
        space: of the points.
        points: `(n, dim)`, at least 20, of whose sounds the descriptors are measured by their smooth faces.
        names: of descriptors.
        sounds: of the points `(n, samples)`, if they are there already.
        seed: of the parts of the cross-validation, and the points at which the unit is set.

    Raises:
        CreativeMLError: too few points, an unknown descriptor, or one that does not change along any direction.
        MissingExtra: scikit-learn is not installed.
    """
    if len(points) < _FEWEST:
        raise CreativeMLError(f"a regression needs at least {_FEWEST} points, not {len(points)}; give more")
    wanted = chosen(names)
    cloud = Cloud(points)
    sounds = space.decode(points) if sounds is None else sounds
    values = _in_units(sounds, wanted, space.sample_rate)
    coordinates = cloud.coordinates(points).double().numpy()
    some = _some(points, seed)
    return [
        _regressed(space, cloud, coordinates, value.numpy(), descriptor, some, seed)
        for descriptor, value in zip(wanted, values, strict=True)
    ]


def _regressed(
    space: LatentSpace,
    cloud: Cloud,
    coordinates: np.ndarray,
    value: np.ndarray,
    descriptor: Descriptor,
    some: Tensor,
    seed: int,
) -> Direction:
    models = require("sklearn.linear_model", extra="train")
    selection = require("sklearn.model_selection", extra="train")
    metrics = require("sklearn.metrics", extra="train")
    folds = selection.KFold(FOLDS, shuffle=True, random_state=seed)
    ridge = models.RidgeCV(alphas=_PENALTIES)
    r2 = metrics.r2_score(value, selection.cross_val_predict(ridge, coordinates, value, cv=folds))
    slope = torch.from_numpy(np.asarray(ridge.fit(coordinates, value).coef_)).float()
    if not float(slope.norm()) > 1e-9:
        raise CreativeMLError(f"{descriptor.name} does not change with the points; leave it out")
    vector = (slope / slope.square().sum()) @ cloud.axes
    # One unit is small against what is rounded in a sound; what a just-noticeable difference changes is not.
    reach = 1.0 if descriptor.logarithmic else descriptor.jnd
    gain = _gain(space, some, vector, descriptor, reach)
    if not gain > 0.05:
        raise CreativeMLError(f"{descriptor.name} does not change along any direction of these points; leave it out")
    vector = vector / gain
    unit = "just-noticeable difference" if descriptor.logarithmic else "point"
    return Direction(descriptor.name, vector, unit, float(r2), _gain(space, some, vector, descriptor, reach))


def _gain(space: LatentSpace, some: Tensor, vector: Tensor, descriptor: Descriptor, reach: float) -> float:
    """How many units are measured for one that is gone, at the median of some points, `reach` units to both sides."""
    below, above = (
        _in_units(space.decode(some + way * vector), (descriptor,), space.sample_rate)[0] for way in (-reach, reach)
    )
    return statistics.median(((above - below) / (2.0 * reach)).tolist())


def _in_units(sounds: Tensor, wanted: Sequence[Descriptor], sample_rate: int) -> list[Tensor]:
    """Of each descriptor `(n,)` float64: points, or just-noticeable differences of those that are heard as ratios."""
    with torch.no_grad():
        parts = [describe(part, sample_rate, [d.name for d in wanted], smooth=True) for part in sounds.split(16)]
    columns = [torch.cat([part[d.name] for part in parts]).double() for d in wanted]
    return [d.in_jnds(column) if d.logarithmic else column for d, column in zip(wanted, columns, strict=True)]


def _some(points: Tensor, seed: int) -> Tensor:
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))[:PROBES]]
