"""From a place on a map to a point of a space: known points lie on a plane, and between them lie their mixtures.

    plane = PlaneMap(places, points)             # places (n, 2): by PCA, t-SNE, a hand
    sound = space.decode(plane.points(torch.tensor([[0.3, -1.2]])))

By inverse distances (D. Shepard, "A two-dimensional interpolation function for irregularly-spaced data", 1968) to the
known points within a reach, at the end of which weights have fallen to zero (R. Franke, G. Nielson, "Smooth
interpolation of large sets of scattered data", 1980). The reach is a multiple of the distance to the nearest one: near
a known point it is alone, and in the wide space between two groups both take part. So the result is exact where a
known point lies, and continuous everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.catalog import is_number

REACH = 4.0
_BATCH = 256


class PlaneMap:
    """Known points at places of a plane.

    Args:
        places: `(n, 2)` of the known points. Several at one place are mixed there, in equal shares.
        points: `(n, dim)` of a latent space, at least 2.
        reach: known points take part that are up to so many times as far as the nearest one; above 1.

    Raises:
        CreativeMLError: other numbers of places than points, numbers that are not finite, or no neighbour at all.
    """

    def __init__(self, places: Tensor, points: Tensor, reach: float = REACH) -> None:
        if places.ndim != 2 or places.shape[1] != 2 or points.ndim != 2 or len(points) != len(places):
            raise CreativeMLError(
                f"a map has places (n, 2) and points (n, dim), not {tuple(places.shape)} and {tuple(points.shape)}"
            )
        if len(points) < 2:
            raise CreativeMLError("a map needs at least 2 points; give more")
        if not is_number(reach) or not 1 < reach < 1000:
            raise CreativeMLError(f"reach must be a number above 1 and below 1000, got {quoted(reach)}")
        if not bool(torch.isfinite(places).all() and torch.isfinite(points).all()):
            raise CreativeMLError("a place or point of the map holds a number that is not finite; leave it out")
        self.places, self.known = places.double(), points.float()
        self.reach = float(reach)

    def points(self, places: Tensor) -> Tensor:
        """The points `(m, dim)` of places `(m, 2)`: exactly the known one where there is one."""
        return torch.cat([self._shares(part).float() @ self.known for part in self._checked(places).split(_BATCH)])

    def parts(self, place: Tensor) -> list[tuple[int, float]]:
        """Of which known points the point of a place `(2,)` is mixed: index and share, the largest share first."""
        shares = self._shares(self._checked(place[None]))[0]
        return sorted(((int(i), float(shares[i])) for i in shares.nonzero()[:, 0]), key=lambda part: -part[1])

    def away(self, places: Tensor) -> Tensor:
        """How far places `(m, 2)` are from the nearest known one, `(m,)`, in units of the map."""
        return torch.cdist(self._checked(places), self.places).amin(1).float()

    def _shares(self, places: Tensor) -> Tensor:
        """Of each known point in each of the places: `(m, n)`, summing to 1."""
        away = (places[:, None] - self.places[None]).square().sum(2).sqrt()
        nearest = away.amin(1, keepdim=True)
        # How many times as far as the nearest; at a known place only those that lie there count.
        farther = torch.where(nearest > 0, away / nearest, torch.where(away > 0, torch.inf, 1.0))
        weights = ((self.reach / farther - 1.0).clamp_min(0.0) / (self.reach - 1.0)).square()
        return weights / weights.sum(1, keepdim=True)

    def _checked(self, places: Tensor) -> Tensor:
        if places.ndim != 2 or places.shape[1] != 2 or not bool(torch.isfinite(places).all()):
            raise CreativeMLError(f"places of a map are (m, 2) and finite; got shape {tuple(places.shape)}")
        return places.double()
