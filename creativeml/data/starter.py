"""The starter pack that comes with the project, as tensors: real drum sounds for examples and first tries."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

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
    folder = project_folder("datasets") / "starter"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    present = sorted({row["class"] for row in rows})
    chosen = tuple(present if kinds is None else kinds)
    missing = [kind for kind in chosen if kind not in present]
    if missing:
        raise CreativeMLError(f"the starter pack has no kind '{missing[0]}'; it has {', '.join(present)}")
    rows = [row for row in rows if row["class"] in chosen]
    sounds = torch.zeros(len(rows), length_samples)
    for sound, row in zip(sounds, rows, strict=True):
        audio = read_audio(folder / row["path"])
        samples = audio.samples.mean(0)
        if audio.sample_rate != sample_rate:
            samples = resample(samples, audio.sample_rate, sample_rate)
        samples = torch.from_numpy(np.ascontiguousarray(samples[:length_samples])).float()
        sound[: len(samples)] = samples / samples.abs().max().clamp_min(1e-9)
    sources = sorted({row["group"] for row in rows})
    return StarterSounds(
        sounds,
        torch.tensor([chosen.index(row["class"]) for row in rows]),
        chosen,
        torch.tensor([sources.index(row["group"]) for row in rows]),
        sample_rate,
    )
