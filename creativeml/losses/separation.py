"""What separation of mixtures is trained by, and judged by."""

from __future__ import annotations

import torch
from torch import Tensor


def affinity_loss(embedding: Tensor, members: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared distance between how alike points are and how alike they should be: ||V V^T - Y Y^T||^2.

    Hershey et al. 2016, "Deep clustering: discriminative embeddings for segmentation and separation" (arXiv
    1508.04306), in the low-rank form of its equation 3, ||V^T V||^2 - 2 ||V^T Y||^2 + ||Y^T Y||^2, which never makes
    the matrices of all pairs of points.

    Args:
        embedding: V, `(b, n, d)`.
        members: Y, `(b, n, c)`, 1 for the group that a point belongs to.
        weights: `(b, n)`, at least 0: how much each point counts; all as much if None.

    Returns:
        Scalar: the mean over the batch, divided by the squared sum of weights of each, so at most about 1.
    """
    if weights is None:
        weights = torch.ones_like(embedding[..., 0])
    root = weights.sqrt()[..., None]
    points, groups = embedding * root, members.to(embedding) * root

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return (a.transpose(1, 2) @ b).square().sum((1, 2))

    distance = inner(points, points) - 2.0 * inner(points, groups) + inner(groups, groups)
    return (distance / weights.sum(1).square().clamp_min(1e-8)).mean()


def si_sdr(estimate: Tensor, target: Tensor, *, eps: float = 1e-8) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, arXiv 1811.02508).

    Args:
        estimate, target: `(..., samples)`.
        eps: added to both energies, so that silence gives finite values.

    Returns:
        `(...)`; whatever the level of the estimate.
    """
    estimate = estimate - estimate.mean(-1, keepdim=True)
    target = target - target.mean(-1, keepdim=True)
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + eps)
    wanted = scale * target
    rest = estimate - wanted
    return 10.0 * torch.log10((wanted.square().sum(-1) + eps) / (rest.square().sum(-1) + eps))
