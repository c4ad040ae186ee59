"""What the configurations of all classifiers have: axes and channels of the input, classes, width."""

from __future__ import annotations

from dataclasses import dataclass

from creativeml.config import check_range
from creativeml.kinds import KINDS
from creativeml.layers.by_dimension import Dims, by_dimension


@dataclass(frozen=True)
class ClassifierConfig:
    """Inputs `(batch, in_channels, *axes)` to logits `(batch, classes)`, at any length of the axes.

    Inputs of other channels or axes are a ValueError, see `models.sizes.check_channels`.
    """

    dims: Dims = 2
    """Axes: 1 for waveforms (samples), 2 for spectrograms (bands, frames)."""
    in_channels: int = 1
    classes: int = len(KINDS)
    width: int = 32
    """What the channels or units of every layer are in proportion to."""

    def __post_init__(self) -> None:
        by_dimension(self.dims)
        for name in ("in_channels", "classes", "width"):
            check_range(name, getattr(self, name), 1)
