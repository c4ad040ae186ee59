"""A small convolutional classifier of drum sounds over the full band: the judge of the evaluation.

Log-mel picture (30 Hz to 20 kHz) on a time axis that grows coarser after the attack → residual blocks of 2-D
convolutions; beside it, how far partials stand out of a long spectrum, which the picture is too coarse for → 64 numbers
(the embedding) → one score per kind. Trained on real recordings only, by `training.classifier`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.log_mel import FLOOR_DB, log_mel
from creativeml.kinds import KINDS
from creativeml.models.registry import register

TONE_WINDOW = 4096
TONE_SAMPLES = 4 * TONE_WINDOW
TONE_EDGES = (2, 20, 60, 150, 400, 1000, 1900)
"""Bins between which partials are looked for, at any sample rate; 10.8 Hz each at 44.1 kHz."""
TONE_NEIGHBOURS = 31


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
    channels: tuple[int, ...] = (24, 48, 64, 96)
    """Channels of the blocks; each block halves the picture in frequency and in time."""
    embedding_dim: int = 64
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if len(set(self.kinds)) != len(self.kinds) or len(self.kinds) < 2:
            raise ValueError("at least two different kinds must be given")
        if self.bands % 2 ** len(self.channels):
            raise ValueError(f"bands must be a multiple of {2 ** len(self.channels)}, not {self.bands}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), not {self.dropout}")
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

    def __init__(self, config: DrumClassifierConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels[0]
        self.stem = nn.Conv2d(1, first, 3, padding=1, bias=False)
        pairs = itertools.pairwise((first, *config.channels))
        self.blocks = nn.ModuleList(ResidualBlock(i, o) for i, o in pairs)
        edges = config.time_edges()
        halvings = 2 ** len(config.channels)
        cells = config.bands // halvings * -(-(len(edges) - 1) // halvings)
        tones = 2 * (len(TONE_EDGES) - 1)
        self.tone_norm = nn.BatchNorm1d(tones)
        self.embed_layer = nn.Linear(cells * config.channels[-1] + tones, config.embedding_dim)
        self.norm = nn.BatchNorm1d(config.embedding_dim)
        self.score = nn.Linear(config.embedding_dim, len(config.kinds))
        self.dropout = nn.Dropout(config.dropout)
        self.register_buffer("stretches", _stretches(edges), persistent=False)
        # The layout in which 2-D convolutions are fastest on CPUs (measured: 1.8 times in bf16).
        self.to(memory_format=torch.channels_last)

    def picture(self, sounds: Tensor) -> Tensor:
        """Peak-normalised log-mel of sounds: `(b, bands, stretches)`, about -2 (silence) to 2 (full scale)."""
        missing = self.config.length_samples - sounds.shape[1]
        sounds = F.pad(sounds, (0, missing)).float()
        sounds = sounds / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)
        levels = log_mel(
            sounds,
            self.config.sample_rate,
            window_samples=self.config.window_samples,
            hop_samples=self.config.hop_samples,
            bands=self.config.bands,
        )
        return (levels - FLOOR_DB / 2) / 20.0 @ self.stretches

    def embed_views(self, picture: Tensor, tones: Tensor) -> Tensor:
        """`picture (b, bands, stretches)`, `tones (b, 12)` of `tonality` → embedding `(b, embedding_dim)`."""
        x = self.stem(picture[:, None])
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x.flatten(1), self.tone_norm(tones)], dim=1)
        return self.norm(self.embed_layer(self.dropout(x)))

    def embed(self, sounds: Tensor) -> Tensor:
        """Embedding of sounds.

        Args:
            sounds: `(b, samples)` at the configured sample rate; any level.

        Returns:
            `(b, embedding_dim)`.
        """
        return self.embed_views(self.picture(sounds), tonality(sounds))

    def classify_embedding(self, embedding: Tensor) -> Tensor:
        """`(b, embedding_dim)` → scores `(b, kinds)`."""
        return self.score(self.dropout(F.relu(embedding)))

    def forward(self, sounds: Tensor) -> Tensor:
        """`sounds (b, samples)` → scores `(b, kinds)`, logits in the order of `config.kinds`."""
        return self.classify_embedding(self.embed(sounds))

    @torch.no_grad()
    def recognise(self, sounds: Tensor) -> list[str]:
        """Name of the likeliest kind of each sound `(b, samples)`."""
        return [self.config.kinds[i] for i in self(sounds).argmax(1).tolist()]


def tonality(sounds: Tensor) -> Tensor:
    """How far partials stand out: spread and maximum, in six bands, of the long spectrum over its local mean.

    Args:
        sounds: `(b, samples)`; the first 16,384 samples are heard, level does not matter.

    Returns:
        `(b, 12)` in nepers.
    """
    heard = sounds[:, :TONE_SAMPLES].float()
    heard = F.pad(heard, (0, TONE_SAMPLES - heard.shape[1]))
    heard = heard / heard.abs().amax(1, keepdim=True).clamp_min(1e-8)
    window = torch.hann_window(TONE_WINDOW, device=sounds.device)
    spectrum = torch.stft(heard, TONE_WINDOW, TONE_WINDOW // 4, window=window, return_complex=True).abs().mean(2)
    level = torch.log(spectrum + 1e-6)[:, None]
    around = F.avg_pool1d(level, TONE_NEIGHBOURS, 1, TONE_NEIGHBOURS // 2, count_include_pad=False)
    bands = [(level - around)[:, 0, first:after] for first, after in itertools.pairwise(TONE_EDGES)]
    return torch.stack([band.std(1) for band in bands] + [band.amax(1) for band in bands], dim=1)


def _stretches(edges: list[int]) -> Tensor:
    """Matrix `(frames, stretches)` that takes the mean over each stretch."""
    means = torch.zeros(edges[-1], len(edges) - 1)
    for column, (first, after) in enumerate(itertools.pairwise(edges)):
        means[first:after, column] = 1.0 / (after - first)
    return means


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
