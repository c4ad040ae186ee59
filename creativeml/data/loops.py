"""Sounds of some seconds out of the starter pack: written patterns played on its recordings, and rains of them."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from creativeml.data.patterns import STEPS, Pattern
from creativeml.data.starter import StarterFile, starter_files
from creativeml.errors import CreativeMLError

INSTEAD = {"shaker": "hat_closed", "kick_low": "kick"}
"""Instruments of patterns that the pack does not have, and what plays their lines."""
PIECES_PER_S = 60
"""Of a texture: more than an ear counts."""


def loop(pattern: Pattern, rate: int, *, seed: int, tempo: float) -> Tensor:
    """A pattern, each of its instruments played on one recording.

    Args:
        pattern: what is hit when; what rings on at its end is cut.
        rate: in Hz.
        seed: of the choice of recordings.
        tempo: quarters a minute.

    Returns:
        `(samples,)` with a peak of 0.9.
    """
    rng = random.Random(seed)
    step = 60.0 / tempo * 4 / STEPS
    sound = np.zeros(round(pattern.steps * step * rate) + 8 * rate)
    for name in sorted(pattern.lines):
        hit = rng.choice(of_kind(INSTEAD.get(name, name))).mono(rate)
        level = {"x": 0.7, "X": 1.0, "o": 0.3} if "hat" not in name else {"x": 0.4, "X": 0.6, "o": 0.2}
        for place, mark in enumerate(pattern.lines[name]):
            if mark in level:
                first = round(place * step * rate)
                sound[first : first + len(hit)] += level[mark] * hit[: len(sound) - first] / np.abs(hit).max()
    return peaked(sound[: round(pattern.steps * step * rate)])


def texture(kind: str, rate: int, seconds: float, *, seed: int) -> Tensor:
    """Sixty short pieces a second from recordings of a kind, at random places and levels: rain of drums.

    Args:
        kind: of the starter pack.
        rate: in Hz.
        seconds: of the whole.
        seed: of everything that is drawn.

    Returns:
        `(samples,)` with a peak of 0.9.
    """
    rng = random.Random(seed)
    hits = [file.mono(rate)[: round(0.15 * rate)] for file in of_kind(kind)]
    sound = np.zeros(round((seconds + 0.2) * rate))
    for _ in range(round(PIECES_PER_S * seconds)):
        hit = rng.choice(hits)
        decay = np.exp(-np.arange(len(hit)) / (0.03 * rate))
        first = rng.randrange(round(seconds * rate))
        piece = (hit * decay / np.abs(hit).max())[: len(sound) - first]
        sound[first : first + len(piece)] += rng.uniform(0.05, 1.0) ** 2 * piece
    return peaked(sound[: round(seconds * rate)])


def of_kind(kind: str) -> list[StarterFile]:
    """Recordings of the starter pack.

    Raises:
        CreativeMLError: a kind that the pack does not have.
    """
    found = [file for file in starter_files() if file.kind == kind]
    if not found:
        raise CreativeMLError(f"the starter pack has no kind '{kind}'")
    return found


def peaked(sound: np.ndarray) -> Tensor:
    """`(samples,)` float32 with a peak of 0.9."""
    return torch.from_numpy(0.9 * sound / np.abs(sound).max()).float()
