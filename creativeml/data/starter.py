"""The starter pack that comes with the project, as tensors: real drum sounds for examples and first tries."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.io import read_audio
from creativeml.audio.pictures import log_mel_pictures
from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder


@dataclass(frozen=True)
class StarterSounds:
    """Sounds with their peak at 1.

    Attributes:
        sounds: `(n, samples)`.
        labels: `(n,)` index into `kinds`.
        kinds: names.
        groups: `(n,)` number of the source recording; sounds of one source must stay on one side of a split.
        sample_rate: in Hz.
    """

    sounds: Tensor
    labels: Tensor
    kinds: tuple[str, ...]
    groups: Tensor
    sample_rate: int

    def pictures(self, *, bands: int = 16, frames: int = 8) -> Tensor:
        """Log-mel pictures within 0 (silence) and 1 (full scale): `(n, bands, frames)`, evenly over the sound."""
        return log_mel_pictures(
            self.sounds, self.sample_rate, bands=bands, frames=frames, window_samples=1024, silence=0.0
        )[:, 0]

    def split(self, share: float = 0.25, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Indices of known and of held-out sounds, disjoint by source recording; about `share` are held out."""
        order = torch.randperm(int(self.groups.max()) + 1, generator=torch.Generator().manual_seed(seed))
        kept_back = torch.isin(self.groups, order[: max(1, round(share * len(order)))])
        return (~kept_back).nonzero()[:, 0], kept_back.nonzero()[:, 0]


@dataclass(frozen=True)
class StarterFile:
    """One recording of the starter pack."""

    path: Path
    kind: str
    group: str
    """Name of the source recording."""

    def mono(self, sample_rate: int) -> np.ndarray:
        """The mean of the channels `(n,)`, converted to a sample rate in Hz."""
        audio = read_audio(self.path)
        return resample(audio.samples.mean(0), audio.sample_rate, sample_rate)


def starter_files() -> list[StarterFile]:
    """All recordings of the starter pack, kind by kind.

    Raises:
        CreativeMLError: the pack did not come with this installation.
    """
    folder = project_folder("datasets") / "starter"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [StarterFile(folder / row["path"], row["class"], row["group"]) for row in csv.DictReader(file)]


def starter_sounds(
    kinds: Sequence[str] | None = None, *, length_samples: int = 16384, sample_rate: int = 44100
) -> StarterSounds:
    """Read the starter pack.

    Args:
        kinds: those wanted, in label order; None for all, sorted.
        length_samples: sounds are cut or padded with silence to this length.
        sample_rate: in Hz, to which the sounds are converted.

    Raises:
        CreativeMLError: a kind that the pack does not have.
    """
    files = starter_files()
    present = sorted({file.kind for file in files})
    chosen = tuple(present if kinds is None else kinds)
    missing = [kind for kind in chosen if kind not in present]
    if missing:
        raise CreativeMLError(f"the starter pack has no kind '{missing[0]}'; it has {', '.join(present)}")
    files = [file for file in files if file.kind in chosen]
    sounds = torch.zeros(len(files), length_samples)
    for sound, file in zip(sounds, files, strict=True):
        samples = torch.from_numpy(np.ascontiguousarray(file.mono(sample_rate)[:length_samples])).float()
        sound[: len(samples)] = samples / samples.abs().max().clamp_min(1e-9)
    sources = sorted({file.group for file in files})
    return StarterSounds(
        sounds,
        torch.tensor([chosen.index(file.kind) for file in files]),
        chosen,
        torch.tensor([sources.index(file.group) for file in files]),
        sample_rate,
    )
