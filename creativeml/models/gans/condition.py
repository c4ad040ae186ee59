"""The condition vector that says which kind of sound is wanted, and with which descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import Descriptor, chosen
from creativeml.kinds import Kind, shares_of

JNDS_PER_UNIT = 4.0
"""One unit of a control's entry is 4 just-noticeable differences: about as much as drum sounds vary."""
LIMIT = 4.0
"""Entries beyond this are cut off: no sound is there."""


def kind_shares(wanted: Sequence[Kind], known: Sequence[str], device: torch.device) -> Tensor:
    """Kinds or mixtures → `(len(wanted), len(known))`: the share of each kind; one kind alone has share 1.

    Shares of a mixture are divided by their sum.

    Raises:
        CreativeMLError: a kind that is not known, or shares that are negative, not finite, or all 0.
    """
    condition = torch.zeros(len(wanted), len(known), device=device)
    for row, kind in enumerate(wanted):
        for name, share in shares_of(kind, known).items():
            condition[row, known.index(name)] = share
    return condition


def control_entries(values: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Descriptor values as entries of the condition vector.

    Args:
        values: name → `(b,)` in the descriptor's unit, all of `names`.
        names: the model's controls, in order.

    Returns:
        `(b, len(names))`, on a scale of audible differences, 0 in the middle of what drum sounds span.
    """
    return torch.stack([_entry(d, values[d.name]) for d in chosen(names)], dim=-1)


def _entry(descriptor: Descriptor, values: Tensor) -> Tensor:
    ends = torch.tensor([descriptor.low, descriptor.high], dtype=values.dtype, device=values.device)
    middle = descriptor.in_jnds(ends).mean()
    return ((descriptor.in_jnds(values) - middle) / JNDS_PER_UNIT).clamp(-LIMIT, LIMIT)
