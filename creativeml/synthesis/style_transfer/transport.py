"""From one distribution of spectra to another, moving each as little as can be."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.quantiles import interpolated, weighted_quantiles

_MOST_STRETCH = 3.0
_SHRINK_DB = 3.0
"""Standard deviation that is added to both spectra, so that a constant one can be moved too."""
_TURNS = 12
_QUANTILES = 65
_MOST_BENT_DB = 15.0


class Transport:
    """Spectra with the distribution of others.

    First both are taken for Gaussians. Of all maps from the one to the other the one that moves least has a closed form
    (I. Olkin, F. Pukelsheim, "The distance between two random vectors with given dispersion matrices", 1982), as used
    on colours of pictures by F. Pitié, A. Kokaram, "The linear Monge-Kantorovitch linear colour mapping", 2007. What is
    left between them is taken away direction by direction: the space is turned at random, along each axis values are
    moved quantile by quantile, and it is turned back, twelve times (F. Pitié, A. Kokaram, R. Dahyot, "N-dimensional
    probability density function transfer and its application to colour transfer", 2005).

    Args:
        source, target: `(bands, n)`, `(bands, m)` in dB, float64.
        source_weights, target_weights: by which each counts, `(n,)`, `(m,)`; their sums are 1.
    """

    def __init__(self, source: Tensor, source_weights: Tensor, target: Tensor, target_weights: Tensor) -> None:
        self._mean, self._aim = source @ source_weights, target @ target_weights
        away, wanted = source - self._mean[:, None], target - self._aim[:, None]
        self._map = transport((away * source_weights) @ away.mT, (wanted * target_weights) @ wanted.mT)
        self._turns: list[tuple[Tensor, Tensor, Tensor]] = []
        moved = self._straight(source)
        random = torch.Generator().manual_seed(0)
        for _ in range(_TURNS):
            turn = torch.linalg.qr(torch.randn(len(source), len(source), generator=random, dtype=torch.float64))[0]
            known = weighted_quantiles(turn @ moved, source_weights, _QUANTILES)
            self._turns.append((turn, known, weighted_quantiles(turn @ target, target_weights, _QUANTILES)))
            moved = _bent(moved, *self._turns[-1])

    def __call__(self, spectra: Tensor) -> Tensor:
        """`(bands, frames)` in dB, float64 → the same, moved.

        The second part moves none by more than 15 dB: a steady content's ripple is no rhythm that has to be stretched.
        """
        straight = moved = self._straight(spectra)
        for turn in self._turns:
            moved = _bent(moved, *turn)
        return straight + (moved - straight).clamp(-_MOST_BENT_DB, _MOST_BENT_DB)

    def _straight(self, spectra: Tensor) -> Tensor:
        return self._aim[:, None] + self._map @ (spectra - self._mean[:, None])


def _bent(spectra: Tensor, turn: Tensor, known: Tensor, wanted: Tensor) -> Tensor:
    """Quantile by quantile along the axes of a turned space."""
    return turn.mT @ interpolated(turn @ spectra, known, wanted)


def transport(source: Tensor, target: Tensor) -> Tensor:
    """The matrix that takes one Gaussian's covariance to another's and moves least: symmetric, `(n, n)` float64.

    No direction is stretched by more than `_MOST_STRETCH`: the ripple of a steady content would be heard as hits.
    """
    own = torch.eye(len(source), dtype=torch.float64) * _SHRINK_DB**2
    source, target = source + own, target + own
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    values, vectors = torch.linalg.eigh(inverse @ _power(root @ target @ root, 0.5) @ inverse)
    return (vectors * values.clamp(0.0, _MOST_STRETCH)) @ vectors.mT


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return (vectors * values.clamp_min(1e-9) ** exponent) @ vectors.mT
