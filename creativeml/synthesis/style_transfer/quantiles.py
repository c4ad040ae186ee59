"""Distributions as tables of quantiles, and the way from one to another that keeps the order."""

from __future__ import annotations

import torch
from torch import Tensor


def interpolated(places: Tensor, known: Tensor, values: Tensor) -> Tensor:
    """Values at places between known ones, straight from one to the next; beyond the ends those of the ends.

    Args:
        places: `(rows, n)`.
        known: `(rows, m)`, rising in each row.
        values: `(rows, m)`.

    Returns:
        `(rows, n)`.
    """
    after = torch.searchsorted(known, places.contiguous()).clamp(1, known.shape[1] - 1)
    low, high = known.gather(1, after - 1), known.gather(1, after)
    share = ((places - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
    return torch.lerp(values.gather(1, after - 1), values.gather(1, after), share)


def weighted_quantiles(values: Tensor, weights: Tensor, count: int) -> Tensor:
    """Quantiles of each row, evenly from the lowest to the highest.

    Args:
        values: `(rows, n)`.
        weights: `(n,)`, their sum 1.
        count: how many.

    Returns:
        `(rows, count)`, rising.
    """
    ordered, order = values.sort(1)
    heights = weights[order]
    places = heights.cumsum(1) - 0.5 * heights
    if values.shape[1] < 2:
        return ordered.expand(-1, count).contiguous()
    return interpolated(torch.linspace(0, 1, count).to(values).expand(len(values), -1), places, ordered)
