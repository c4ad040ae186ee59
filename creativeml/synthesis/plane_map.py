"""From a place on a map to a point of a space: known points lie on a plane, and between them lie their mixtures.

    plane = PlaneMap(places, points)             # places (n, 2): by PCA, t-SNE, a hand
    sound = space.decode(plane.points(torch.tensor([[0.3, -1.2]])))

By inverse distances (D. Shepard, "A two-dimensional interpolation function for irregularly-spaced data", 1968) to the
nearest known points, with weights that have fallen to zero where another one becomes one of the nearest (R. Franke,
G. Nielson, "Smooth interpolation of large sets of scattered data", 1980): so the result is continuous everywhere, and
exact where a known point lies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.catalog import is_whole

NEAREST = 6
_BATCH = 1024


class PlaneMap:
    """Known points at places of a plane.

    Args:
        places: `(n, 2)` of the known points. Several at one place are mixed there, in equal shares.
        points: `(n, dim)` of a latent space, at least 2.
        nearest: so many known points take part in a mixture.

    Raises:
        CreativeMLError: other numbers of places than points, numbers that are not finite, or no neighbour at all.
    """

    def __init__(self, places: Tensor, points: Tensor, nearest: int = NEAREST) -> None:
        if places.ndim != 2 or places.shape[1] != 2 or points.ndim != 2 or len(points) != len(places):
            raise CreativeMLError(
                f"a map has places (n, 2) and points (n, dim), not {tuple(places.shape)} and {tuple(points.shape)}"
            )
        if len(points) < 2:
            raise CreativeMLError("a map needs at least 2 points; give more")
        if not is_whole(nearest) or nearest < 1:
            raise CreativeMLError(f"nearest must be a whole number of at least 1, got {quoted(nearest)}")
        if not bool(torch.isfinite(places).all() and torch.isfinite(points).all()):
            raise CreativeMLError("a place or point of the map holds a number that is not finite; leave it out")
        self.places, self.known = places.double(), points.float()
        self.nearest = min(nearest, len(points))

    def points(self, places: Tensor) -> Tensor:
        """The points `(m, dim)` of places `(m, 2)`: exactly the known one where there is one."""
        return torch.cat([self._mixed(part) for part in self._checked(places).split(_BATCH)])

    def parts(self, place: Tensor) -> list[tuple[int, float]]:
        """Of which known points the point of a place `(2,)` is mixed: index and share, the largest share first."""
        weights, order = self._weights(self._checked(place[None]))
        parts = [(i, w) for i, w in zip(order[0].tolist(), weights[0].tolist(), strict=True) if w > 0]
        return sorted(parts, key=lambda part: -part[1])

    def away(self, places: Tensor) -> Tensor:
        """How far places `(m, 2)` are from the nearest known one, `(m,)`, in units of the map."""
        return torch.cdist(self._checked(places), self.places).amin(1).float()

    def _mixed(self, places: Tensor) -> Tensor:
        weights, order = self._weights(places)
        return (weights[..., None].float() * self.known[order]).sum(1)

    def _weights(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Shares `(m, k)` that sum to 1, and of which known points `(m, k)`."""
        away = (places[:, None] - self.places[None]).square().sum(2).sqrt()
        more = min(self.nearest + 1, len(self.places))
        distances, order = away.topk(more, largest=False)
        distances, order, reach = distances[:, : self.nearest], order[:, : self.nearest], distances[:, -1:]
        if more == self.nearest:
            # All take part, so nobody comes or goes.
            reach = 2.0 * reach
        # All equally far: every one of them would be at its end.
        reach = reach * (1.0 + 1e-6)
        here = distances <= 1e-9 * reach.clamp_min(1e-30)
        weights = ((reach - distances).clamp_min(0.0) / (reach * distances.clamp_min(1e-30))).square()
        weights = torch.where(here.any(1, keepdim=True), here.double(), weights)
        return weights / weights.sum(1, keepdim=True), order

    def _checked(self, places: Tensor) -> Tensor:
        if places.ndim != 2 or places.shape[1] != 2 or not bool(torch.isfinite(places).all()):
            raise CreativeMLError(f"places of a map are (m, 2) and finite; got shape {tuple(places.shape)}")
        return places.double()
