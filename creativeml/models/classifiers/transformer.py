"""A Transformer encoder as a classifier of frames.

Vaswani et al. (2017, arXiv 1706.03762) over patches, with a learned vector in front whose output is scored, as in
Dosovitskiy et al., "An image is worth 16x16 words" (2021, arXiv 2010.11929), and for sound Gong et al., "AST: audio
spectrogram transformer" (2021, arXiv 2104.01778). A patch here is a frame with all its bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.frames import FrameVectors
from creativeml.layers.positional import SinusoidalPositions
from creativeml.layers.transformer import EncoderLayer
from creativeml.models.classifiers.config import ClassifierConfig
from creativeml.models.registry import register
from creativeml.models.sizes import check_channels


@dataclass(frozen=True)
class TransformerClassifierConfig(ClassifierConfig):
    """Shape of the network; `width` is the size of the vectors."""

    heads: int = 4
    layers: int = 2
    hidden: int = 64
    """Of the position-wise networks."""
    patch: int = 1
    """Columns (of a waveform: samples) of one frame."""
    bands: int = 64
    """Rows that a spectrogram is averaged to."""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("heads", "layers", "hidden", "patch", "bands"):
            check_range(name, getattr(self, name), 1)
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width must be even and a multiple of the {self.heads} heads, not {self.width}")
        check_probability("dropout", self.dropout)


@register("transformer_classifier", TransformerClassifierConfig)
class TransformerClassifier(nn.Module):
    """Frames to vectors, encoder layers over them and a vector of its own for the whole, which is scored.

    Args:
        config: its shape.
    """

    def __init__(self, config: TransformerClassifierConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.frames = FrameVectors(config.dims, config.in_channels, width, patch=config.patch, bands=config.bands)
        self.whole = nn.Parameter(torch.randn(width) * 0.02)
        self.positions = SinusoidalPositions()
        self.layers = nn.ModuleList(
            EncoderLayer(width, config.heads, config.hidden, dropout=config.dropout, norm_first=True)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, config.classes)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, *axes)`, the last axis being time → logits `(b, classes)`."""
        vectors = self.sequence(x)
        for layer in self.layers:
            vectors = layer(vectors)
        return self.score(self.norm(vectors[:, 0]))

    def sequence(self, x: Tensor) -> Tensor:
        """What the layers run over, `(b, 1 + frames, width)`: the vector for the whole, and the frames."""
        check_channels(x, self.config.in_channels, self.config.dims)
        vectors = self.positions(self.frames(x))
        return torch.cat([self.whole.to(vectors.dtype).expand(len(x), 1, -1), vectors], dim=1)

    def attention_map(self, x: Tensor) -> Tensor:
        """Shares that the whole takes of each frame, `(b, layers, heads, frames)`; with its own they sum to 1."""
        vectors, maps = self.sequence(x), []
        for layer in self.layers:
            maps.append(layer.attention_shares(vectors)[:, :, 0, 1:])  # type: ignore[operator]
            vectors = layer(vectors)
        return torch.stack(maps, dim=1)
