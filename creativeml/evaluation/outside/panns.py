"""PANNs (Kong et al. 2020, arXiv 1912.10211): CNN14, and Wavegram-Logmel-CNN14 which hears the waveform as well."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.audio.slaney_mel import slaney_filters
from creativeml.evaluation.outside.front_end import pad_to, power_frames

RATE = 32000
DIMENSIONS = 2048
_WINDOW, _HOP, _BANDS = 1024, 320, 64
_LOW_HZ, _HIGH_HZ = 50, 14000
_LEAST_POWER = 1e-10
_CHANNELS = (64, 128, 256, 512, 1024, 2048)
_SHORTEST = 2 * RATE
"""Two seconds: five poolings by two leave less than a frame of shorter sounds than 0.32 s."""


class _Block(nn.Module):
    """Two convolutions of 3 x 3, then the mean over a field."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, signal: Tensor, field: tuple[int, int] = (2, 2)) -> Tensor:
        signal = functional.relu(self.bn1(self.conv1(signal)))
        return functional.avg_pool2d(functional.relu(self.bn2(self.conv2(signal))), field)


class Network(nn.Module):
    """CNN14: waveform → the 2,048 values before the tags. Modules are named as in the published checkpoints."""

    second_inputs = _CHANNELS[0]

    def __init__(self) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(_BANDS)
        inputs = (1, self.second_inputs, *_CHANNELS[1:-1])
        for number, (before, after) in enumerate(zip(inputs, _CHANNELS, strict=True), 1):
            self.add_module(f"conv_block{number}", _Block(before, after))
        self.fc1 = nn.Linear(_CHANNELS[-1], DIMENSIONS)

    def beside(self, sounds: Tensor, first: Tensor) -> Tensor:
        """What the second block hears, given the first one's output."""
        return first

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 32 kHz → `(b, 2048)`."""
        sounds = pad_to(sounds, _SHORTEST)
        filters = slaney_filters(RATE, _WINDOW, _BANDS, _LOW_HZ, _HIGH_HZ).to(sounds)
        power = power_frames(sounds, _WINDOW, _HOP, "reflect") @ filters
        levels = 10 * torch.log10(power.clamp_min(_LEAST_POWER))
        signal = self.bn0(levels.transpose(1, 2)[..., None])[..., 0].transpose(1, 2)[:, None]
        signal = self.beside(sounds, self.get_submodule("conv_block1")(signal))
        for number in range(2, 7):
            signal = self.get_submodule(f"conv_block{number}")(signal, (2, 2) if number < 6 else (1, 1))
        signal = signal.mean(3)
        return functional.relu(self.fc1(signal.amax(2) + signal.mean(2)))


class _WaveBlock(nn.Module):
    """Two convolutions over time, the second one dilated, then the maximum over four samples."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=2, dilation=2, bias=False)
        self.bn1 = nn.BatchNorm1d(outputs)
        self.bn2 = nn.BatchNorm1d(outputs)

    def forward(self, signal: Tensor) -> Tensor:
        signal = functional.relu(self.bn1(self.conv1(signal)))
        return functional.max_pool1d(functional.relu(self.bn2(self.conv2(signal))), 4)


class WavegramNetwork(Network):
    """Wavegram-Logmel-CNN14: a learnt picture of the waveform stands beside the first block's."""

    second_inputs = 2 * _CHANNELS[0]

    def __init__(self) -> None:
        super().__init__()
        self.pre_conv0 = nn.Conv1d(1, 64, 11, stride=5, padding=5, bias=False)
        self.pre_bn0 = nn.BatchNorm1d(64)
        self.pre_block1 = _WaveBlock(64, 64)
        self.pre_block2 = _WaveBlock(64, 128)
        self.pre_block3 = _WaveBlock(128, 128)
        self.pre_block4 = _Block(4, 64)

    def beside(self, sounds: Tensor, first: Tensor) -> Tensor:
        """Both pictures: `(b, 128, frames, 32)`."""
        wave = functional.relu(self.pre_bn0(self.pre_conv0(sounds[:, None])))
        for block in (self.pre_block1, self.pre_block2, self.pre_block3):
            wave = block(wave)
        # 128 channels are 4 pictures of 32 bands.
        wave = wave.unflatten(1, (-1, 32)).transpose(2, 3)
        wave = self.pre_block4(wave, (2, 1))
        frames = min(first.shape[2], wave.shape[2])
        return torch.cat([first[:, :, :frames], wave[:, :, :frames]], 1)


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of either network from a published checkpoint; the tags and the spectrogram's constants are left out."""
    left_out = ("fc_audioset.", "spectrogram_extractor.", "logmel_extractor.")
    return {name: value for name, value in checkpoint["model"].items() if not name.startswith(left_out)}
