"""A network of others, ready to be asked about sounds of any sample rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.registry import Outside

_SILENCE = 1e-8


@dataclass(frozen=True)
class OutsideEmbedding:
    """An `Embedding`: called with (sounds, sample rate) it gives points.

    Every sound is brought to a peak of 1 first, so that level plays no part, and to the network's sample rate.

    Attributes:
        name: what reports call it.
        entry: what is known of the network.
        rate: in Hz, of what the network hears.
        dimensions: of its points.
        sha256: of the file of weights.
        network: `(b, samples)` at `rate` → `(b, dimensions)`.
    """

    name: str
    entry: Outside
    rate: int
    dimensions: int
    sha256: str
    network: Callable[[Tensor], Tensor]

    @property
    def version(self) -> int:
        """Of the reading of the network: figures of different versions are not comparable."""
        return self.entry.version

    def about(self) -> dict[str, Any]:
        """What a report says of it, as plain values."""
        return {
            "name": self.name,
            "version": self.version,
            "sample_rate": self.rate,
            "dimensions": self.dimensions,
            "sha256": self.sha256,
            "licence": self.entry.licence,
            "paper": self.entry.paper,
        }

    @torch.no_grad()
    def __call__(self, sounds: Tensor, sample_rate: int) -> Tensor:
        """`(b, samples)` at `sample_rate` Hz → `(b, dimensions)` float32 on the CPU.

        Raises:
            CreativeMLError: the network gives values that are not finite.
        """
        if sounds.ndim != 2 or not sounds.shape[1]:
            raise ValueError(f"expected sounds of shape (batch, samples), got {tuple(sounds.shape)}")
        if not len(sounds):
            return torch.zeros(0, self.dimensions)
        sounds = sounds.detach().float().cpu()
        sounds = sounds / sounds.abs().amax(1, keepdim=True).clamp_min(_SILENCE)
        if sample_rate != self.rate:
            heard = [torch.from_numpy(resample(sound.numpy(), sample_rate, self.rate)) for sound in sounds]
            sounds = torch.stack(heard).float()
        points = self.network(sounds).float()
        if not bool(torch.isfinite(points).all()):
            raise CreativeMLError(
                f"{self.name}: gives values that are not finite; its weights are damaged, get them again"
            )
        return points
