"""musicnn (Pons and Serra 2019, arXiv 1909.06654): features of a music tagger, averaged over time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.audio.slaney_mel import slaney_filters
from creativeml.evaluation.outside.front_end import pad_to, power_frames

RATE = 16000
DIMENSIONS = 753
_WINDOW, _HOP, _BANDS = 512, 256, 96
_FRAMES = 187
"""Of one patch: 3 s, what the network was trained on."""
_EPSILON = 1e-3
# Frames and bands of the convolutions that hear timbre (their maximum over bands is kept) and those that hear rhythm.
_TIMBRAL = ((7, 38, 204), (7, 67, 204))
_TEMPORAL = ((128, 1, 51), (64, 1, 51), (32, 1, 51))
_MIDDLE = 64


class _Block(nn.Module):
    """Convolution, rectifier, normalisation: in this order, as the network was trained."""

    def __init__(self, frames: int, bands: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, channels, (frames, bands))
        self.norm = nn.BatchNorm2d(channels, eps=_EPSILON)
        # As TensorFlow pads to the same length: of an even kernel the larger half behind.
        self.padding = ((frames - 1) // 2, frames // 2)

    def forward(self, signal: Tensor) -> Tensor:
        """`(b, frames, bands)` → `(b, channels, frames)`: the maximum over bands."""
        kernel = self.convolution.weight
        padded = functional.pad(signal, (0, 0, *self.padding))
        if kernel.shape[3] == signal.shape[2]:
            # All bands at once: over time alone it is the same and much quicker.
            one = functional.conv1d(padded.transpose(1, 2), kernel[:, 0].transpose(1, 2), self.convolution.bias)
            heard = one[..., None]
        else:
            heard = self.convolution(padded[:, None])
        return self.norm(functional.relu(heard)).amax(3)


class Network(nn.Module):
    """Waveform → mean over time of front and middle (the original's `mean_pool`)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1, eps=_EPSILON)
        self.front = nn.ModuleList(_Block(*sizes) for sizes in (*_TIMBRAL, *_TEMPORAL))
        width = sum(channels for _, _, channels in (*_TIMBRAL, *_TEMPORAL))
        self.middle = nn.ModuleList(_Block(7, bands, _MIDDLE) for bands in (width, _MIDDLE, _MIDDLE))

    def maps(self, patches: Tensor) -> Tensor:
        """Compressed mel frames `(b, frames, 96)` → `(b, 753, frames)`."""
        signal = self.norm(patches[:, None])[:, 0]
        front = torch.cat([block(signal) for block in self.front], 1)
        layers = [front]
        for block in self.middle:
            made = block(layers[-1].transpose(1, 2))
            layers.append(made if len(layers) == 1 else made + layers[-1])
        return torch.cat(layers, 1)

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 16 kHz → `(b, 753)`: the mean over whole patches of 3 s; silence fills up the last one."""
        count = max(1, -(-sounds.shape[1] // (_FRAMES * _HOP)))
        mels = compressed_mel(pad_to(sounds, count * _FRAMES * _HOP))[:, : count * _FRAMES]
        patches = mels.reshape(len(sounds) * count, _FRAMES, _BANDS)
        return self.maps(patches).mean(2).view(len(sounds), count, DIMENSIONS).mean(1)


def compressed_mel(sounds: Tensor) -> Tensor:
    """log10(1 + 10,000 mel power): `(b, samples)` → `(b, frames, 96)`. The original rounds the power to 16 bits."""
    filters = slaney_filters(RATE, _WINDOW, _BANDS, 0, RATE / 2).to(sounds)
    return torch.log10(1 + 10000 * (power_frames(sounds, _WINDOW, _HOP) @ filters))


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of `Network` from a checkpoint of TensorFlow (`MSD_musicnn` or `MTT_musicnn`); its tagger is left out."""
    result = _norm(checkpoint, "norm", "batch_normalization")
    names = [f"front.{i}" for i in range(5)] + [f"middle.{i}" for i in range(3)]
    for place, name in enumerate(names):
        suffix = f"_{place}" if place else ""
        result[f"{name}.convolution.weight"] = checkpoint[f"conv2d{suffix}/kernel"].permute(3, 2, 0, 1)
        result[f"{name}.convolution.bias"] = checkpoint[f"conv2d{suffix}/bias"]
        result |= _norm(checkpoint, f"{name}.norm", f"batch_normalization_{place + 1}")
    return result


def _norm(checkpoint: Any, ours: str, theirs: str) -> dict[str, Tensor]:
    names = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    result = {f"{ours}.{key}": checkpoint[f"{theirs}/{name}"] for key, name in names.items()}
    return {**result, f"{ours}.num_batches_tracked": torch.zeros((), dtype=torch.int64)}
