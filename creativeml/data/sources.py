"""What a dataset is made of before it is prepared: sounds with kind, group and licence.

A recipe is a file `datasets/<name>/prepare.py` with these three names at module level:

    NAME: str        the corpus, as it appears in manifests and model cards
    LICENCE: str     its licence, as an SPDX id where there is one ("CC0-1.0")
    def fetch(cache: Path, progress: Progress) -> list[SourceSound]

`fetch` downloads into `cache` what is not there yet, verifies it, and says what it does by calling
`progress("one line")`. It raises CreativeMLError when the corpus cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

Progress = Callable[[str], None]
"""Takes one line for the person who waits."""


@dataclass(frozen=True, eq=False)
class SourceSound:
    """One sound before preparation: a file, a cut out of a file, or samples that a recipe read itself.

    Attributes:
        path: the file; for samples given in memory, the bank they were read from.
        kind: one of creativeml.kinds.KINDS or a lower-case name of its own; None if unknown ("unlabelled").
        group: everything recorded from one drum shares a group, and a group never straddles splits.
            Begin it with the source so that two corpora cannot collide: "sonic-pi-samples/bd_808".
        licence: as an SPDX id where there is one.
        tier: A (CC0, public domain, MIT, BSD, CC-BY), S (CC-BY-SA), G (GPL or unclear); "" if not stated.
        source: the corpus or kit.
        credit: who is to be named, as the licence asks.
        start_s, end_s: cut this stretch out of the file (in seconds; None = the file's beginning or end).
            The onset is searched inside it.
        name: what manifest and report call the sound (column original_path), for instance
            "avldrums/Black_Pearl_4/kick-v3.wav"; "" = the file's own path. Distinct within a source.
        samples: samples that no audio reader could read from `path` (an SF2 bank), or a function that
            returns them when their turn comes, so that a large bank need not lie in memory.
            Shape (channels, n) or (n,); float in [-1, 1], or int16.
        sample_rate: of `samples`, in Hz.
        encoding: what `samples` were stored as, for the manifest ("SF2 PCM_16").
    """

    path: Path
    kind: str | None
    group: str
    licence: str
    tier: str
    source: str
    credit: str = ""
    start_s: float | None = None
    end_s: float | None = None
    name: str = ""
    samples: np.ndarray | Callable[[], np.ndarray] | None = None
    sample_rate: int | None = None
    encoding: str = ""

    def __post_init__(self) -> None:
        if (self.samples is None) != (self.sample_rate is None):
            raise ValueError("samples and sample_rate are given together or not at all")
        if self.start_s is not None and self.end_s is not None and not 0 <= self.start_s < self.end_s:
            raise ValueError(f"a cut needs 0 <= start_s < end_s, not {self.start_s} and {self.end_s}")


class Recipe(Protocol):
    """The module datasets/<name>/prepare.py."""

    NAME: str
    LICENCE: str

    def fetch(self, cache: Path, progress: Progress) -> list[SourceSound]:
        """The corpus' sounds, after downloading into `cache` what is missing there."""
        ...
