"""Untrained networks of well-known shapes, as references of speed and size for `creativeml bench`.

They cannot be trained or loaded here, only played: how long a sound takes does not depend on the weights. Both follow
`creativeml.synthesis.generate.SoundModel`; the kind of sound has no effect on either.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.kinds import KINDS
from creativeml.layers.equalized import GAIN, EqualLinear, activate
from creativeml.layers.modulated import ModulatedConv
from creativeml.layers.module_list import ModuleListOf
from creativeml.layers.pqmf import PQMF
from creativeml.layers.resampling import upsample


@dataclass(frozen=True)
class PeerConfig:
    """What is asked of a model that is to be played.

    Attributes:
        latent_dim: numbers that decide one sound.
        kinds, sample_rate, length_samples: as of the models they are compared with.
    """

    latent_dim: int
    kinds: tuple[str, ...] = KINDS
    sample_rate: int = 44100
    length_samples: int = 65536


class _Peer(nn.Module):
    """What the peers have in common: kinds without effect."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.config = PeerConfig(latent_dim)

    def condition_for(self, kinds: Sequence[str]) -> Tensor:
        """Conditions of size 0: `(len(kinds), 0)`."""
        return torch.zeros(len(kinds), 0, device=next(self.parameters()).device)

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """None."""
        return ()


class StyleGAN2Generator1d(_Peer):
    """The generator of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958) in one dimension, with kernels of length 9.

    Mapping network of 8 layers of 512; a learned start of 16 frames; at each rate two modulated convolutions with noise
    (one at the start) and a contribution to the waveform, which is summed over the rates; the rate doubles up to 65,536
    samples. The channels are chosen to give the size and work of the network that StyleWaveGAN was first measured
    against: 19.3 M parameters, 9.4 GFLOP a sound.
    """

    START_FRAMES = 16
    CHANNELS = (384, 384, 384, 384, 256, 256, 192, 128, 64, 32, 32, 16, 16)
    KERNEL = 9
    STYLE_DIM = 512
    MAPPING_LAYERS = 8

    def __init__(self) -> None:
        super().__init__(self.STYLE_DIM)
        dim, channels = self.STYLE_DIM, self.CHANNELS
        self.mapping = nn.ModuleList(EqualLinear(dim, dim, gain=GAIN, rate=0.01) for _ in range(self.MAPPING_LAYERS))
        self.start = nn.Parameter(torch.randn(1, channels[0], 1, self.START_FRAMES))
        self.first = _NoisyConv(channels[0], channels[0], self.KERNEL, dim, self.START_FRAMES)
        self.pairs: ModuleListOf[ModuleListOf[_NoisyConv]] = ModuleListOf()
        for n, (inputs, outputs) in enumerate(itertools.pairwise(channels), 1):
            frames = self.START_FRAMES * 2**n
            sizes = (inputs, outputs, outputs)
            self.pairs.append(
                ModuleListOf(_NoisyConv(i, o, self.KERNEL, dim, frames) for i, o in itertools.pairwise(sizes))
            )
        self.to_wave = nn.ModuleList(ModulatedConv(c, 1, 1, dim, demodulate=False) for c in channels)

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """One sequence for each convolution."""
        return ((self.first.frames,), *((conv.frames,) for pair in self.pairs for conv in pair))

    def forward(
        self, latent: Tensor, condition: Tensor, *, noise: Sequence[Tensor] | None = None, truncation: float = 1.0
    ) -> Tensor:
        """`latent (b, 512)` → `(b, 65536)`; noise is drawn afresh if None."""
        batch = len(latent)
        if noise is None:
            noise = [torch.randn(batch, *shape, device=latent.device) for shape in self.noise_shapes()]
        sequences = iter(noise)
        style = latent * torch.rsqrt(latent.square().mean(1, keepdim=True) + 1e-8) * truncation
        for layer in self.mapping:
            style = activate(layer(style))
        x = self.start.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.first(x, style, next(sequences))
        wave = self.to_wave[0](x, style)
        for pair, to_wave in zip(self.pairs, self.to_wave[1:], strict=True):
            x = upsample(x, 2)
            for conv in pair:
                x = conv(x, style, next(sequences))
            wave = upsample(wave, 2) + to_wave(x, style)
        return wave.flatten(1)


class _NoisyConv(nn.Module):
    """Modulated convolution, noise of a learned strength, bias, leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, style_dim: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.conv = ModulatedConv(inputs, outputs, kernel, style_dim)
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        y = self.conv.convolve(x, self.conv.style_map(style), self.bias)
        return activate(y + (self.strength * noise).to(y.dtype)[:, None, None, :])


class RaveV2Decoder(_Peer):
    """A decoder of the size and structure of RAVE v2 (Caillon and Esling 2021, arXiv 2111.05011, its public settings).

    128 latent numbers every 2,048 samples; four transposed convolutions with strides 2, 4, 4, 4, each followed by
    residual units of dilated convolutions; at the end 16 bands with a gain each, which a pseudo quadrature mirror
    filterbank makes one signal. 15.5 M parameters, 4.8 GFLOP a sound. Weight normalisation, which an exported model no
    longer has, is left out.
    """

    BANDS = 16
    LATENT_DIM = 128
    CAPACITY = 96
    STRIDES = (2, 4, 4, 4)
    DILATIONS = ((1, 3), (1, 3, 9), (1, 3, 9), (1, 3, 9))
    KERNEL = 3
    FRAMES = 32

    def __init__(self) -> None:
        super().__init__(self.FRAMES * self.LATENT_DIM)
        channels = self.CAPACITY * 2 ** len(self.STRIDES)
        layers: list[nn.Module] = [nn.Conv1d(self.LATENT_DIM, channels, self.KERNEL, padding=self.KERNEL // 2)]
        for stride, dilations in zip(self.STRIDES, self.DILATIONS, strict=True):
            layers.append(nn.LeakyReLU(0.2))
            layers.append(nn.ConvTranspose1d(channels, channels // 2, 2 * stride, stride, padding=stride // 2))
            channels //= 2
            layers += [_DilatedUnit(channels, self.KERNEL, dilation) for dilation in dilations]
        last = 2 * self.KERNEL + 1
        layers += [nn.LeakyReLU(0.2), nn.Conv1d(channels, 2 * self.BANDS, last, padding=last // 2)]
        self.network = nn.Sequential(*layers)
        self.filterbank = PQMF(self.BANDS)

    def forward(
        self, latent: Tensor, condition: Tensor, *, noise: Sequence[Tensor] | None = None, truncation: float = 1.0
    ) -> Tensor:
        """`latent (b, 32 * 128)` → `(b, 65536)`."""
        bands, gains = self.network((latent * truncation).unflatten(1, (self.LATENT_DIM, self.FRAMES))).chunk(2, dim=1)
        return self.filterbank.synthesize(torch.tanh(bands * torch.sigmoid(gains)))


class _DilatedUnit(nn.Module):
    """`x` plus a dilated convolution and one of length 1 of it."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(channels, channels, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(F.leaky_relu(self.dilated(F.leaky_relu(x, 0.2)), 0.2))


PEERS: Mapping[str, Callable[[], nn.Module]] = {
    "1-D StyleGAN2": StyleGAN2Generator1d,
    "RAVE v2 decoder": RaveV2Decoder,
}
"""What the tables call them, and how to make one with random weights."""
