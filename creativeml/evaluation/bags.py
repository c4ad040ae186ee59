"""Bags: how often each thing occurs, in whatever order. Baselines for classifiers of sounds and of drum patterns.

A bag of frames counts the spectra of a sound by the group of a codebook that they fall into (Aucouturier, Defreville
and Pachet 2007, doi 10.1121/1.2750160; the counterpart of a bag of words, Harris 1954). N-grams count runs of words of
a pattern, so that a little of the order is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from creativeml.errors import CreativeMLError, require


class BagOfFrames:
    """A codebook of spectra, and the histograms of sounds over it.

    Args:
        words: entries of the codebook.
        seed: of k-means, which makes the codebook.
    """

    def __init__(self, words: int = 32, *, seed: int = 0) -> None:
        if words < 1:
            raise ValueError(f"a codebook has at least 1 word, not {words}")
        self.words = words
        self._k_means: Any = require("sklearn.cluster", extra="train").KMeans(words, n_init=4, random_state=seed)

    def fit(self, spectra: np.ndarray) -> BagOfFrames:
        """Make the codebook from all frames of training sounds `(n, bands, frames)`; returns itself.

        Raises:
            CreativeMLError: fewer frames than words.
        """
        frames = _frames(spectra)
        if len(frames) < self.words:
            raise CreativeMLError(f"a codebook of {self.words} words needs as many frames, not {len(frames)}")
        self._k_means.fit(frames)
        return self

    def transform(self, spectra: np.ndarray) -> np.ndarray:
        """Share of each word in each sound: `(n, bands, frames)` → `(n, words)`, rows sum to 1."""
        found = self._k_means.predict(_frames(spectra)).reshape(len(spectra), -1)
        return np.stack([np.bincount(row, minlength=self.words) / len(row) for row in found])

    @property
    def codebook(self) -> np.ndarray:
        """The spectra that the words stand for: `(words, bands)`."""
        return self._k_means.cluster_centers_


class PatternNGrams:
    """Counts of runs of up to `longest` words, e.g. the steps of drum patterns.

    Args:
        longest: words of the longest run.
        least: sequences in which a run must occur to be counted.
    """

    def __init__(self, longest: int = 3, *, least: int = 1) -> None:
        if longest < 1:
            raise ValueError(f"the longest run has at least 1 word, not {longest}")
        text = require("sklearn.feature_extraction.text", extra="train")
        # Sequences are words already: nothing is to be split or made lower case.
        self._vectorizer: Any = text.CountVectorizer(analyzer=lambda words: list(ngrams(words, longest)), min_df=least)

    def fit(self, sequences: Sequence[Sequence[str]]) -> PatternNGrams:
        """Learn which runs there are; returns itself.

        Raises:
            CreativeMLError: there is none that occurs often enough.
        """
        try:
            self._vectorizer.fit(sequences)
        except ValueError as error:
            raise CreativeMLError(f"there is no run of words to count ({error}); give more patterns") from error
        return self

    def transform(self, sequences: Sequence[Sequence[str]]) -> np.ndarray:
        """How often each run occurs in each sequence: `(n, runs)` float64."""
        return self._vectorizer.transform(sequences).toarray().astype(np.float64)

    @property
    def runs(self) -> list[str]:
        """The runs that are counted, words joined by spaces, in the order of the columns."""
        return list(self._vectorizer.get_feature_names_out())


def ngrams(words: Sequence[str], longest: int) -> Sequence[str]:
    """All runs of 1 to `longest` words, joined by spaces."""
    return [
        " ".join(words[start : start + size])
        for size in range(1, longest + 1)
        for start in range(len(words) - size + 1)
    ]


def _frames(spectra: np.ndarray) -> np.ndarray:
    spectra = np.asarray(spectra, dtype=np.float64)
    if spectra.ndim != 3 or not np.isfinite(spectra).all():
        raise CreativeMLError(f"bags are filled from finite spectra (n, bands, frames), not shape {spectra.shape}")
    return spectra.transpose(0, 2, 1).reshape(-1, spectra.shape[1])
