"""Pictures from pictures: a conditional GAN with a U-shaped generator and a discriminator of patches.

Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional adversarial networks" (2017, arXiv 1611.07004).
Trained by `training.picture_gan`: L1 distance to the wanted picture, and a discriminator that sees source and picture
together and judges every 70 x 70 patch.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.activations import LEAK
from creativeml.layers.init import initialise_narrow
from creativeml.models.registry import register

_WIDEST = 8
"""Channels of the coarsest levels, in those of the finest."""


@dataclass(frozen=True)
class Pix2PixConfig:
    """Shape of generator and discriminator. The paper's is `pix2pix_config()`."""

    in_channels: int = 1
    """Of the source."""
    out_channels: int = 1
    """Of the picture."""
    channels: int = 8
    """Of the finest level; they double down to eight times as many."""
    depth: int = 5
    """Levels, each of which halves both axes."""
    dropout: float = 0.5
    """In the three coarsest levels of the way up; the paper's only source of noise. In evaluation mode it is off."""
    patch_levels: int = 3
    """Levels of the discriminator that halve both axes: 3 make patches of 70 pixels a side."""

    def __post_init__(self) -> None:
        for name in ("in_channels", "out_channels", "channels", "patch_levels"):
            check_range(name, getattr(self, name), 1)
        check_range("depth", self.depth, 2)
        check_probability("dropout", self.dropout)

    def widths(self, levels: int) -> list[int]:
        """Channels of so many levels, from the finest on."""
        return [self.channels * min(2**level, _WIDEST) for level in range(levels)]


def pix2pix_config() -> Pix2PixConfig:
    """As published, for pictures of 256 x 256 and three channels."""
    return Pix2PixConfig(in_channels=3, out_channels=3, channels=64, depth=8)


@register("pix2pix", Pix2PixConfig)
class Pix2Pix(nn.Module):
    """The generator: strided convolutions down, transposed ones up, each of which sees the level of its size again.

    Args:
        config: its shape.
    """

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths(config.depth)
        self.down = nn.ModuleList([nn.Conv2d(config.in_channels, widths[0], 4, 2, 1, bias=False)])
        for level, (inputs, outputs) in enumerate(itertools.pairwise(widths), 1):
            # At the coarsest level a picture may be one pixel, of which there are no statistics.
            norm = nn.BatchNorm2d(outputs) if level < config.depth - 1 else nn.Identity()
            convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
            self.down.append(nn.Sequential(nn.LeakyReLU(LEAK), convolution, norm))
        self.up = nn.ModuleList()
        for level in reversed(range(1, config.depth)):
            inputs = widths[level] * (1 if level == config.depth - 1 else 2)
            deep = config.depth - 4 <= level < config.depth - 1
            self.up.append(
                nn.Sequential(
                    nn.ReLU(),
                    nn.ConvTranspose2d(inputs, widths[level - 1], 4, 2, 1, bias=False),
                    nn.BatchNorm2d(widths[level - 1]),
                    nn.Dropout(config.dropout if deep else 0.0),
                )
            )
        last = nn.ConvTranspose2d(2 * widths[0], config.out_channels, 4, 2, 1)
        self.to_picture = nn.Sequential(nn.ReLU(), last, nn.Tanh())
        initialise_narrow(self)

    def forward(self, source: Tensor) -> Tensor:
        """Pictures of sources.

        Args:
            source: `(b, in_channels, height, width)`, about within ±1, both sizes multiples of 2 to the power of
                `depth`.

        Returns:
            `(b, out_channels, height, width)` within ±1.

        Raises:
            ValueError: sizes that cannot be halved so often.
        """
        step = 2**self.config.depth
        if source.shape[-2] % step or source.shape[-1] % step:
            sizes = " x ".join(map(str, source.shape[-2:]))
            raise ValueError(f"pictures must be multiples of {step} high and wide, not {sizes}")
        levels, x = [], source
        for down in self.down:
            x = down(x)
            levels.append(x)
        for up, beside in zip(self.up, reversed(levels[:-1]), strict=True):
            x = torch.cat([up(x), beside], 1)
        return self.to_picture(x)


class PatchDiscriminator(nn.Module):
    """Judge of patches: how surely each is real, given the source (PatchGAN).

    Args:
        config: that of the generator.
    """

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        widths = config.widths(config.patch_levels + 1)
        first = nn.Conv2d(config.in_channels + config.out_channels, widths[0], 4, 2, 1)
        layers: list[nn.Module] = [first, nn.LeakyReLU(LEAK)]
        for level, (inputs, outputs) in enumerate(itertools.pairwise(widths), 1):
            stride = 2 if level < config.patch_levels else 1
            convolution = nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]
        layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)
        initialise_narrow(self)

    def forward(self, source: Tensor, picture: Tensor) -> Tensor:
        """`(b, in_channels, h, w)` and `(b, out_channels, h, w)` → logits `(b, 1, rows, columns)`, one a patch."""
        return self.layers(torch.cat([source, picture], 1))
