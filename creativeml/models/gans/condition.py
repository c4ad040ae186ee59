"""The condition vector that says which kind of sound is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError


def one_hot_kinds(wanted: Sequence[str], known: Sequence[str], device: torch.device) -> Tensor:
    """Kinds by name → `(len(wanted), len(known))`, 1 at the kind's place.

    Raises:
        CreativeMLError: a kind that is not known.
    """
    condition = torch.zeros(len(wanted), len(known), device=device)
    for row, kind in enumerate(wanted):
        if kind not in known:
            raise CreativeMLError(f"the model has no kind '{kind}' (it knows: {', '.join(known)})")
        condition[row, known.index(kind)] = 1.0
    return condition
