"""Critics of StyleWaveGAN: spectrogram critics, a waveform critic with an AutoFade-style gate, and period critics.

A critic first turns a sound into its *views* (waveform, log spectrograms), which have no parameters, then scores them.
Gradient penalties are taken with respect to the views: on the waveform, the gradient of a log spectrogram near silence
is huge, and a penalty on it freezes the critic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from creativeml.audio.log_mel import FLOOR_DB, compressed_spectrogram, log_mel
from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.layers.batch_spread import with_batch_spread
from creativeml.layers.equalized import GAIN, BlockConv, EqualConv, EqualLinear, activate
from creativeml.layers.resampling import downsample
from creativeml.models.gans.ear import load_ear
from creativeml.models.gans.period_critic import PeriodCritic


@dataclass(frozen=True)
class SpectralView:
    """One spectrogram that a critic looks at.

    Attributes:
        window_samples, hop_samples: of the short-time transform.
        bands: mel bands; of a complex view the bins that are looked at, from 0 Hz on.
        frames: only the first frames are looked at (a short window is for the attack).
        content: `log_mel`, or `complex`: the spectrum with its phases, as in UnivNet and EnCodec, with magnitudes to
            the power of 0.3.
    """

    window_samples: int
    hop_samples: int
    bands: int
    frames: int
    content: Literal["log_mel", "complex"] = "log_mel"

    def __post_init__(self) -> None:
        for name in ("window_samples", "hop_samples", "bands", "frames"):
            check_range(name, getattr(self, name), 1)
        if self.content == "complex":
            check_range("bands of a complex view", self.bands, 1, self.window_samples // 2 + 1)

    @property
    def channels(self) -> int:
        """Pictures that lie over each other: real and imaginary parts have one each."""
        return 2 if self.content == "complex" else 1

    def picture(self, sounds: Tensor, sample_rate: int) -> Tensor:
        """Sounds `(b, samples)` → `(b, bands, frames)`, or `(b, 2, bands, frames)`, scaled to about ±1."""
        # Frames beyond those looked at need no transform; the reach of the last window is kept.
        needed = min(sounds.shape[1], (self.frames - 1) * self.hop_samples + self.window_samples // 2)
        part = sounds[:, :needed].float()
        transform = (self.window_samples, self.hop_samples)
        if self.content == "complex":
            return compressed_spectrogram(part, *transform, bins=self.bands)[..., : self.frames]
        window, hop = transform
        db = log_mel(part, sample_rate, window_samples=window, hop_samples=hop, bands=self.bands)
        return 1.0 - 2.0 * db[..., : self.frames] / FLOOR_DB


@dataclass(frozen=True)
class CriticConfig:
    """Shape of `EnsembleCritic`. The defaults are the preset `fast`."""

    condition_dim: int
    sample_rate: int = 44100
    views: tuple[SpectralView, ...] = (
        SpectralView(2048, 512, 128, 128),
        SpectralView(512, 128, 64, 256),
        SpectralView(8192, 2048, 512, 32),
    )
    """The last tells partials that ring from noise: its bins are 5 Hz apart."""
    spectral_channels: tuple[int, ...] = (24, 48, 96, 160, 192)
    wave_channels: tuple[int, ...] = (48, 96, 160, 192)
    """Channels of the waveform critic, at 1/16, 1/64, 1/256 and 1/1024 of the sample rate; empty for none."""
    wave_start_stride: int = 16
    wave_gate: bool = True
    """Whether the waveform critic learns how much of the higher rates to let through; without, all of it."""
    periods: tuple[int, ...] = ()
    """Periods of the period critics, in samples of the lowered rate; a judge for each."""
    period_channels: tuple[int, ...] = (16, 32, 64, 96, 96)
    period_samples: int = 32768
    """How much of the sound the period critics look at."""
    period_rate_divisor: int = 2
    """By how much its rate is lowered for them."""
    ear: bool = False
    """Whether a frozen classifier of drums listens too, and its embedding is judged (`models.gans.ear`)."""
    spread_group: int = 0
    """Sounds of a batch whose spread every judge sees (minibatch standard deviation); 0 for none."""
    feature_dim: int = 256

    def __post_init__(self) -> None:
        if not (self.views or self.wave_channels or self.periods or self.ear):
            raise ValueError("a critic needs something to look at: views, wave_channels, periods or ear")
        for name in ("spectral_channels", "period_channels"):
            if not getattr(self, name):
                raise ValueError(f"{name} needs one entry at least")
        for name in ("spectral_channels", "wave_channels", "period_channels"):
            for channels in getattr(self, name):
                check_range(name, channels, 1)
        for name in ("condition_dim", "sample_rate", "wave_start_stride", "period_samples", "period_rate_divisor"):
            check_range(name, getattr(self, name), 1)
        check_range("feature_dim", self.feature_dim, 1)
        for period in self.periods:
            check_range("periods", period, 1, self.period_samples // self.period_rate_divisor)
        if len(set(self.periods)) != len(self.periods):
            raise ValueError("periods must differ from each other")
        check_range("spread_group", self.spread_group, 0)
        least = 2 ** len(self.spectral_channels)
        for view in self.views:
            if view.bands % least or view.frames % least:
                raise ValueError(
                    f"{len(self.spectral_channels)} spectral_channels halve a view as often: its bands and frames must"
                    f" be multiples of {least}, not {view.bands} and {view.frames}"
                )


def gate(openness: Tensor) -> tuple[Tensor, Tensor]:
    """Gains of the low-resolution skip and of the deeper branch, for an openness in [0, 1].

    The two curves are those of the published AutoFade figure: at 0 only the skip sounds, at 0.5 both pass at unity, at
    1 only the deeper branch. Which curve belongs to which branch, and that the openness is a sigmoid of a trained
    number, is our reading, hence "AutoFade-style".
    """
    skip = 1.0 - (2.0 * openness - 1.0).clamp(min=0).square()
    deep = 1.0 - (1.0 - 2.0 * openness).clamp(min=0).square()
    return skip, deep


class WaveCritic(nn.Module):
    """Looks at the waveform at falling rates, and learns how much of the higher rates to let through.

    At every stage the low-passed waveform enters anew beside what comes from the finer stage, weighted by `gate`
    (a blend of progressive growing and highway networks, after AutoFade of Lavault et al. 2022).
    """

    def __init__(
        self,
        channels: Sequence[int],
        feature_dim: int,
        *,
        start_stride: int = 16,
        frames: int,
        gated: bool = True,
        spread_group: int = 0,
    ) -> None:
        super().__init__()
        self.start_stride, self.gated, self.spread_group = start_stride, gated, spread_group
        self.enter = nn.ModuleList(BlockConv(c, start_stride) for c in channels)
        pairs = itertools.pairwise(channels)
        self.down = nn.ModuleList(EqualConv(i, o, (1, 9), stride=(1, 4), padding=(0, 4)) for i, o in pairs)
        if gated:
            # Sigmoid(-1.7) = 0.15: training starts with the coarse view and opens up by itself.
            self.openness = nn.Parameter(torch.full((len(channels) - 1,), -1.7))
        self.last = EqualConv(channels[-1], channels[-1], (1, 5), stride=(1, 4), padding=(0, 2))
        inputs = (channels[-1] + bool(spread_group)) * -(-frames // 4 ** len(channels))
        self.to_features = EqualLinear(inputs, feature_dim, gain=GAIN)

    def gates(self) -> Tensor:
        """Openness of each stage, in [0, 1], for the log; none without a gate."""
        return torch.sigmoid(self.openness.detach().float()) if self.gated else torch.zeros(0)

    def forward(self, wave: Tensor) -> Tensor:
        """`(b, samples)` → features `(b, feature_dim)`."""
        signal = wave[:, None, None, :]
        x = activate(self.enter[0](signal))
        for stage, down in enumerate(self.down):
            signal = downsample(signal, 4)
            entered, finer = activate(self.enter[stage + 1](signal)), activate(down(x))
            if self.gated:
                skip, deep = gate(torch.sigmoid(self.openness[stage]))
                x = skip.to(entered.dtype) * entered + deep.to(entered.dtype) * finer
            else:
                x = entered + finer
        x = activate(self.last(x))
        if self.spread_group:
            x = with_batch_spread(x, self.spread_group)
        return activate(self.to_features(x.flatten(1)))


class SpectralCritic(nn.Module):
    """2-D convolutions over a spectrogram, `(bands, frames)`, halving both axes at every stage."""

    def __init__(self, view: SpectralView, channels: Sequence[int], feature_dim: int, *, spread_group: int = 0) -> None:
        super().__init__()
        self.spread_group = spread_group
        sizes = [view.channels, *channels]
        pairs = list(itertools.pairwise(sizes))
        self.convs = nn.ModuleList(EqualConv(i, o, (3, 3), stride=(2, 2)) for i, o in pairs)
        factor = 2 ** len(pairs)
        inputs = (channels[-1] + bool(spread_group)) * (view.bands // factor) * (view.frames // factor)
        self.to_features = EqualLinear(inputs, feature_dim, gain=GAIN)

    def forward(self, picture: Tensor) -> Tensor:
        """`(b, bands, frames)`, or `(b, channels, bands, frames)` → features `(b, feature_dim)`."""
        x = picture[:, None] if picture.ndim == 3 else picture
        if picture.shape[-2] > picture.shape[-1]:
            # Lying down, for where a result is one column wide, oneDNN's convolution for AMX (3.12, bfloat16) reads
            # memory that nobody has written, now and then a NaN.
            x = x.transpose(2, 3)
        x = x.contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = activate(conv(x))
        if self.spread_group:
            x = with_batch_spread(x, self.spread_group)
        return activate(self.to_features(x.flatten(1)))


class EmbeddingCritic(nn.Module):
    """Dense layers on what a frozen network makes of a sound (projected GANs, Sauer et al. 2021, arXiv 2111.01007)."""

    def __init__(self, dimensions: int, feature_dim: int) -> None:
        super().__init__()
        self.hidden = EqualLinear(dimensions, feature_dim, gain=GAIN)
        self.to_features = EqualLinear(feature_dim, feature_dim, gain=GAIN)

    def forward(self, embedding: Tensor) -> Tensor:
        """`(b, dimensions)` → features `(b, feature_dim)`."""
        return activate(self.to_features(activate(self.hidden(embedding))))


class EnsembleCritic(nn.Module):
    """Several critics, each with its own verdict, conditioned by projection (Miyato & Koyama 2018).

    Args:
        config: its shape.
        length_samples: of the sounds.
    """

    def __init__(self, config: CriticConfig, *, length_samples: int = 65536) -> None:
        super().__init__()
        self.config = config
        c, spread = config, config.spread_group
        self.judges = nn.ModuleList(
            SpectralCritic(v, c.spectral_channels, c.feature_dim, spread_group=spread) for v in c.views
        )
        if c.wave_channels:
            self.judges.append(
                WaveCritic(
                    c.wave_channels,
                    c.feature_dim,
                    start_stride=c.wave_start_stride,
                    frames=_wave_frames(c, length_samples),
                    gated=c.wave_gate,
                    spread_group=spread,
                )
            )
        folded = min(c.period_samples, length_samples) // c.period_rate_divisor
        self.judges.extend(
            PeriodCritic(p, folded, c.period_channels, c.feature_dim, spread_group=spread) for p in c.periods
        )
        # In a list, for it is no part of the critic: neither optimizers nor checkpoints shall see it.
        self._ear = [load_ear(c.sample_rate)] if c.ear else []
        self.judges.extend(EmbeddingCritic(ear.dimensions, c.feature_dim) for ear in self._ear)
        self.verdicts = nn.ModuleList(EqualLinear(config.feature_dim, 1) for _ in self.judges)
        self.projections = nn.ModuleList(EqualLinear(config.condition_dim, config.feature_dim) for _ in self.judges)

    def views(self, sounds: Tensor) -> list[Tensor]:
        """What each judge looks at: spectrograms, waveform, the first part of it at a lowered rate, what an ear hears.

        Args:
            sounds: `(b, samples)`.
        """
        c = self.config
        seen = [view.picture(sounds, c.sample_rate) for view in c.views]
        if c.wave_channels:
            seen.append(sounds)
        if c.periods:
            part = sounds[:, None, None, : c.period_samples]
            seen += [downsample(part, c.period_rate_divisor).flatten(1)] * len(c.periods)
        return seen + [ear.embed(sounds) for ear in self._ear]

    def forward(self, views: Sequence[Tensor], condition: Tensor) -> Tensor:
        """`views` as made by `views`, `condition (b, condition_dim)` → verdicts `(b, judges)`, higher is more real."""
        scores = []
        for view, judge, verdict, projection in zip(views, self.judges, self.verdicts, self.projections, strict=True):
            features = judge(view)
            wanted = projection(condition).to(features.dtype)
            scores.append(verdict(features) + (features * wanted).mean(1, keepdim=True) * features.shape[1] ** 0.5)
        return torch.cat(scores, dim=1).float()

    def gates(self) -> list[float]:
        """Openness of the AutoFade-style gates, for the log; empty without a waveform critic."""
        return [float(g) for judge in self.judges if isinstance(judge, WaveCritic) for g in judge.gates()]


def _wave_frames(config: CriticConfig, length_samples: int) -> int:
    """Frames at the highest rate of the waveform critic."""
    stride, stages = config.wave_start_stride, len(config.wave_channels)
    frames, odd = divmod(length_samples, stride)
    if stride % 2 or odd or frames % 4 ** (stages - 1):
        raise CreativeMLError(
            f"a waveform critic of {stages} stages from 1/{stride} of the rate on does not divide {length_samples}"
            " samples evenly; give an even wave_start_stride and fewer wave_channels"
        )
    return frames
