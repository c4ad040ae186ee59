"""What the *texture* method descends: the distance from the style's statistics and from the content's rhythm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import power_spectrogram
from creativeml.losses.gram import gram_distance, mixed
from creativeml.models.transfer.ear_layers import EarLayers, hears
from creativeml.models.transfer.texture_net import TextureNet, TextureNetConfig
from creativeml.synthesis.style_transfer.envelopes import FLOOR_DB, grouped, steadied
from creativeml.synthesis.style_transfer.frames import Frames, to_db


@dataclass(frozen=True)
class Statistics:
    """Gram matrices of a sound: of the random network, coarse to fine, and of the trained one."""

    random: list[Tensor]
    trained: list[Tensor]


class TextureLoss:
    """Distances of a sound from a style and from a rhythm, with their gradients.

    One short-time transform serves the finest random scale, the trained layers and the rhythm.

    Args:
        frames: of the sample rate.
        net: shape of the random network; its finest window must be that of the frames.
        trained: whether the bundled ear listens too, at rates at which it hears.
    """

    def __init__(self, frames: Frames, net: TextureNetConfig, *, trained: bool) -> None:
        self._frames = frames
        self.net = TextureNet(net, frames.sample_rate)
        self._finest = len(net.scales) - 1
        if self.net.window(self._finest) != frames.window:
            raise ValueError(f"the finest scale must have a window of {frames.window} samples")
        self.ear = EarLayers(frames.sample_rate) if trained and hears(frames.sample_rate) else None

    @torch.no_grad()
    def statistics(self, sound: Tensor) -> Statistics:
        """Of a sound `(samples,)`."""
        trained = self.ear.grams_of_power(self._power(sound)[:, ::2]) if self.ear else []
        return Statistics(self.net.grams(sound), trained)

    def coarse(self, sound: Tensor, wanted: Statistics) -> Tensor:
        """Distance from wanted statistics by the coarsest scale alone."""
        return gram_distance(self.net.grams(sound, [0]), wanted.random[:1])

    def style_and_rhythm(
        self, sound: Tensor, wanted: Statistics, envelope: Tensor, mean_power: Tensor, *, ear: float, rhythm: bool
    ) -> tuple[Tensor, Tensor]:
        """Distance from wanted statistics, and from a rhythm.

        Args:
            sound: `(samples,)`.
            wanted: statistics.
            envelope: `(bands, frames)` in dB relative to `mean_power` (`bands,`).
            ear: weight of the trained layers; 0 leaves them out.
            rhythm: whether it is asked for; else it is 0.
        """
        power = self._power(sound)
        made = [*self.net.grams(sound, range(self._finest)), self.net.gram(power, self._finest)]
        style = gram_distance(made, wanted.random)
        if ear and self.ear:
            style = style + ear * gram_distance(self.ear.grams_of_power(power[:, ::2]), wanted.trained)
        if not rhythm:
            return style, style.new_zeros(())
        bands = steadied(self._frames.filters.mT @ power, self._frames)
        levels = to_db(bands / (mean_power[:, None] + 1e-20)).clamp_min(FLOOR_DB)
        # In steps of 10 dB, far ones counting less than squares would.
        return style, F.smooth_l1_loss(grouped(levels) / 10, grouped(envelope) / 10)

    def _power(self, sound: Tensor) -> Tensor:
        return power_spectrogram(sound[None], self._frames.window, self._frames.hop)[0]


def between(content: Statistics, style: Statistics, share: float) -> Statistics:
    """Statistics on the way from a content's to a style's."""
    return Statistics(mixed(content.random, style.random, share), mixed(content.trained, style.trained, share))
