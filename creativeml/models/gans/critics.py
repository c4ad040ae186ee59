"""Critics of StyleWaveGAN: a waveform critic with an AutoFade-style learned gate, and spectrogram critics.

A critic first turns a sound into its *views* (waveform, log spectrograms), which have no parameters, then scores them.
Gradient penalties are taken with respect to the views: on the waveform, the gradient of a log spectrogram near silence
is huge, and a penalty on it freezes the critic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.audio.log_mel import FLOOR_DB, log_mel
from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate
from creativeml.layers.resampling import downsample


@dataclass(frozen=True)
class SpectralView:
    """One log-mel spectrogram that a critic looks at.

    Attributes:
        window_samples, hop_samples: of the short-time transform.
        bands: mel bands.
        frames: only the first frames are looked at (a short window is for the attack).
    """

    window_samples: int
    hop_samples: int
    bands: int
    frames: int


@dataclass(frozen=True)
class CriticConfig:
    """Shape of `EnsembleCritic`. The defaults are the preset `fast`."""

    condition_dim: int
    sample_rate: int = 44100
    views: tuple[SpectralView, ...] = (
        SpectralView(2048, 512, 128, 128),
        SpectralView(512, 128, 64, 256),
    )
    spectral_channels: tuple[int, ...] = (24, 48, 96, 160, 192)
    wave_channels: tuple[int, ...] = (48, 96, 160, 192)
    """Channels of the waveform critic, at 1/16, 1/64, 1/256 and 1/1024 of the sample rate; empty for none."""
    wave_start_stride: int = 16
    feature_dim: int = 256


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

    def __init__(self, channels: Sequence[int], feature_dim: int, *, start_stride: int = 16, frames: int) -> None:
        super().__init__()
        self.start_stride = start_stride
        kernel = 2 * start_stride
        self.enter = nn.ModuleList(
            EqualConv(1, c, (1, kernel), stride=(1, start_stride), padding=(0, start_stride // 2)) for c in channels
        )
        pairs = itertools.pairwise(channels)
        self.down = nn.ModuleList(EqualConv(i, o, (1, 9), stride=(1, 4), padding=(0, 4)) for i, o in pairs)
        # Sigmoid(-1.7) = 0.15: training starts with the coarse view and opens up by itself.
        self.openness = nn.Parameter(torch.full((len(channels) - 1,), -1.7))
        self.last = EqualConv(channels[-1], channels[-1], (1, 5), stride=(1, 4), padding=(0, 2))
        self.to_features = EqualLinear(channels[-1] * max(1, frames // (4 ** len(channels))), feature_dim, gain=GAIN)

    def gates(self) -> Tensor:
        """Openness of each stage, in [0, 1], for the log."""
        return torch.sigmoid(self.openness.detach().float())

    def forward(self, wave: Tensor) -> Tensor:
        """`(b, samples)` → features `(b, feature_dim)`."""
        signal = wave[:, None, None, :]
        x = activate(self.enter[0](signal))
        for stage, down in enumerate(self.down):
            signal = downsample(signal, 4)
            skip, deep = gate(torch.sigmoid(self.openness[stage]))
            entered = activate(self.enter[stage + 1](signal))
            x = skip.to(entered.dtype) * entered + deep.to(entered.dtype) * activate(down(x))
        return activate(self.to_features(activate(self.last(x)).flatten(1)))


class SpectralCritic(nn.Module):
    """2-D convolutions over a log-mel spectrogram, `(bands, frames)`, halving both axes at every stage."""

    def __init__(self, view: SpectralView, channels: Sequence[int], feature_dim: int) -> None:
        super().__init__()
        sizes = [1, *channels]
        pairs = list(itertools.pairwise(sizes))
        self.convs = nn.ModuleList(EqualConv(i, o, (3, 3), stride=(2, 2)) for i, o in pairs)
        factor = 2 ** len(pairs)
        self.to_features = EqualLinear(
            channels[-1] * (view.bands // factor) * (view.frames // factor), feature_dim, gain=GAIN
        )

    def forward(self, picture: Tensor) -> Tensor:
        """`(b, bands, frames)` → features `(b, feature_dim)`."""
        x = picture[:, None].contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = activate(conv(x))
        return activate(self.to_features(x.flatten(1)))


class EnsembleCritic(nn.Module):
    """Several critics, each with its own verdict, conditioned by projection (Miyato & Koyama 2018).

    Args:
        config: its shape.
        length_samples: of the sounds.
    """

    def __init__(self, config: CriticConfig, *, length_samples: int = 65536) -> None:
        super().__init__()
        self.config = config
        self.judges = nn.ModuleList(
            SpectralCritic(v, config.spectral_channels, config.feature_dim) for v in config.views
        )
        if config.wave_channels:
            frames = length_samples // config.wave_start_stride
            self.judges.append(
                WaveCritic(
                    config.wave_channels, config.feature_dim, start_stride=config.wave_start_stride, frames=frames
                )
            )
        self.verdicts = nn.ModuleList(EqualLinear(config.feature_dim, 1) for _ in self.judges)
        self.projections = nn.ModuleList(EqualLinear(config.condition_dim, config.feature_dim) for _ in self.judges)

    def views(self, sounds: Tensor) -> list[Tensor]:
        """What each judge looks at: log-mel spectrograms scaled to about ±1, then the waveform.

        Args:
            sounds: `(b, samples)`.
        """
        c = self.config
        pictures = []
        for view in c.views:
            # Frames beyond those looked at need no transform; the reach of the last window is kept.
            needed = min(sounds.shape[1], (view.frames - 1) * view.hop_samples + view.window_samples // 2)
            db = log_mel(
                sounds[:, :needed].float(),
                c.sample_rate,
                window_samples=view.window_samples,
                hop_samples=view.hop_samples,
                bands=view.bands,
            )
            pictures.append(1.0 - 2.0 * db[..., : view.frames] / FLOOR_DB)
        return [*pictures, sounds] if c.wave_channels else pictures

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


class SoundEncoder(nn.Module):
    """Sound and condition → mean and log-variance of its latent (the encoder of a VAE, Kingma & Welling 2014).

    Trained together with the generator it gives every training sound a place in the latent space, so that none is
    forgotten by the adversarial game.
    """

    def __init__(
        self, latent_dim: int, condition_dim: int, *, sample_rate: int = 44100, length_samples: int = 65536
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        hop = length_samples // 128
        self.view = SpectralView(4 * hop, hop, 128, 128)
        self.trunk = SpectralCritic(self.view, (32, 64, 96, 128, 192), 256)
        self.to_latent = EqualLinear(256 + condition_dim, 2 * latent_dim)

    def forward(self, sounds: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, samples)`, `(b, condition_dim)` → mean and log-variance, each `(b, latent_dim)`."""
        view = self.view
        db = log_mel(
            sounds.float(),
            self.sample_rate,
            window_samples=view.window_samples,
            hop_samples=view.hop_samples,
            bands=view.bands,
        )
        features = self.trunk(1.0 - 2.0 * db[..., : view.frames] / FLOOR_DB)
        mean, log_variance = self.to_latent(torch.cat([features.float(), condition], dim=1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 4.0)
