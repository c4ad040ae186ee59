"""Which sounds of a library are there more than once: files equal to the byte, and recordings that are the same.

The first is told by the content's hash, the second as `creativeml.data.near_duplicates` tells it: the same recording at
another level, with reversed polarity, re-encoded, or cut a little differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from creativeml.audio.io import AudioFileError
from creativeml.data.near_duplicates import THRESHOLD, candidates
from creativeml.maps.features import LENGTH, load, windows
from creativeml.maps.survey import Sound

_KEPT_SPECTRA = 128
"""Of half a megabyte each, for sounds that are compared with many."""


@dataclass(frozen=True)
class Repeat:
    """That a sound is there already.

    Attributes:
        of: index of the sound that it repeats, which repeats none itself.
        identical: to the byte; else the same recording in other words.
    """

    of: int
    identical: bool


def find_repeats(
    sounds: Sequence[Sound], on_step: Callable[[str, int, int], object] = lambda what, done, total: None
) -> dict[int, Repeat]:
    """The sounds that repeat an earlier one, by index. The first in order of name is the one kept.

    Args:
        sounds: of the library.
        on_step: is told how many of the pairs in question have been compared.
    """
    repeats: dict[int, Repeat] = {}
    first: dict[str, int] = {}
    for index, sound in enumerate(sounds):
        kept = first.setdefault(sound.content, index)
        if kept != index:
            repeats[index] = Repeat(kept, identical=True)
    near = _near(sounds, list(first.values()), on_step)
    for index, repeat in repeats.items():
        # A copy of a sound that turned out to repeat another repeats that one too.
        repeats[index] = Repeat(near[repeat.of], identical=False) if repeat.of in near else repeat
    repeats |= {index: Repeat(kept, identical=False) for index, kept in near.items()}
    return dict(sorted(repeats.items()))


def _near(
    sounds: Sequence[Sound], indices: Sequence[int], on_step: Callable[[str, int, int], object]
) -> dict[int, int]:
    """{repeating index: kept index} among sounds of different content."""
    found = windows(len(indices))
    for row, window in enumerate(found):
        for place, index in enumerate(indices):
            window.bands[place] = sounds[index].features.prints[row, : window.bands.shape[1]]

    @lru_cache(maxsize=_KEPT_SPECTRA)
    def spectra(place: int) -> tuple[np.ndarray, ...]:
        samples = load(sounds[indices[place]].file.path)[0].samples[:LENGTH].astype(np.float32)
        return tuple(window.spectrum(samples).astype(np.complex64) for window in found)

    repeats: dict[int, int] = {}
    pairs = list(candidates(*found))
    for done, (place, earlier) in enumerate(pairs, 1):
        on_step("comparing", done, len(pairs))
        index, kept = indices[place], indices[earlier]
        if index in repeats or kept in repeats:
            continue
        try:
            both = zip(found, spectra(place), spectra(earlier), strict=True)
            if all(window.correlation(a, b) > THRESHOLD for window, a, b in both):
                repeats[index] = kept
        except AudioFileError:
            continue  # deleted or changed since it was measured; the next run will see it so
    return repeats
