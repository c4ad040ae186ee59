"""SoundNet (Aytar, Vondrick, Torralba 2016, arXiv 1610.09001): its fifth convolution, on the waveform."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.evaluation.outside.front_end import pad_to

RATE = 22050
DIMENSIONS = 256
_SCALE = 256.0
"""The network was trained on waveforms from -256 to 256."""
# Channels, kernel, pooling behind it; every convolution has stride 2 and half its kernel as padding.
_LAYERS = ((16, 64, 8), (32, 32, 8), (64, 16, 1), (128, 8, 1), (256, 4, 1))
_SHORTEST = 8192


class Network(nn.Module):
    """Waveform → mean over time of conv5 after its rectifier."""

    def __init__(self) -> None:
        super().__init__()
        inputs = [1, *(channels for channels, _, _ in _LAYERS)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, channels, kernel, stride=2, padding=kernel // 2)
            for before, (channels, kernel, _) in zip(inputs, _LAYERS, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for channels, _, _ in _LAYERS)

    def maps(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 22,050 Hz → `(b, 256, frames)`, a frame every 2,048 samples."""
        signal = pad_to(sounds, _SHORTEST)[:, None] * _SCALE
        for convolution, norm, (_, _, pool) in zip(self.convolutions, self.norms, _LAYERS, strict=True):
            signal = functional.relu(norm(convolution(signal)))
            if pool > 1:
                signal = functional.max_pool1d(signal, pool)
        return signal

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 22,050 Hz → `(b, 256)`."""
        return self.maps(sounds).mean(2)


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of `Network` from the dictionary in `sound8.npy` (layer → parameter → array)."""
    result = {}
    for place in range(len(_LAYERS)):
        layer = checkpoint[f"conv{place + 1}"]
        # (kernel, 1, inputs, outputs) as in TensorFlow.
        result[f"convolutions.{place}.weight"] = layer["weights"].squeeze(1).permute(2, 1, 0)
        result[f"convolutions.{place}.bias"] = layer["biases"]
        for ours, theirs in (("weight", "gamma"), ("bias", "beta"), ("running_mean", "mean"), ("running_var", "var")):
            result[f"norms.{place}.{ours}"] = layer[theirs]
        result[f"norms.{place}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
    return result
