"""DCGAN: pictures from latents by transposed convolutions, and the discriminator that mirrors them.

Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks" (2016, arXiv 1511.06434). Here the pictures are log-mel spectrograms of one channel
(`creativeml.audio.pictures`); it is trained by `training.picture_gan` with the paper's binary cross-entropy and Adam of
2e-4, beta1 0.5.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.activations import LEAK
from creativeml.layers.init import initialise_narrow
from creativeml.models.registry import register


@dataclass(frozen=True)
class DCGANConfig:
    """Shape of generator and discriminator. The paper's is `channels=64, in_channels=3` (see `dcgan_config`)."""

    height: int = 64
    """Mel bands; a multiple of 2 to the power of `levels`."""
    width: int = 64
    """Frames; likewise."""
    in_channels: int = 1
    latent_dim: int = 100
    channels: int = 16
    """Channels next to the picture; they double at each level towards the latent."""
    levels: int = 4
    """Layers that double both axes."""

    def __post_init__(self) -> None:
        for name in ("in_channels", "latent_dim", "channels", "levels"):
            check_range(name, getattr(self, name), 1)
        for name in ("height", "width"):
            size = getattr(self, name)
            if size < 1 or size % 2**self.levels:
                raise ValueError(f"{name} must be a multiple of {2**self.levels}, not {size}")

    @property
    def coarsest(self) -> tuple[int, int]:
        """Height and width that the latent becomes at once."""
        return self.height // 2**self.levels, self.width // 2**self.levels

    def widths(self) -> list[int]:
        """Channels from the coarsest level to that next to the picture."""
        return [self.channels * 2**level for level in reversed(range(self.levels))]


def dcgan_config() -> DCGANConfig:
    """As published: 64 x 64 pictures of three channels."""
    return DCGANConfig(in_channels=3, channels=64)


@register("dcgan", DCGANConfig)
class DCGAN(nn.Module):
    """The generator.

    Args:
        config: its shape.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths()
        first = nn.ConvTranspose2d(config.latent_dim, widths[0], config.coarsest, bias=False)
        layers: list[nn.Module] = [first, nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [_up(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [_up(widths[-1], config.in_channels), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        initialise_narrow(self)

    def forward(self, latent: Tensor) -> Tensor:
        """Pictures of latents.

        Args:
            latent: `(b, latent_dim)`, standard normal.

        Returns:
            `(b, in_channels, height, width)` within ±1.

        Raises:
            ValueError: latents of another size.
        """
        if latent.shape[1:] != (self.config.latent_dim,):
            raise ValueError(f"latents must be (b, {self.config.latent_dim}), not {tuple(latent.shape)}")
        return self.layers(latent[:, :, None, None])


class DCGANDiscriminator(nn.Module):
    """The generator's mirror image: pictures → how surely they are real.

    Args:
        config: that of the generator.
    """

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths()[::-1]
        layers: list[nn.Module] = [_down(config.in_channels, widths[0]), nn.LeakyReLU(LEAK)]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [_down(inputs, outputs), nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]
        layers += [nn.Conv2d(widths[-1], 1, config.coarsest, bias=False), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)
        initialise_narrow(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """`(b, in_channels, height, width)` → logits `(b,)`.

        Raises:
            ValueError: pictures of another size, of which there would be several logits each, or none.
        """
        shape = (self.config.in_channels, self.config.height, self.config.width)
        if pictures.shape[1:] != shape:
            raise ValueError(f"pictures must be (b, {', '.join(map(str, shape))}), not {tuple(pictures.shape)}")
        return self.layers(pictures)


def _up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)


def _down(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
