"""A convolutional autoencoder of waveforms or spectrograms.

Strided convolutions down, transposed ones up (Masci et al. 2011, doi 10.1007/978-3-642-21735-7_7), each of which halves
or doubles every size; one implementation over the dimension.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.by_dimension import Dims, by_dimension
from creativeml.models.registry import register


@dataclass(frozen=True)
class ConvAutoencoderConfig:
    """Shape of the autoencoder."""

    dims: Dims = 2
    """1 for waveforms `(b, c, samples)`, 2 for spectrograms `(b, c, bands, frames)`."""
    in_channels: int = 1
    channels: tuple[int, ...] = (16, 32)
    """Of each level; each halves every size."""
    code_channels: int = 8
    """Of the code."""

    def __post_init__(self) -> None:
        by_dimension(self.dims)
        check_range("in_channels", self.in_channels, 1)
        check_range("code_channels", self.code_channels, 1)
        if not self.channels or min(self.channels) < 1:
            raise ValueError("channels must name at least one level of at least one channel")

    @property
    def stride(self) -> int:
        """Input steps for each step of the code, along every size."""
        return 2 ** len(self.channels)


@register("conv_autoencoder", ConvAutoencoderConfig)
class ConvAutoencoder(nn.Module):
    """The autoencoder.

    Args:
        config: its shape.
    """

    def __init__(self, config: ConvAutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        layers = by_dimension(config.dims)
        down, up = layers.conv, layers.conv_transpose
        sizes = list(itertools.pairwise((config.in_channels, *config.channels)))
        encoder: list[nn.Module] = []
        for inputs, outputs in sizes:
            encoder += [down(inputs, outputs, 4, stride=2, padding=1), nn.ELU()]
        self.encoder = nn.Sequential(*encoder, down(config.channels[-1], config.code_channels, 1))
        decoder: list[nn.Module] = [down(config.code_channels, config.channels[-1], 1)]
        for inputs, outputs in reversed(sizes):
            decoder += [nn.ELU(), up(outputs, inputs, 4, stride=2, padding=1)]
        self.decoder = nn.Sequential(*decoder)

    def encode(self, x: Tensor) -> Tensor:
        """`(b, in_channels, n, ...)` → codes `(b, code_channels, n / stride, ...)`.

        Raises:
            ValueError: another number of sizes, or one that is no multiple of the stride.
        """
        config = self.config
        if x.dim() != config.dims + 2 or any(size % config.stride or not size for size in x.shape[2:]):
            raise ValueError(
                f"the input must be (b, {config.in_channels}, {config.dims} sizes), each a multiple of {config.stride},"
                f" not {tuple(x.shape)}"
            )
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        """The way back of `encode`."""
        return self.decoder(code)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, in_channels, n, ...)` → reconstruction of that shape."""
        return self.decode(self.encode(x))
