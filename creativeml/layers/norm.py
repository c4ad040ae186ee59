"""Normalisation of activations `(batch, channels, *axes)`: over the batch, or within each example.

Batch: Ioffe and Szegedy (2015, arXiv 1502.03167), torch's own. Layer: Ba et al. (2016, arXiv 1607.06450). Instance:
Ulyanov et al. (2016, arXiv 1607.08022). Group: Wu and He (2018, arXiv 1803.08494), of which the two others are the
ends: with one group it is layer norm over channels and axes, with as many groups as channels it is instance norm.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from creativeml.layers.by_dimension import by_dimension

Norm = Literal["none", "batch", "instance", "group", "layer"]
GROUPS = 8
"""Of group norm by name; fewer where the channels cannot be divided by it."""


def standardise(x: Tensor, axes: tuple[int, ...], epsilon: float = 1e-5) -> Tensor:
    """Mean 0 and variance 1 over some axes, the variance being that of the values themselves (divided by n)."""
    # In half precision the statistics themselves would be off by a percent.
    precise = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    variance, mean = torch.var_mean(precise, axes, correction=0, keepdim=True)
    return ((precise - mean) * torch.rsqrt(variance + epsilon)).to(x.dtype)


class GroupNorm(nn.Module):
    """Standardises the channels of each example in groups, then gives each channel a scale and a shift.

    Args:
        channels: of the input.
        groups: that they are divided into.
        epsilon: added to the variance.

    Raises:
        ValueError: the channels cannot be divided into so many groups.
    """

    def __init__(self, channels: int, groups: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise ValueError(f"{channels} channels cannot be divided into {groups} groups")
        self.groups, self.epsilon = groups, epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """`(b, channels, *axes)` → the same shape."""
        grouped = x.reshape(x.shape[0], self.groups, -1)
        shape = (1, -1, *[1] * (x.ndim - 2))
        return standardise(grouped, (2,), self.epsilon).view_as(x) * self.weight.view(shape) + self.bias.view(shape)


def norm(name: str, dims: int, channels: int) -> nn.Module:
    """A normalisation as a layer.

    Args:
        name: one of `Norm`.
        dims: axes of the input beside batch and channels, 1 or 2.
        channels: of the input.

    Raises:
        ValueError: no such normalisation.
    """
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return by_dimension(dims).batch_norm(channels)
    groups = {"instance": channels, "layer": 1, "group": next(n for n in range(GROUPS, 0, -1) if channels % n == 0)}
    if name not in groups:
        raise ValueError(f"there is no normalisation '{name}' (known: none, batch, {', '.join(groups)})")
    return GroupNorm(channels, groups[name])
