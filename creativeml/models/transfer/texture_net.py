"""Random convolutions over time at several scales, whose joint activity is the texture of a sound.

No training is needed to tell textures apart: D. Ulyanov, V. Lebedev, "Audio texture synthesis and style transfer",
2016, take one layer of random filters over time, with the frequencies as its channels, and E. Grinstein et al., "Audio
style transfer", 2018 (arXiv 1710.11385), find such a shallow random network as good as trained ones. Theirs has
thousands of filters on one spectrogram. Here are three spectrograms of long to short windows in mel bands, each with
its own few filters: what a wide layer draws by chance, several resolutions see by construction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.log_mel import mel_filters, power_spectrogram
from creativeml.losses.gram import gram

LEVEL = 0.1
"""Root mean square that sounds are brought to before they are heard."""
CORNER_DB = -50.0
"""Of a bin, relative to a full-scale sine; sounds at `LEVEL` have some bins 10 to 30 dB above it."""
_LOW_HZ = 30.0


@dataclass(frozen=True)
class Scale:
    """One spectrogram and the filters on it.

    Attributes:
        window_s: length of the Hann window (the nearest power of 2 is taken); a hop is a quarter of it.
        bands: on the mel scale.
        filters: random ones, over all bands and `kernel` frames.
        kernel: frames.
    """

    window_s: float
    bands: int
    filters: int
    kernel: int


@dataclass(frozen=True)
class TextureNetConfig:
    """Shape of the network."""

    scales: tuple[Scale, ...] = (Scale(0.186, 96, 96, 3), Scale(0.046, 64, 128, 7), Scale(0.023, 40, 96, 11))
    """From coarse to fine."""
    high_hz: float = 16000.0
    seed: int = 0
    """Of the filters."""

    def __post_init__(self) -> None:
        if not self.scales:
            raise ValueError("a texture network needs at least one scale")
        for s in self.scales:
            if min(s.bands, s.filters, s.kernel) < 1 or not s.window_s > 0:
                raise ValueError(f"window, bands, filters and kernel must be above 0: {s}")


class TextureNet(nn.Module):
    """Sounds → Gram matrices, one for each scale.

    Args:
        config: the shape.
        sample_rate: of the sounds, in Hz.
    """

    def __init__(self, config: TextureNetConfig, sample_rate: int) -> None:
        super().__init__()
        self.config, self.sample_rate = config, sample_rate
        random = torch.Generator().manual_seed(config.seed)
        drawn = (torch.randn(s.filters, s.bands, s.kernel, generator=random) for s in config.scales)
        self.filters = nn.ParameterList(nn.Parameter(f / math.sqrt(f[0].numel()), requires_grad=False) for f in drawn)

    def window(self, scale: int) -> int:
        """Samples of a scale's window."""
        return window_samples(self.config.scales[scale].window_s, self.sample_rate)

    def power(self, sound: Tensor, scale: int) -> Tensor:
        """`(samples,)` → power spectrogram `(bins, frames)` of a scale."""
        window = self.window(scale)
        return power_spectrogram(sound[None], window, window // 4)[0]

    def activity(self, power: Tensor, scale: int) -> Tensor:
        """What `power` returns → `(filters + bands, frames)`: the rectified filters beside the levels they look at.

        Levels are in nepers above `CORNER_DB`, logarithmic far above it and vanishing below: the silence between hits
        is no part of a texture.
        """
        shape = self.config.scales[scale]
        bands = mel_filters(self.sample_rate, self.window(scale), shape.bands, _LOW_HZ, self.config.high_hz).to(power)
        levels = 0.5 * torch.log1p(bands.mT @ power * 10.0 ** (-CORNER_DB / 10.0))
        seen = F.pad(levels, (0, max(0, shape.kernel - levels.shape[1])))
        heard = F.relu(F.conv1d(seen[None], self.filters[scale]))[0]
        return torch.cat([heard, seen[:, : heard.shape[1]]], 0)

    def gram(self, power: Tensor, scale: int) -> Tensor:
        """Gram matrix of a scale from what `power` returns."""
        return gram(self.activity(power, scale))

    def grams(self, sound: Tensor, scales: Sequence[int] | None = None) -> list[Tensor]:
        """Gram matrices of a sound.

        Args:
            sound: `(samples,)`; its level counts, see `at_level`.
            scales: numbers of those that are wanted; None = all.
        """
        wanted = range(len(self.config.scales)) if scales is None else scales
        return [self.gram(self.power(sound, number), number) for number in wanted]


def window_samples(seconds: float, sample_rate: int) -> int:
    """The power of 2 nearest to a length, at least 16."""
    return 1 << max(4, round(math.log2(seconds * sample_rate)))


def at_level(sound: Tensor) -> Tensor:
    """A sound `(..., samples)` with the root mean square `LEVEL`; silence stays silence."""
    return sound * (LEVEL / sound.square().mean().sqrt().clamp_min(1e-9))
