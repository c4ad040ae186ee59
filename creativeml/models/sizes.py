"""What inputs of a fixed size are checked for."""

from __future__ import annotations

from torch import Tensor


def check_last(x: Tensor, size: int, what: str) -> None:
    """Refuse an input whose last axis has another size than the model was made for.

    Raises:
        ValueError: with both sizes.
    """
    if x.shape[-1] != size:
        raise ValueError(f"the model was made for {size} {what}, not {x.shape[-1]}; fit the input, or build another")
