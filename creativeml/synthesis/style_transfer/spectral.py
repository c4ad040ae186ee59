"""The *spectral* method: the style's spectrum and how it varies, by a filter that changes from frame to frame."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.frames import Frames, to_db, to_gain
from creativeml.synthesis.style_transfer.profile import SPAN_DB, Profile, levels_and_shapes, levels_as_often

_MOST_DB = 24.0
"""By which a band is raised or lowered at most: beyond it noise floors would be heard."""
_MOST_STRETCH = 3.0
_SHRINK_DB = 3.0
"""Standard deviation that is added to both spectra, so that a constant one can be moved too."""


class SpectralTransfer:
    """Optimal transport of spectra, and of levels where dynamics are wanted.

    The shapes of the content's spectra (bands in dB, relative to the level of the frame) are taken for one Gaussian,
    those of the style for another. Of all maps from the one to the other the one that moves least has a closed form (I.
    Olkin, F. Pukelsheim, "The distance between two random vectors with given dispersion matrices", 1982), as used on
    colours of pictures by F. Pitié, A. Kokaram, "The linear Monge-Kantorovitch linear colour mapping", 2007. What it
    adds to each band is a gain on the spectrum with its phases as they are: a zero-phase filter, so attacks stay.

    Args:
        content, style: statistics of the whole sounds.
        frames: of the sample rate.
        timbre: share of the way to the style's spectra.
        dynamics: share of the way from the content's distribution of levels to that of the style, quantile by quantile.
    """

    def __init__(self, content: Profile, style: Profile, frames: Frames, timbre: float, dynamics: float) -> None:
        self._frames, self._content, self._style = frames, content, style
        self._timbre, self._dynamics = timbre, dynamics
        self._map = transport(content.covariance, style.covariance)

    def render(self, content: Tensor, strength: float) -> Tensor:
        """A stretch `(channels, samples)` of the content → the same, changed; channels share their gains."""
        frames = self._frames
        spectra = frames.analyse(content)
        gains = to_gain(self.gains(frames.power(spectra).mean(0), strength)).to(spectra.real.dtype)
        return frames.synthesise(spectra * (frames.spread @ gains), content.shape[-1])

    def gains(self, power: Tensor, strength: float) -> Tensor:
        """Power `(bands, frames)` → gains `(bands, frames)` in dB."""
        level, shape = levels_and_shapes(power.double())
        moved = self._style.mean[:, None] + self._map @ (shape - self._content.mean[:, None])
        change = (self._timbre * strength * (moved - shape)).clamp(-_MOST_DB, _MOST_DB)
        # The frame keeps its level whatever became of its spectrum; silence keeps what it is.
        after = to_db((power * torch.exp(change * 0.230258509)).sum(0))
        wanted = level + strength * self._dynamics * (levels_as_often(level, self._content, self._style) - level)
        heard = ((level - self._content.loudest + SPAN_DB) / 10.0).clamp(0, 1)
        return ((change + (wanted - after)) * heard).float()


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
