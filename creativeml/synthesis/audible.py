"""How far sounds are apart for the ear, as a distance in a space of levels: what is between two sounds has a length.

`losses.matching.Match` says how far sounds are from *one* recording. Paths, walks and neighbours need a distance of
any two that obeys the rules of distances: so here a sound becomes a vector of levels, nearly those that `Match`
compares, and two sounds are as far apart as their vectors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from creativeml.losses.matching import GRIDS

ENERGY = 1000.0
"""To which sounds are brought first: about that of a loud drum with its peak at full scale."""
QUIET_DB = -60.0
"""Of the sound at that energy: what is much below does not count beside what is above."""
ATTACK, LEFT_OUT = GRIDS[1], 2
_BATCH = 16


def heard(sounds: Tensor, sample_rate: int) -> Tensor:
    """Sounds as points whose Euclidean distance is heard: root mean square difference of levels in dB.

    Levels over band and time, of the whole sound, its attack and its low partials, each third with the same weight
    (`losses.matching.GRIDS`). How loud a sound is does not count, nor what lies 60 dB below full scale. Nor do
    phases: the attack's two lowest bands, of whose tones a window holds less than two periods, are left out.

    Args:
        sounds: `(n, samples)`, with or without a gradient.
        sample_rate: in Hz.

    Returns:
        `(n, features)` on the device of `sounds`; of silence -60 dB everywhere.
    """
    return torch.cat([_heard(part, sample_rate) for part in sounds.float().split(_BATCH)])


def _heard(sounds: Tensor, sample_rate: int) -> Tensor:
    energies = sounds.square().sum(1, keepdim=True)
    sounds = sounds * (ENERGY / energies.clamp_min(1e-12)).sqrt()
    levels = [grid.levels(sounds, sample_rate)[:, LEFT_OUT if grid is ATTACK else 0 :] for grid in GRIDS]
    parts = [10.0 * torch.log10(10.0 ** (level / 10.0) + 10.0 ** (QUIET_DB / 10.0)).flatten(1) for level in levels]
    return torch.cat([part / math.sqrt(len(GRIDS) * part.shape[1]) for part in parts], dim=1)


def steps_between(places: Tensor) -> Tensor:
    """Lengths in dB of the steps of a path through places `(n, features)` of `heard`: `(n - 1,)`."""
    return (places[1:] - places[:-1]).square().sum(1).clamp_min(1e-12).sqrt()
