"""Losses that are negative log-likelihoods: what a network's outputs say about the data, in nats.

Which distribution is taken for granted decides the loss (Bishop 1995, "Neural networks for pattern recognition",
chapter 6): a Gaussian of known variance gives squared errors, Bernoulli probabilities give binary cross-entropy,
categorical ones give cross-entropy. Every function returns one figure for each element (or each row), not yet averaged.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_nll(mean: Tensor, target: Tensor, *, deviation: float = 1.0) -> Tensor:
    """Of a Gaussian whose mean the network says and whose standard deviation is known.

    Args:
        mean, target: `(...)` of one shape.
        deviation: above 0, in the unit of the target.

    Returns:
        `(...)` nats. Half the squared error over the variance, and a constant.

    Raises:
        ValueError: a deviation of 0 or below, or shapes that differ.
    """
    if not deviation > 0.0:
        raise ValueError(f"deviation must be above 0, not {deviation}")
    _same_shape(mean, target)
    return 0.5 * ((target - mean) / deviation).square() + math.log(deviation) + 0.5 * math.log(2.0 * math.pi)


def gaussian_nll_with_variance(mean: Tensor, log_variance: Tensor, target: Tensor) -> Tensor:
    """Of a Gaussian of which the network says both mean and variance (Nix and Weigend 1994).

    Args:
        mean, log_variance, target: `(...)` of one shape; the logarithm needs no activation to stay allowed.

    Returns:
        `(...)` nats; below 0 where the density is above 1.

    Raises:
        ValueError: shapes that differ.
    """
    _same_shape(mean, target)
    _same_shape(log_variance, target)
    squared = (target - mean).square() * torch.exp(-log_variance)
    return 0.5 * (squared + log_variance + math.log(2.0 * math.pi))


def bernoulli_nll(logits: Tensor, target: Tensor) -> Tensor:
    """Of yes-or-no outcomes: binary cross-entropy, from logits since their sigmoid would lose digits.

    Args:
        logits: `(...)`, log p / (1 - p).
        target: `(...)` of 0 and 1, or probabilities between them.

    Returns:
        `(...)` nats.

    Raises:
        ValueError: shapes that differ.
    """
    _same_shape(logits, target)
    return F.softplus(logits) - target * logits


def categorical_nll(logits: Tensor, target: Tensor) -> Tensor:
    """Of one class out of several: cross-entropy.

    Args:
        logits: `(..., classes)`, up to a constant the log-probabilities.
        target: `(...)` int64, the class of each row.

    Returns:
        `(...)` nats.

    Raises:
        ValueError: `target` does not have the shape of `logits` without its last axis.
    """
    if logits.shape[:-1] != target.shape:
        needed = tuple(logits.shape[:-1])
        raise ValueError(f"logits {tuple(logits.shape)} need targets {needed}, not {tuple(target.shape)}")
    chosen = logits.gather(-1, target[..., None]).squeeze(-1)
    return torch.logsumexp(logits, -1) - chosen


def _same_shape(given: Tensor, target: Tensor) -> None:
    # Broadcasting (b, 1) against (b) would silently compare every row with every other one.
    if given.shape != target.shape:
        raise ValueError(f"shapes must be equal, not {tuple(given.shape)} and {tuple(target.shape)}")
