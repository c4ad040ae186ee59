"""VGGish (Hershey et al. 2017, arXiv 1609.09430): a VGG over log-mel patches of 0.96 s, before PCA."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from creativeml.audio.log_mel import hz_to_mel
from creativeml.evaluation.outside.front_end import pad_to

RATE = 16000
DIMENSIONS = 128
_WINDOW, _HOP, _TRANSFORM = 400, 160, 512
_BANDS, _LOW_HZ, _HIGH_HZ = 64, 125.0, 7500.0
_OFFSET = 0.01
_FRAMES = 96
_PATCH = _FRAMES * _HOP
_LAYERS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")


class Network(nn.Module):
    """Waveform → mean over its patches of the 128 values; modules are named as in the public port to torch."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for layer in _LAYERS:
            if isinstance(layer, int):
                layers += [nn.Conv2d(channels, layer, 3, padding=1), nn.ReLU()]
                channels = layer
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        sizes = (512 * 6 * 4, 4096, 4096, DIMENSIONS)
        dense = [[nn.Linear(a, b), nn.ReLU()] for a, b in itertools.pairwise(sizes)]
        self.embeddings = nn.Sequential(*(module for pair in dense for module in pair))

    def encode(self, patches: Tensor) -> Tensor:
        """Log-mel patches `(n, 96, 64)` → `(n, 128)`, none negative."""
        # Channels last, because that is how TensorFlow flattened them.
        return self.embeddings(self.features(patches[:, None]).permute(0, 2, 3, 1).flatten(1))

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 16 kHz → `(b, 128)`: silence fills up the last patch (the original drops it)."""
        beyond = _WINDOW - _HOP  # by which the last frame of a patch reaches over its end
        count = max(1, -(-(sounds.shape[1] - beyond) // _PATCH))
        levels = log_mel_frames(pad_to(sounds, count * _PATCH + beyond))[:, : count * _FRAMES]
        patches = levels.reshape(len(sounds) * count, _FRAMES, _BANDS)
        return self.encode(patches).view(len(sounds), count, DIMENSIONS).mean(1)


def log_mel_frames(sounds: Tensor) -> Tensor:
    """ln(0.01 + mel magnitude) of frames that lie wholly within: `(b, samples)` → `(b, frames, 64)`."""
    frames = sounds.unfold(1, _WINDOW, _HOP) * torch.hann_window(_WINDOW, dtype=sounds.dtype)
    return torch.log(torch.fft.rfft(frames, _TRANSFORM).abs() @ _filters().to(sounds) + _OFFSET)


def _filters() -> Tensor:
    """Triangles whose sides are straight in mel (not in Hz), without the constant bin: `(257, 64)`."""
    bins = torch.tensor([hz_to_mel(k * RATE / _TRANSFORM) for k in range(_TRANSFORM // 2 + 1)], dtype=torch.float64)
    edges = torch.linspace(hz_to_mel(_LOW_HZ), hz_to_mel(_HIGH_HZ), _BANDS + 2, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).T * (torch.arange(len(bins)) > 0)[:, None]


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of `Network` from the public port to torch (the PCA, a file of its own, is not used)."""
    return {name: value for name, value in checkpoint.items() if not name.startswith("pproc.")}
