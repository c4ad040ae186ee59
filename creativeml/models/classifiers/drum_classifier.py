"""A small convolutional classifier of drum sounds over the full band: the judge of the evaluation.

Log-mel picture (30 Hz to 20 kHz) on a time axis that grows coarser after the attack, and the attack seen from near,
each → residual blocks of 2-D convolutions; a fine spectrum → 1-D convolutions over frequency; all of it and how far
partials stand out → the embedding → one score per kind. Several such networks, which differ in their first weights
alone, decide together (a deep ensemble, Lakshminarayanan et al. 2017, arXiv 1612.01474). Trained on real recordings
only, by `training.judge`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.log_mel import log_mel
from creativeml.config import check_probability
from creativeml.kinds import KINDS
from creativeml.layers.module_list import ModuleListOf
from creativeml.models.classifiers import views
from creativeml.models.registry import register


@dataclass(frozen=True)
class DrumClassifierConfig:
    """Shape of the classifier."""

    kinds: tuple[str, ...] = KINDS
    sample_rate: int = 44100
    length_samples: int = 65536
    """Sounds are cut or padded with silence to this length."""
    window_samples: int = 1024
    hop_samples: int = 512
    bands: int = 64
    attack_frames: int = 8
    """Frames kept as they are; the later ones are averaged over stretches that grow by `time_growth`."""
    time_growth: float = 1.2
    channels: tuple[int, ...] = (16, 32, 48, 64)
    """Channels of the blocks; each block halves the picture in frequency and in time."""
    close_up_channels: tuple[int, ...] = (16, 32, 48)
    """The same for the close-up of the attack; none leaves the close-up out."""
    spectrum_channels: tuple[int, ...] = (16, 32, 48)
    """Channels of the 1-D blocks on the fine spectrum; none leaves it out."""
    members: int = 3
    """Networks that decide together."""
    embedding_dim: int = 40
    """Of each member."""
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if len(set(self.kinds)) != len(self.kinds) or len(self.kinds) < 2:
            raise ValueError("at least two different kinds must be given")
        if self.bands % 2 ** len(self.channels):
            raise ValueError(f"bands must be a multiple of {2 ** len(self.channels)}, not {self.bands}")
        if max(len(self.close_up_channels), len(self.spectrum_channels)) > 5:
            raise ValueError("close_up_channels and spectrum_channels take up to 5 blocks")
        if self.members < 1:
            raise ValueError(f"members must be at least 1, not {self.members}")
        check_probability("dropout", self.dropout)
        if self.attack_frames < 1 or self.time_growth <= 1:
            raise ValueError("attack_frames must be at least 1 and time_growth above 1")

    @property
    def frames(self) -> int:
        """Frames of the log-mel spectrogram."""
        return self.length_samples // self.hop_samples + 1

    def time_edges(self) -> list[int]:
        """First frame of each stretch of the picture's time axis, and the number of frames."""
        kept = min(self.attack_frames, self.frames)
        stretches = math.ceil(math.log(self.frames / kept) / math.log(self.time_growth))
        later = (round(kept * (self.frames / kept) ** (i / stretches)) for i in range(1, stretches + 1))
        return sorted({*range(kept + 1), *later})


@register("drum_classifier", DrumClassifierConfig)
class DrumClassifier(nn.Module):
    """Kinds of sounds, and the embedding behind the decision.

    Args:
        config: its shape.
    """

    stretches: Tensor

    def __init__(self, config: DrumClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.members = ModuleListOf(Member(config) for _ in range(config.members))
        self.register_buffer("stretches", views.stretches(config.time_edges()), persistent=False)
        # The layout in which 2-D convolutions are fastest on CPUs (measured: 1.8 times in bf16).
        self.to(memory_format=torch.channels_last)

    def views(self, sounds: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the networks see of sounds `(b, samples)` of any level.

        Returns:
            picture `(b, bands, stretches)`, close-up of the attack `(b, 32, 24)`, fine spectrum `(b, 96, 5)`, all about
            -2 (silence) to 2 (full scale), and tonality `(b, 12)`.
        """
        config = self.config
        sounds = views.peak_normalised(views.fitted(sounds, config.length_samples))
        levels = log_mel(
            sounds,
            config.sample_rate,
            window_samples=config.window_samples,
            hop_samples=config.hop_samples,
            bands=config.bands,
        )
        picture = views.scaled(levels @ self.stretches)
        close_up = views.close_up(sounds, config.sample_rate)
        return picture, close_up, views.fine_spectrum(sounds, config.sample_rate), views.tonality(sounds)

    def embed_views(self, seen: tuple[Tensor, ...]) -> Tensor:
        """What `views` returns → embedding `(b, members * embedding_dim)`."""
        return torch.cat([member(*seen) for member in self.members], dim=1)

    def embed(self, sounds: Tensor) -> Tensor:
        """Embedding of sounds.

        Args:
            sounds: `(b, samples)` at the configured sample rate; any level.

        Returns:
            `(b, members * embedding_dim)`.
        """
        return self.embed_views(self.views(sounds))

    def member_scores(self, embedding: Tensor) -> Tensor:
        """Scores by each member: `(b, members * embedding_dim)` → `(b, members, kinds)`, logits."""
        parts = embedding.chunk(len(self.members), dim=1)
        return torch.stack([member.classify(part) for member, part in zip(self.members, parts, strict=True)], dim=1)

    def classify_embedding(self, embedding: Tensor) -> Tensor:
        """`(b, members * embedding_dim)` → scores `(b, kinds)`: the members' mean log-probabilities."""
        return self.member_scores(embedding).log_softmax(2).mean(1)

    def forward(self, sounds: Tensor) -> Tensor:
        """`sounds (b, samples)` → scores `(b, kinds)`, logits in the order of `config.kinds`."""
        return self.classify_embedding(self.embed(sounds))

    @torch.no_grad()
    def recognise(self, sounds: Tensor) -> list[str]:
        """Name of the likeliest kind of each sound `(b, samples)`."""
        return [self.config.kinds[i] for i in self(sounds).argmax(1).tolist()]


class Member(nn.Module):
    """One network: views of a sound → embedding → scores."""

    def __init__(self, config: DrumClassifierConfig) -> None:
        super().__init__()
        self.picture = tower(config.channels)
        self.close_up = tower(config.close_up_channels) if config.close_up_channels else None
        self.spectrum = spectrum_tower(config.spectrum_channels) if config.spectrum_channels else None
        self.tone_norm = nn.BatchNorm1d(views.TONES)
        with torch.no_grad():
            shapes = (
                (config.bands, len(config.time_edges()) - 1),
                (views.CLOSE_UP_BANDS, views.CLOSE_UP_FRAMES),
                (views.SPECTRUM_BANDS, len(views.SPECTRUM_EDGES) - 1),
                (views.TONES,),
            )
            features = self.eval().features(*(torch.zeros(1, *shape) for shape in shapes)).shape[1]
        self.train()
        self.embed_layer = nn.Linear(features, config.embedding_dim)
        self.norm = nn.BatchNorm1d(config.embedding_dim)
        self.score = nn.Linear(config.embedding_dim, len(config.kinds))
        self.dropout = nn.Dropout(config.dropout)

    def features(self, picture: Tensor, close_up: Tensor, spectrum: Tensor, tones: Tensor) -> Tensor:
        """What is known of each sound before it is condensed: `(b, features)`."""
        parts = [self.picture(picture[:, None]), self.tone_norm(tones)]
        if self.close_up is not None:
            parts.append(self.close_up(close_up[:, None]))
        if self.spectrum is not None:
            parts.append(self.spectrum(spectrum.transpose(1, 2)))
        return torch.cat(parts, dim=1)

    def forward(self, picture: Tensor, close_up: Tensor, spectrum: Tensor, tones: Tensor) -> Tensor:
        """Views as of `DrumClassifier.views` → embedding `(b, embedding_dim)`."""
        features = self.features(picture, close_up, spectrum, tones)
        return self.norm(self.embed_layer(self.dropout(features)))

    def classify(self, embedding: Tensor) -> Tensor:
        """`(b, embedding_dim)` → scores `(b, kinds)`, logits."""
        return self.score(self.dropout(F.relu(embedding)))


def tower(channels: tuple[int, ...]) -> nn.Sequential:
    """`(b, 1, f, t)` → `(b, features)`; each block halves the picture in frequency and in time."""
    stem = nn.Conv2d(1, channels[0], 3, padding=1, bias=False)
    blocks = (ResidualBlock(i, o) for i, o in itertools.pairwise((channels[0], *channels)))
    return nn.Sequential(stem, *blocks, nn.Flatten())


def spectrum_tower(channels: tuple[int, ...]) -> nn.Sequential:
    """`(b, stretches, bands)` → `(b, features)`; each block halves the number of bands."""
    stem = nn.Conv1d(len(views.SPECTRUM_EDGES) - 1, channels[0], 5, padding=2, bias=False)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise((channels[0], *channels)):
        convolution = nn.Conv1d(inputs, outputs, 5, padding=2, bias=False)
        layers += [nn.BatchNorm1d(inputs), nn.ReLU(), convolution, nn.AvgPool1d(2)]
    return nn.Sequential(stem, *layers, nn.Flatten())


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a 1 x 1 one, then half the size in both directions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList((nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)))
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.around = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs, f, t)` → `(b, outputs, f / 2, t / 2)`."""
        # Halving first makes the block four times cheaper; the two branches see the same small picture.
        x = F.avg_pool2d(x, 2, ceil_mode=True)
        inner = self.first(F.relu(self.norms[0](x)))
        return self.around(x) + self.second(F.relu(self.norms[1](inner)))
