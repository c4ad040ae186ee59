"""Pooling: the average or the largest of neighbouring positions, of an axis divided evenly, or of all positions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from creativeml.layers.by_dimension import by_dimension

Pool = Literal["max", "average"]


def pool(name: str, dims: int, size: int, *, stride: int | None = None) -> nn.Module:
    """Pooling over windows: `(b, channels, *axes)` → `(b, channels, *shorter)`. The last window may be a part of one.

    Args:
        name: max or average.
        dims: axes of the input, 1 or 2.
        size: of the windows, in positions.
        stride: from window to window, in positions; None makes them adjacent.

    Raises:
        ValueError: no such pooling.
    """
    layers = by_dimension(dims)
    kinds = {"max": layers.max_pool, "average": layers.average_pool}
    if name not in kinds:
        raise ValueError(f"there is no pooling '{name}' (known: {', '.join(kinds)})")
    return kinds[name](size, stride=stride, ceil_mode=True)


class GlobalPool(nn.Module):
    """All positions into one: `(b, channels, *axes)` → `(b, channels)`.

    Args:
        name: max or average; or "both", the two side by side with `2 * channels` outputs.

    Raises:
        ValueError: no such pooling.
    """

    def __init__(self, name: str = "average") -> None:
        super().__init__()
        if name not in ("max", "average", "both"):
            raise ValueError(f"there is no pooling '{name}' (known: max, average, both)")
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """`(b, channels, *axes)` → `(b, channels)`, or twice as many."""
        flat = x.flatten(2)
        parts = [flat.mean(2)] if self.name != "max" else []
        return torch.cat([*parts, flat.amax(2)] if self.name != "average" else parts, dim=1)
