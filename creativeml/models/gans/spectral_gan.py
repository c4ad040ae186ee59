"""Spectral GAN, a baseline: pictures of log-magnitude and instantaneous frequency drawn by 2-D convolutions.

Engel et al., "GANSynth: Adversarial neural audio synthesis" (ICLR 2019, arXiv 1902.08710), itself after Karras et al.,
"Progressive growing of GANs" (2018): nearest-neighbour upsampling, pairs of 3x3 convolutions with equalised learning
rates, pixel norm in the generator, minibatch standard deviation in the critic. The critic sees the generator's picture,
not the sound made of it.

What differs from the paper, and why:

- Linear frequency instead of mel. Recorded drums pass through the linear picture and back within 0.1 dB; a mel
  picture of the same size changes their spectra by 0.8 dB on average, since above 5 kHz neighbouring bins share one
  phase.
- A window of 1,024 samples every 256 (23 and 6 ms), which makes 512 x 256 pixels. The paper found more bins in fewer
  frames better for notes of 4 s; drums need the frames.
- One convolution at each resolution instead of two, and at the finest one patches of 2x2 pixels: 3.1 GFLOP a sound
  instead of 28, and eight times as many sounds to learn from in the same time on a CPU.
- The kind enters the critic by projection (Miyato and Koyama 2018, arXiv 1802.05637), as in the other models here, not
  by a second loss that classifies.
- No progressive growing: all resolutions are trained from the start.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.instantaneous_frequency import (
    demodulated_stft,
    from_picture,
    inverse_demodulated_stft,
    to_picture,
)
from creativeml.layers.batch_spread import with_batch_spread
from creativeml.layers.equalized import EqualConv, EqualLinear, activate
from creativeml.layers.module_list import ModuleListOf
from creativeml.layers.picture import PictureDecoder, conv_chain, patch_conv, pixel_norm
from creativeml.models.gans.condition import Kind, kind_shares
from creativeml.models.picture_config import PictureConfig
from creativeml.models.registry import register


@dataclass(frozen=True)
class SpectralGANConfig(PictureConfig):
    """Shape of generator and critic. The paper's is `window_samples=2048, hop_samples=512, convs_per_level=2, patch=1,
    channels=(256, 256, 256, 256, 128, 64, 32)`."""

    latent_dim: int = 256
    spread_group: int = 4
    """Sounds of a batch whose spread the critic sees (minibatch standard deviation); 0 for none."""


@register("spectral_gan", SpectralGANConfig)
class SpectralGAN(nn.Module):
    """The generator.

    Args:
        config: its shape.
    """

    def __init__(self, config: SpectralGANConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = PictureDecoder(
            config.latent_dim + config.condition_dim,
            2,
            config.coarsest,
            config.channels,
            convs_per_level=config.convs_per_level,
            patch=config.patch,
        )

    def condition_for(self, kinds: Sequence[Kind]) -> Tensor:
        """Condition vectors of kinds by name, or of mixtures: `(len(kinds), condition_dim)`.

        Raises:
            CreativeMLError: a kind that the model does not know.
        """
        return kind_shares(kinds, self.config.kinds, self.decoder.start.weight.device)

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """None: all of the sound comes from the latent."""
        return ()

    def forward(
        self,
        latent: Tensor,
        condition: Tensor,
        *,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 1.0,
        as_picture: bool = False,
    ) -> Tensor:
        """Sounds of latents.

        Args:
            latent: `(b, latent_dim)`, standard normal; only its direction counts.
            condition: `(b, condition_dim)`.
            noise: unused.
            truncation: factor on the latent's direction; at 0 a kind has one sound, 1 is as trained.
            as_picture: return pictures instead of sounds, as the critic sees them.

        Returns:
            Sounds `(b, length_samples)`, nominally within ±1 (nothing clamps them), or pictures `(b, 2, bins, frames)`
            as `creativeml.audio.instantaneous_frequency.to_picture` makes them; float32.
        """
        picture = self._draw(pixel_norm(latent) * truncation, condition)
        if as_picture:
            return picture
        return inverse_demodulated_stft(from_picture(picture), self.config.hop_samples)

    def _draw(self, latent: Tensor, condition: Tensor) -> Tensor:
        # A single kind has as much power per entry as the latent has.
        kind = condition * len(self.config.kinds) ** 0.5
        return torch.tanh(self.decoder(torch.cat([latent, kind], dim=1)))


class SpectralGANCritic(nn.Module):
    """The critic: the generator turned round, with averages of 2x2 pixels between its resolutions.

    Args:
        config: as of the generator.
    """

    def __init__(self, config: SpectralGANConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels[::-1]
        self.from_picture = patch_conv(2 * config.patch**2, c[0], config.patch)
        self.levels = ModuleListOf(conv_chain([i] * config.convs_per_level + [o]) for i, o in itertools.pairwise(c))
        self.last = EqualConv(c[-1] + (config.spread_group > 0), c[-1], (3, 3))
        height, width = config.coarsest
        self.to_features = EqualLinear(c[-1] * height * width, c[-1])
        self.score = EqualLinear(c[-1], 1)
        self.embed = EqualLinear(config.condition_dim, c[-1])

    def views(self, sounds: Tensor) -> list[Tensor]:
        """What the critic looks at: the picture of sounds `(b, length_samples)`, or pictures themselves."""
        if sounds.ndim == 4:
            return [sounds]
        c = self.config
        return [to_picture(demodulated_stft(sounds, c.window_samples, c.hop_samples))]

    def forward(self, views: Sequence[Tensor], condition: Tensor) -> Tensor:
        """`views` as `views` makes them, `condition (b, condition_dim)` → verdicts `(b, 1)`, higher for real."""
        patches = F.pixel_unshuffle(views[0], self.config.patch)
        x = activate(self.from_picture(patches.contiguous(memory_format=torch.channels_last)))
        for level in self.levels:
            for convolution in level:
                x = activate(convolution(x))
            x = F.avg_pool2d(x, 2)
        if self.config.spread_group:
            x = with_batch_spread(x, self.config.spread_group)
        x = activate(self.last(x))
        features = activate(self.to_features(x.flatten(1))).float()
        wanted = self.embed(condition).float()
        return self.score(features).float() + (features * wanted).mean(1, keepdim=True) * features.shape[1] ** 0.5

    def gates(self) -> list[float]:
        """None: this critic has no gates between its stages."""
        return []
