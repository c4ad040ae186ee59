"""Find the sounds of a collection that repeat one another, however they were renamed, re-encoded or scaled.

Two sounds are the same if their normalised cross-correlation exceeds 0.985 both over the first quarter of a
second and over the first two seconds (or their whole length). All pairs are compared, yet few need the
correlation: by the inequality of Cauchy and Schwarz it can never exceed the product of the two spectra's
magnitudes, nor can that product, summed band by band, exceed that of the bands' energies. So the cosine of
two short vectors of band energies bounds the correlation from above, and a pair below 0.985 there is done
with: nothing is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

THRESHOLD = 0.985
SHORT_S, LONG_S = 0.25, 2.0
MAX_LAG_S = 0.010
_BANDS = 192
_ROWS = 512
"""Sounds compared with all others at once: bounds the memory to a few megabytes per thousand sounds."""
_KEPT_SPECTRA = 64
"""About 1 MB each."""


class WindowSpectra:
    """Spectra of the first `seconds` of sounds, and the bound on their correlation.

    Args:
        sounds: how many there are.
        samples: of the longest.
        seconds: that are compared.
        sample_rate: in Hz.

    Attributes:
        bands: `(sounds, bands)`, unit vectors of those that were added; the correlation of two sounds never exceeds
            the product of theirs.
    """

    def __init__(self, sounds: int, samples: int, seconds: float, sample_rate: int) -> None:
        self.count = min(samples, round(seconds * sample_rate))
        self.lag = round(MAX_LAG_S * sample_rate)
        # Padded, so that the end of one sound is not compared with the beginning of the other.
        self.size = 1 << (self.count + self.lag - 1).bit_length()
        bins = self.size // 2 + 1
        edges = np.unique(np.rint(np.geomspace(1, bins, _BANDS + 1)).astype(int))
        self.starts = np.concatenate([[0], edges[:-1]])
        self.weights = np.full(bins, 2.0)
        self.weights[[0, -1]] = 1.0
        self.bands = np.zeros((sounds, len(self.starts)), np.float32)

    def spectrum(self, sound: np.ndarray) -> np.ndarray:
        """Spectrum of unit energy (bins,)."""
        spectrum = np.fft.rfft(sound[: self.count], self.size)
        energy = np.sum(self.weights * np.abs(spectrum) ** 2)
        return spectrum / np.sqrt(max(float(energy), 1e-30))

    def bound(self, sound: np.ndarray) -> np.ndarray:
        """What `bands` keeps of a sound `(n,)`: `(bands,)`."""
        energy = self.weights * np.abs(self.spectrum(sound)) ** 2
        return np.sqrt(np.add.reduceat(energy, self.starts)).astype(np.float32)

    def add(self, index: int, sound: np.ndarray) -> None:
        """Keep the bound of sound number `index`, given as `(n,)`."""
        self.bands[index] = self.bound(sound)

    def correlation(self, first: np.ndarray, second: np.ndarray) -> float:
        """Largest absolute cross-correlation of two spectra within the allowed lag; 1 for equal sounds."""
        product = np.fft.irfft(first * np.conj(second), self.size) * self.size
        near = np.concatenate([product[: self.lag + 1], product[-self.lag :]])
        return float(np.abs(near).max())


Bounds = tuple[np.ndarray, np.ndarray]
"""What `WindowSpectra.bound` says of a sound over the short window and over the long one."""


def windows(sounds: int, length_samples: int, sample_rate: int) -> tuple[WindowSpectra, WindowSpectra]:
    """The short and the long window for so many sounds."""
    short, long = (WindowSpectra(sounds, length_samples, seconds, sample_rate) for seconds in (SHORT_S, LONG_S))
    return short, long


def find_duplicates(
    load: Callable[[int], np.ndarray],
    classes: Sequence[str],
    order: Sequence[int],
    sample_rate: int,
    length_samples: int,
    on_sound: Callable[[], object] = lambda: None,
    measure: Callable[[Sequence[int]], Iterable[Bounds]] | None = None,
) -> dict[int, int]:
    """For each sound that repeats another of its class, the one it repeats.

    Args:
        load: gives sound number i as (n,) float, starting at its onset.
        classes: class of each sound; sounds of different classes are not compared.
        order: all indices, the one to be kept first: of two equal sounds the later repeats the earlier.
        sample_rate: in Hz.
        length_samples: of the longest sound.
        on_sound: called once per sound, for a progress bar.
        measure: gives the bounds of some sounds, in their order; by default they are loaded here, one by one.

    Returns:
        {repeating index: kept index}; a kept sound never repeats another.
    """
    repeats: dict[int, int] = {}
    for kind in dict.fromkeys(classes):
        members = [index for index in order if classes[index] == kind]
        short, long = windows(len(members), length_samples, sample_rate)
        bounds = measure(members) if measure else (_bounds(load(index), short, long) for index in members)
        for place, (of_short, of_long) in enumerate(bounds):
            short.bands[place], long.bands[place] = of_short, of_long
            on_sound()
        spectra = _spectra_of(load, short, long)
        for place, earlier in candidates(short, long):
            index, kept = members[place], members[earlier]
            if index in repeats or kept in repeats:
                continue
            both = zip((short, long), spectra(index), spectra(kept), strict=True)
            if all(window.correlation(a, b) > THRESHOLD for window, a, b in both):
                repeats[index] = kept
    return repeats


def measure_files(files: Sequence[Path], sample_rate: int, length_samples: int) -> list[Bounds]:
    """The bounds of stored sounds: what other processes can do for `find_duplicates`."""
    short, long = windows(0, length_samples, sample_rate)
    return [_bounds(soundfile.read(file, dtype="float32")[0], short, long) for file in files]


def _bounds(sound: np.ndarray, short: WindowSpectra, long: WindowSpectra) -> Bounds:
    return short.bound(sound), long.bound(sound)


def candidates(short: WindowSpectra, long: WindowSpectra) -> Iterator[tuple[int, int]]:
    """Pairs (later, earlier) of sounds whose bounds do not rule out that they are the same, in order."""
    count = len(short.bands)
    # Rounding in single precision must not rule out a pair that stands exactly at the threshold.
    least = THRESHOLD - 1e-4
    for begin in range(0, count, _ROWS):
        rows, up_to = slice(begin, min(begin + _ROWS, count)), min(begin + _ROWS, count)
        possible = short.bands[rows] @ short.bands[:up_to].T > least
        possible &= long.bands[rows] @ long.bands[:up_to].T > least
        later, earlier = np.nonzero(possible)
        later += begin
        yield from ((int(a), int(b)) for a, b in zip(later, earlier, strict=True) if b < a)


def _spectra_of(
    load: Callable[[int], np.ndarray], short: WindowSpectra, long: WindowSpectra
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Gives the spectra of a sound over both windows, and keeps those that were asked for last."""

    @lru_cache(maxsize=_KEPT_SPECTRA)
    def spectra(index: int) -> tuple[np.ndarray, np.ndarray]:
        sound = load(index)
        return short.spectrum(sound), long.spectrum(sound)

    return spectra
