"""Style-modulated convolution, adaptive instance normalisation and time-shaped noise.

Sequences are `(batch, channels, 1, frames)`; see `layers.equalized` for the reason of the third axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear
from creativeml.layers.frozen import Remembered
from creativeml.layers.packed import PackedConv


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

    least_power: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, kernel))
        self.scale = 1.0 / math.sqrt(inputs * kernel)
        self.to_scale = EqualLinear(style_dim, inputs, bias=1.0)
        self.demodulate = demodulate
        # Dilation means nothing for a kernel of 1, but makes torch take its fast kernels on one thread too.
        self._conv = PackedConv((0, kernel // 2), 2 if kernel == 1 else 1)
        self._scaled = Remembered[tuple[Tensor, Tensor]]()
        self.register_buffer("least_power", torch.full((outputs,), 1e-8), persistent=False)

    @property
    def style_map(self) -> EqualLinear:
        """The map of the style that the layer needs; see `StyleMaps`."""
        return self.to_scale

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x (b, inputs, 1, t)`, `style (b, style_dim)` → `(b, outputs, 1, t)`."""
        return self.convolve(x, self.to_scale(style))

    def convolve(self, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
        """As `forward`, with the mapped style `(b, inputs)`, plus `bias (1, outputs, 1, 1)` if given."""
        weight, weight_power = self._scaled.of((self.weight,), lambda: self._scale_weight(x.dtype), x.dtype)
        y = self._convolve(x, weight, scale.to(x.dtype)[:, :, None, None])
        if not self.demodulate:
            return y if bias is None else y + bias.to(y.dtype)
        # Sum over the kernel of (weight * scale)^2, as a small matrix product.
        power = F.linear(scale.float().square(), weight_power, self.least_power)
        norm = torch.rsqrt(power).to(y.dtype)[:, :, None, None]
        return y * norm if bias is None else torch.addcmul(bias.to(y.dtype), y, norm)

    def _convolve(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        # A traced model (`torch.export`) must take any number of sounds.
        if weight.shape[-1] > 1 or torch.compiler.is_compiling() or len(x) > 1:
            return self._conv(x * scale, weight)
        # A single sound: the weight is the smaller of the two, and torch has no fast convolution of length 1.
        return F.linear(x.permute(0, 2, 3, 1), (weight * scale).flatten(1)).permute(0, 3, 1, 2)

    def _scale_weight(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The weight at its run-time scale, and its power per pair of channels over that of the gain."""
        scaled = self.weight * self.scale
        power = (scaled.float() / GAIN).square().sum((2, 3))
        if scaled.requires_grad:
            return scaled, power
        # The layout that the kernels want; otherwise they reorder a frozen weight at every call.
        return scaled.to(dtype).contiguous(memory_format=torch.channels_last), power


class AdaINConv(nn.Module):
    """Convolution followed by adaptive instance normalisation (Huang & Belongie 2017; StyleGAN, Karras et al. 2019).

    Takes the arguments of `ModulatedConv`, which it can stand in for.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, *, demodulate: bool = True) -> None:
        super().__init__()
        self.conv = EqualConv(inputs, outputs, (1, kernel), bias=False)
        self.to_affine = EqualLinear(style_dim, 2 * outputs)
        self.demodulate = demodulate

    @property
    def style_map(self) -> EqualLinear:
        """The map of the style that the layer needs; see `StyleMaps`."""
        return self.to_affine

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`x (b, inputs, 1, t)`, `style (b, style_dim)` → `(b, outputs, 1, t)`."""
        return self.convolve(x, self.to_affine(style))

    def convolve(self, x: Tensor, affine: Tensor, bias: Tensor | None = None) -> Tensor:
        """As `forward`, with the mapped style `(b, 2 * outputs)`, plus `bias (1, outputs, 1, 1)` if given."""
        y = self.conv(x)
        if not self.demodulate:
            return y if bias is None else y + bias.to(y.dtype)
        deviation, mean = torch.var_mean(y.float(), dim=(2, 3), keepdim=True, correction=0)
        gain, shift = affine[:, :, None, None].chunk(2, dim=1)
        normal = (y.float() - mean) * (GAIN * torch.rsqrt(deviation + 1e-6))
        shift = shift if bias is None else shift + bias
        return (normal * (1.0 + gain) + shift).to(y.dtype)


class StyleMaps:
    """The style maps of many layers as one matrix product: for a single sound twenty small ones cost more than it.

    Args:
        layers: those whose maps are taken, in the order in which their results are wanted.
    """

    def __init__(self, layers: Sequence[ModulatedConv | AdaINConv]) -> None:
        self._maps = [layer.style_map for layer in layers]
        self._joined = Remembered[tuple[Tensor, Tensor]]()

    def __call__(self, style: Tensor) -> Iterator[Tensor]:
        """`style (b, style_dim)` → what each layer's `convolve` takes."""
        weights = tuple(weight for m in self._maps for weight in (m.weight, m.bias))
        weight, bias = self._joined.of(weights, self._join)
        return iter(F.linear(style, weight, bias).split([len(m.bias) for m in self._maps], dim=1))

    def _join(self) -> tuple[Tensor, Tensor]:
        weights, biases = zip(*(m.scaled() for m in self._maps), strict=True)
        return torch.cat(weights), torch.cat(biases)


class ShapedNoise(nn.Module):
    """Adds one noise sequence to all channels, each with its own strength and decay.

    The noise fades towards the end of the sound, so that a tail ends in silence (shaped noise of StyleWaveGAN,
    Lavault et al. 2022). With `shaped=False` it is steady, as in StyleGAN.
    """

    time: Tensor
    fade: Tensor

    def __init__(self, channels: int, frames: int, *, shaped: bool = True) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels))
        self.decay = nn.Parameter(torch.zeros(channels)) if shaped else None
        self.frames = frames
        time = torch.linspace(0, 1, frames)
        self.register_buffer("time", time, persistent=False)
        self.register_buffer("fade", torch.sqrt(1.0 - time), persistent=False)
        self._shape = Remembered[Tensor]()

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """`x (b, channels, 1, frames)`, `noise (b, frames)` → like `x`."""
        weights = (self.strength,) if self.decay is None else (self.strength, self.decay)
        shape = self._shape.of(weights, lambda: self._envelopes().to(x.dtype), x.dtype)
        return torch.addcmul(x, shape, noise.to(x.dtype)[:, None, None, :])

    def _envelopes(self) -> Tensor:
        """`(1, channels, 1, frames)`, channels last as the sequences are."""
        if self.decay is None:
            return self.strength[None, :, None, None]
        rate = F.softplus(self.decay) * 8.0
        shape = self.strength * torch.exp(-rate * self.time[:, None]) * self.fade[:, None]
        return shape.T[None, :, None, :]
