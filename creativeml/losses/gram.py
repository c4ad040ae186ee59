"""Style as statistics: which features of a sound occur together, whatever the moment.

L. A. Gatys, A. S. Ecker, M. Bethge, "Image style transfer using convolutional neural networks", 2016: the Gram matrix
of a layer, the mean product of every pair of its features, says what a texture is like and not where anything is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """Mean products of pairs of features: `(..., features, time)` → `(..., features, features)`."""
    return features @ features.mT / features.shape[-1]


def gram_distance(grams: Sequence[Tensor], style: Sequence[Tensor]) -> Tensor:
    """How far Gram matrices are from those of a style, relative to the style's own size.

    Args:
        grams: of each layer, `(features, features)`.
        style: the same of the style.

    Returns:
        Scalar: mean over the layers of the squared Frobenius norm of the difference over that of the style. 0 for equal
        statistics, 1 for silence of the features.
    """
    pairs = zip(grams, style, strict=True)
    return torch.stack([(g - s).square().sum() / s.square().sum().clamp_min(1e-12) for g, s in pairs]).mean()


def mixed(first: Sequence[Tensor], second: Sequence[Tensor], share: float) -> list[Tensor]:
    """Matrices on the straight way from the first to the second, `share` of it gone."""
    return [torch.lerp(a, b, share) for a, b in zip(first, second, strict=True)]
