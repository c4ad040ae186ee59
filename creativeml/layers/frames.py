"""Sounds as sequences of vectors: what recurrent networks and Transformers run over."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.by_dimension import by_dimension


class FrameVectors(nn.Module):
    """A linear map of adjacent frames: of samples for a waveform, of whole columns for a spectrogram.

    Args:
        dims: axes of the input, 1 or 2.
        channels: of the input.
        dim: size of the vectors.
        patch: samples, or columns, of one frame.
        bands: rows that a spectrogram is averaged to first, if it has another number; without meaning for waveforms.

    Raises:
        ValueError: dims that there are not.
    """

    def __init__(self, dims: int, channels: int, dim: int, *, patch: int, bands: int) -> None:
        super().__init__()
        self.patch, self.bands = patch, bands
        size = patch if dims == 1 else (bands, patch)
        self.project = by_dimension(dims).conv(channels, dim, size, stride=size)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """`(b, channels, samples)` or `(b, channels, bands, columns)` → `(b, frames, dim)`.

        The last frame is filled up with zeros.
        """
        x = F.pad(x, (0, -x.shape[-1] % self.patch))
        if x.ndim == 4 and x.shape[2] != self.bands:
            x = F.adaptive_avg_pool2d(x, (self.bands, x.shape[3]))
        return self.project(x).flatten(2).transpose(1, 2)
