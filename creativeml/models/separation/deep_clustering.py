"""Deep clustering of time-frequency bins: a place for each bin, near those that belong to the same sound.

Hershey, Chen, Le Roux and Watanabe, "Deep clustering: discriminative embeddings for segmentation and separation"
(ICASSP 2016, arXiv 1508.04306). Bidirectional LSTMs over the frames of a mixture's log-magnitude spectrum → a unit
vector for each bin. Bins are then grouped by k-means, and each group is one sound; how many there are need not be
known in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.models.registry import register
from creativeml.models.sizes import check_last

FLOOR_DB = -60.0
"""Level, beside the loudest bin of a mixture, below which a bin counts as silent."""


@dataclass(frozen=True)
class DeepClusteringConfig:
    """Shape of the network. The paper's: 8 kHz, window 256, hop 64, two layers of 600 units each way, 40 dimensions."""

    sample_rate: int = 22050
    window_samples: int = 512
    hop_samples: int = 128
    hidden: int = 64
    """Units of each direction of each recurrent layer."""
    layers: int = 2
    dim: int = 12
    """Of each bin's vector."""

    def __post_init__(self) -> None:
        for name in ("sample_rate", "hidden", "layers", "dim"):
            check_range(name, getattr(self, name), 1)
        if self.window_samples % 2 or not 0 < self.hop_samples <= self.window_samples // 2:
            raise ValueError("window_samples must be even and hop_samples at most half of it, to be inverted")

    @property
    def bins(self) -> int:
        """Frequencies of the short-time spectrum."""
        return self.window_samples // 2 + 1


@register("deep_clustering", DeepClusteringConfig)
class DeepClustering(nn.Module):
    """The network.

    Args:
        config: its shape.
    """

    window: Tensor

    def __init__(self, config: DeepClusteringConfig) -> None:
        super().__init__()
        self.config = config
        self.recurrent = nn.LSTM(config.bins, config.hidden, config.layers, batch_first=True, bidirectional=True)
        self.embed = nn.Linear(2 * config.hidden, config.bins * config.dim)
        self.register_buffer("window", torch.hann_window(config.window_samples).sqrt(), persistent=False)

    def spectrum(self, sounds: Tensor) -> Tensor:
        """Short-time spectrum: `(b, samples)` → `(b, frames, bins)` complex."""
        window, hop = self.config.window_samples, self.config.hop_samples
        padded = F.pad(sounds, (window // 2, window // 2))
        return torch.stft(padded, window, hop, window=self.window, center=False, return_complex=True).transpose(1, 2)

    def sound(self, spectrum: Tensor, samples: int) -> Tensor:
        """The inverse of `spectrum`: `(b, frames, bins)` → `(b, samples)`."""
        window, hop = self.config.window_samples, self.config.hop_samples
        return torch.istft(spectrum.transpose(1, 2), window, hop, window=self.window, center=True, length=samples)

    def levels(self, spectrum: Tensor) -> Tensor:
        """What the network sees: log-magnitudes beside the loudest bin of each mixture, from -1 (silence) to 1."""
        power = spectrum.abs().square()
        db = 10.0 * torch.log10(power / power.amax((1, 2), keepdim=True).clamp_min(1e-12) + 1e-12)
        return 1.0 - 2.0 * db.clamp_min(FLOOR_DB) / FLOOR_DB

    def sounding(self, spectrum: Tensor) -> Tensor:
        """Which bins are not silent: `(b, frames, bins)` bool."""
        return self.levels(spectrum) > -1.0

    def forward(self, levels: Tensor) -> Tensor:
        """Levels `(b, frames, bins)` → unit vectors `(b, frames, bins, dim)`."""
        check_last(levels, self.config.bins, "bins")
        hidden, _ = self.recurrent(levels)
        return F.normalize(self.embed(hidden).unflatten(2, (self.config.bins, self.config.dim)), dim=-1)
