"""Where the known points of a space lie: their mean, and how far they spread in which directions."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError

EXPLAINED = 0.99
"""Share of the variance that the kept directions have."""
EDGE = 0.95
"""Share of the known points that lies within the edge."""


class Cloud:
    """A normal distribution that has the mean and the spreads of known points.

    What the points do not do, the cloud does not do either: of points of one kind the kind stays, and a model's hundred
    numbers, of which twenty say all, are moved in twenty directions.

    Args:
        points: `(n, dim)`, at least 3.

    Attributes:
        mean: `(dim,)`.
        axes: principal directions `(r, dim)`, each as long as the points' standard deviation along it.
        edge: `depth` within which 95 % of the points lie.

    Raises:
        CreativeMLError: too few points, all of them alike, or some that are not finite.
    """

    def __init__(self, points: Tensor) -> None:
        if points.ndim != 2 or len(points) < 3:
            raise CreativeMLError(f"a cloud needs at least 3 points (n, dim), not {tuple(points.shape)}; give more")
        if not bool(torch.isfinite(points).all()):
            raise CreativeMLError("a point holds a number that is not finite; leave it out")
        points = points.double()
        self.mean = points.mean(0).float()
        _, sizes, rows = torch.linalg.svd(points - points.mean(0), full_matrices=False)
        variances = sizes.square() / (len(points) - 1)
        if not float(variances[0]) > 1e-12 * float(points.square().mean()):
            raise CreativeMLError("all points of the cloud are alike; give points that differ")
        kept = 1 + int((variances.cumsum(0) / variances.sum() < EXPLAINED).sum())
        kept = min(kept, int((variances > 1e-9 * variances[0]).sum()))
        spreads = variances[:kept].sqrt()
        self.axes = (rows[:kept] * spreads[:, None]).float()
        self._inward = (rows[:kept] / spreads[:, None]).float()
        self.edge = float(self.depth(points.float()).quantile(EDGE))

    def coordinates(self, points: Tensor) -> Tensor:
        """Of points `(n, dim)` along the axes, in standard deviations: `(n, r)`."""
        return (points - self.mean) @ self._inward.T

    def points(self, coordinates: Tensor) -> Tensor:
        """The points `(n, dim)` on the axes that have these coordinates `(n, r)`."""
        return self.mean + coordinates @ self.axes

    def depth(self, points: Tensor) -> Tensor:
        """How far out points lie, `(n,)`: root mean square of the coordinates, about 1 for known points."""
        return self.coordinates(points).square().mean(1).sqrt()

    def drawn_in(self, coordinates: Tensor) -> Tensor:
        """Coordinates `(n, r)` of which those beyond the edge are brought back to it, towards the mean."""
        depths = coordinates.square().mean(1, keepdim=True).sqrt()
        return coordinates * (self.edge / depths.clamp_min(1e-12)).clamp_max(1.0)

    def excess(self, coordinates: Tensor) -> Tensor:
        """Square of how far coordinates `(n, r)` reach beyond the edge, `(n,)`, with a gradient; 0 within."""
        depths = coordinates.square().mean(1).clamp_min(1e-12).sqrt()
        return (depths / self.edge - 1.0).clamp_min(0.0).square()
