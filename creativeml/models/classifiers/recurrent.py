"""A recurrent classifier of frames: vanilla, LSTM or GRU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.frames import FrameVectors
from creativeml.layers.recurrent import Cell, Recurrent
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels


@dataclass(frozen=True)
class RecurrentClassifierConfig(ClassifierConfig):
    """Shape of the network; `width` is the size of frame vectors and states."""

    cell: Cell = "gru"
    layers: int = 1
    bidirectional: bool = False
    patch: int = 1
    """Columns (of a waveform: samples) of one frame."""
    bands: int = 64
    """Rows that a spectrogram is averaged to."""
    summary: Literal["last", "mean"] = "last"
    """Score the output after the last frame, or the average over all of them."""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "patch", "bands"):
            check_range(name, getattr(self, name), 1)
        check_probability("dropout", self.dropout)


@register("recurrent_classifier", RecurrentClassifierConfig)
class RecurrentClassifier(nn.Module):
    """Frames to vectors, a recurrent network over them, one affine map.

    Args:
        config: its shape.
    """

    def __init__(self, config: RecurrentClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.frames = FrameVectors(
            config.dims, config.in_channels, config.width, patch=config.patch, bands=config.bands
        )
        self.recurrent = Recurrent(
            config.cell,
            config.width,
            config.width,
            layers=config.layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
        )
        self.score = nn.Linear(self.recurrent.outputs, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)`, the last axis being time → logits `(b, classes)`."""
        check_channels(x, self.config.in_channels, self.config.dims)
        outputs, last = self.recurrent(self.frames(x))
        return self.score(last if self.config.summary == "last" else outputs.mean(1))
