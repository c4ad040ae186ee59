"""The joint distribution of descriptors among the sounds of each kind, measured from a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from creativeml.audio.descriptors.registry import chosen
from creativeml.data.descriptor_table import read_descriptors
from creativeml.data.joint_distribution import (
    COVERAGE,
    LEVELS,
    SINGLE_COVERAGE,
    DescriptorRanges,
    KindRanges,
    chi_square,
    score_of,
)
from creativeml.data.one_shots import read_dataset, select_rows

_LEAST_SPREAD = 1e-6
_MANY = 200
"""Sounds from which on 0.5 % of them are more than one."""


def measure_ranges(
    root: str | os.PathLike[str], names: Sequence[str] | None = None, *, split: str = "train"
) -> DescriptorRanges:
    """The ranges of a dataset that has been described.

    Args:
        root: dataset folder with descriptors.csv (see `descriptor_table.describe_dataset`).
        names: which descriptors; None = all.
        split: train, validation, test or all.

    Raises:
        DatasetError: no dataset, an empty split, or sounds without descriptors.
        CreativeMLError: an unknown descriptor.
    """
    wanted = [d.name for d in chosen(names)]
    info = read_dataset(root)
    present, rows = select_rows(info, split, None)
    values = read_descriptors(info, rows, wanted)
    labels = np.array([row["class"] for row in rows])
    return ranges_of(wanted, values, labels, present)


def ranges_of(names: Sequence[str], values: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> DescriptorRanges:
    """The ranges of sounds that have been measured.

    Args:
        names: of the descriptors.
        values: (sounds, descriptors).
        labels: (sounds,) names of their kinds.
        kinds: in the order wanted; those without sounds are left out.
    """
    found = tuple(_ranges_of(kind, values[labels == kind]) for kind in kinds if (labels == kind).any())
    return DescriptorRanges(tuple(names), found, _ranges_of("all", values))


def _ranges_of(kind: str, values: np.ndarray) -> KindRanges:
    """Distribution of values (sounds, descriptors)."""
    count, width = values.shape
    quantiles = np.quantile(values, LEVELS, axis=0).T
    if count < _MANY:
        # Of few sounds, the outermost are as far out as the outermost levels are meant to be.
        quantiles[:, 0], quantiles[:, -1] = values.min(0), values.max(0)
    scores = np.stack([_normal_scores(column) for column in values.T], axis=1)
    # Columns that do not vary, and a single sound, correlate with nothing.
    spread = np.maximum(np.sqrt(np.square(scores).mean(0)), _LEAST_SPREAD)
    correlation = (scores / spread).T @ (scores / spread) / count
    np.fill_diagonal(correlation, 1.0)
    kept = count / (count + width)
    correlation = kept * correlation + (1 - kept) * np.eye(width)
    rows = _plain(quantiles)
    placed = np.array([[score_of(row, value) for row, value in zip(rows, sound, strict=True)] for sound in values])
    most = NormalDist().inv_cdf(0.5 + SINGLE_COVERAGE / 2)
    squared = np.einsum("sd,sd->s", placed.clip(-most, most) @ np.linalg.pinv(correlation), placed.clip(-most, most))
    stretch = max(1.0, float(np.quantile(squared, COVERAGE)) / chi_square(width))
    return KindRanges(kind, count, rows, _plain(correlation), float(f"{stretch:.4g}"))


def _plain(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{value:.6g}") for value in row) for row in matrix)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Ranks as quantiles of the normal distribution; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    levels = (ranks - 0.5) / len(values)
    return np.array([NormalDist().inv_cdf(level) for level in levels])[place]
