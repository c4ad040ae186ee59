"""Which known sounds are nearest to a sound: as heard, or in an embedding.

    neighbours = Neighbours(files, sounds, 44100)
    for near in neighbours.nearest(recordings, count=3)[0]:
        print(f"{near.name}  {near.distance:.1f} dB")

All known sounds are compared: a thousand take some 3 s once, and a millisecond for every sound that is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.audible import heard
from creativeml.synthesis.catalog import is_whole
from creativeml.synthesis.starting_points import classifier
from creativeml.threads import threads

Embedding = Callable[[Tensor], Tensor]
"""Sounds `(n, samples)` → places `(n, features)`, whose Euclidean distance is taken."""
_BATCH = 32


@dataclass(frozen=True)
class Near:
    """A known sound that is near.

    Attributes:
        index, name: of the known sound.
        distance: in dB as heard (`audible.heard`), or as the embedding has it.
    """

    index: int
    name: str
    distance: float


class Neighbours:
    """Known sounds that are looked through for the nearest.

    Args:
        names: one for each sound, e.g. its file or its seed.
        sounds: `(n, samples)`.
        sample_rate: in Hz.
        embedding: None compares sounds as heard; `recognised` as the bundled classifier sees them.

    Raises:
        CreativeMLError: no sounds, other names than sounds, or sounds that are not finite.
    """

    def __init__(
        self, names: Sequence[str], sounds: Tensor, sample_rate: int, embedding: Embedding | None = None
    ) -> None:
        if not len(sounds) or len(names) != len(sounds):
            raise CreativeMLError(f"there are {len(names)} names for {len(sounds)} sounds; give one for each")
        self.names, self.sample_rate = tuple(names), sample_rate
        self._embedding = embedding or (lambda part: heard(part, sample_rate))
        self.places = self.placed(sounds)

    def __len__(self) -> int:
        return len(self.names)

    @torch.no_grad()
    def placed(self, sounds: Tensor) -> Tensor:
        """Where sounds `(n, samples)` lie: `(n, features)` float32 on the CPU."""
        if sounds.ndim != 2 or not bool(torch.isfinite(sounds).all()):
            raise CreativeMLError(f"sounds are (n, samples) and finite; got shape {tuple(sounds.shape)}")
        with threads(1):
            return torch.cat([self._embedding(part).float().cpu() for part in sounds.split(_BATCH)])

    def nearest(self, sounds: Tensor, count: int = 5) -> list[list[Near]]:
        """For each of the sounds `(n, samples)` the nearest known ones, the nearest first.

        Of a point, decode it first: `nearest(space.decode(points))`.

        Raises:
            CreativeMLError: sounds of another shape, or a count that is not from 1 to the number of known sounds.
        """
        if not is_whole(count) or not 1 <= count <= len(self):
            raise CreativeMLError(f"count must be a whole number from 1 to {len(self)}, got {quoted(count)}")
        # Not by products of matrices: of sounds that are the same, what is left of rounding would be a distance.
        away = torch.cdist(self.placed(sounds), self.places, compute_mode="donot_use_mm_for_euclid_dist")
        distances, order = away.topk(count, largest=False)
        rows = zip(order.tolist(), distances.tolist(), strict=True)
        return [[Near(i, self.names[i], d) for i, d in zip(*row, strict=True)] for row in rows]


def recognised(sounds: Tensor) -> Tensor:
    """How the bundled classifier sees sounds `(n, samples)` at 44,100 Hz: `(n, features)`, for `Neighbours`."""
    return classifier().embed(sounds.cpu())
