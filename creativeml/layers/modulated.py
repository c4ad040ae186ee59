"""Style-modulated convolution, adaptive instance normalisation and time-shaped noise.

Sequences are `(batch, channels, 1, frames)`; see `layers.equalized` for the reason of the third axis.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear


class ModulatedConv(nn.Module):
    """Convolution whose input channels are scaled by a style and whose output keeps unit variance.

    Weight demodulation of StyleGAN2 (Karras et al. 2020), applied to the activations instead of to one weight tensor
    per sound: the same result, and faster on CPUs than grouped convolutions.

    Args:
        inputs, outputs: channels.
        kernel: length in frames, odd.
        style_dim: size of the style vector.
        demodulate: divide by the expected standard deviation and apply the `GAIN` of the activation that follows
            (off in output layers).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, kernel))
        self.scale = 1.0 / math.sqrt(inputs * kernel)
        self.to_scale = EqualLinear(style_dim, inputs, bias=1.0)
        self.demodulate = demodulate
        self.padding = (0, kernel // 2)
        self._frozen: tuple[tuple[int, int], tuple[Tensor, Tensor]] | None = None

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x (b, inputs, 1, t)`, `style (b, style_dim)` → `(b, outputs, 1, t)`."""
        scale = self.to_scale(style)
        weight, weight_power = self._scaled()
        y = F.conv2d(x * scale.to(x.dtype)[:, :, None, None], weight, padding=self.padding)
        if not self.demodulate:
            return y
        # Sum over the kernel of (weight * scale)^2, as a small matrix product.
        power = F.linear(scale.float().square(), weight_power)
        return y * (GAIN * torch.rsqrt(power + 1e-8)).to(y.dtype)[:, :, None, None]

    def _scaled(self) -> tuple[Tensor, Tensor]:
        """The weight at its run-time scale and its power per pair of channels; remembered once it is frozen."""
        if self.weight.requires_grad or self.weight.is_inference():
            return _scale_weight(self.weight, self.scale)
        # The version counts changes in place (but not those made through `.data`).
        key = (self.weight.data_ptr(), self.weight._version)
        if self._frozen is None or self._frozen[0] != key:
            # Outside of inference mode, since what is made there can take part in no gradient later.
            with torch.inference_mode(False):
                weight, power = _scale_weight(self.weight.detach(), self.scale)
                # The layout that the kernels want; otherwise they reorder the weight at every call.
                self._frozen = (key, (weight.contiguous(memory_format=torch.channels_last), power))
        return self._frozen[1]


def _scale_weight(weight: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    scaled = weight * scale
    return scaled, scaled.float().square().sum((2, 3))


class AdaINConv(nn.Module):
    """Convolution followed by adaptive instance normalisation (Huang & Belongie 2017; StyleGAN, Karras et al. 2019).

    Takes the arguments of `ModulatedConv`, which it can stand in for.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.conv = EqualConv(inputs, outputs, (1, kernel), bias=False)
        self.to_affine = EqualLinear(style_dim, 2 * outputs)
        self.demodulate = demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x (b, inputs, 1, t)`, `style (b, style_dim)` → `(b, outputs, 1, t)`."""
        y = self.conv(x)
        if not self.demodulate:
            return y
        deviation, mean = torch.var_mean(y.float(), dim=(2, 3), keepdim=True, correction=0)
        gain, shift = self.to_affine(style)[:, :, None, None].chunk(2, dim=1)
        normal = (y.float() - mean) * (GAIN * torch.rsqrt(deviation + 1e-6))
        return (normal * (1.0 + gain) + shift).to(y.dtype)


class ShapedNoise(nn.Module):
    """Adds one noise sequence to all channels, each with its own strength and decay.

    The noise fades towards the end of the sound, so that a tail ends in silence (shaped noise of StyleWaveGAN,
    Lavault et al. 2022).
    """

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.decay = nn.Parameter(torch.zeros(channels))
        self.frames = frames
        time = torch.linspace(0, 1, frames)
        self.register_buffer("time", time, persistent=False)
        self.register_buffer("fade", torch.sqrt(1.0 - time), persistent=False)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """`x (b, channels, 1, frames)`, `noise (b, frames)` → like `x`."""
        rate = F.softplus(self.decay)[:, None] * 8.0
        shape = self.strength[:, None] * torch.exp(-rate * self.time) * self.fade
        return torch.addcmul(x, shape.to(x.dtype)[None, :, None, :], noise.to(x.dtype)[:, None, None, :])
