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


def check_channels(x: Tensor, channels: int, dims: int) -> None:
    """Refuse an input that is not `(b, channels, *axes)` with so many channels and axes.

    Raises:
        ValueError: with what is expected and what was given.
    """
    if x.dim() != dims + 2 or x.shape[1] != channels:
        axes = ", samples" if dims == 1 else ", bands, frames"
        raise ValueError(f"the input must be (b, {channels}{axes}), not {tuple(x.shape)}")
