"""Attention: scores of how well queries and keys match, turned into shares, by which values are averaged.

Masks are True where a key may be seen. What may not be seen gets a share of exactly 0; a query that may see nothing
gets zeros.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dot_scores(queries: Tensor, keys: Tensor) -> Tensor:
    """Inner products (Luong et al. 2015, arXiv 1508.04025): `(..., q, d)`, `(..., k, d)` → `(..., q, k)`."""
    return queries @ keys.transpose(-2, -1)


def scaled_dot_scores(queries: Tensor, keys: Tensor) -> Tensor:
    """Inner products over `sqrt(d)`, which keeps their variance at 1 whatever d (Vaswani et al. 2017)."""
    return dot_scores(queries / math.sqrt(queries.shape[-1]), keys)


class AdditiveScores(nn.Module):
    """Scores `v · tanh(W query + U key)` (Bahdanau et al. 2015, arXiv 1409.0473); the sizes need not be equal.

    Args:
        query_dim, key_dim: sizes of the vectors.
        hidden: size of their sum.
    """

    def __init__(self, query_dim: int, key_dim: int, hidden: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_dim, hidden)
        self.key = nn.Linear(key_dim, hidden, bias=False)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """`(..., q, query_dim)`, `(..., k, key_dim)` → `(..., q, k)`."""
        return self.score(torch.tanh(self.query(queries)[..., :, None, :] + self.key(keys)[..., None, :, :]))[..., 0]


def shares(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last axis, with exactly 0 where the mask (of a shape that broadcasts) is False."""
    if mask is None:
        return scores.softmax(-1)
    # The lowest finite number instead of minus infinity: a row without any key must not become NaN.
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(-1).masked_fill(~mask, 0.0)


def attend(scores: Tensor, values: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Average of the values by the shares of their scores.

    Args:
        scores: `(..., q, k)`.
        values: `(..., k, d)`.
        mask: True where a key may be seen; broadcasts to the scores.

    Returns:
        `(..., q, d)` and the shares `(..., q, k)`.
    """
    weights = shares(scores, mask)
    return weights @ values, weights


class MultiHeadAttention(nn.Module):
    """Scaled dot attention in several projections at once (Vaswani et al. 2017, section 3.2.2).

    Parameters have the names and shapes of `torch.nn.MultiheadAttention`, whose `state_dict` can be loaded.

    Args:
        dim: size of the vectors.
        heads: that it is divided into.
        dropout: of the shares, while training.

    Raises:
        ValueError: the size cannot be divided into so many heads.
    """

    def __init__(self, dim: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"a size of {dim} cannot be divided into {heads} heads")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.out_proj.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Attend from one sequence to another (or to itself).

        Args:
            queries: `(b, q, dim)`.
            keys: `(b, k, dim)`, from which the values are made, too.
            mask: `(q, k)` or `(b, q, k)` or `(b, 1, k)`, True where a key may be seen.

        Returns:
            `(b, q, dim)`, and the shares of each head `(b, heads, q, k)`, before dropout.
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        query, key, value = (
            F.linear(x, w, b).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for x, w, b in zip((queries, keys, keys), weights, biases, strict=True)
        )
        if mask is not None and mask.ndim == 3:
            mask = mask[:, None]
        by_head = shares(scaled_dot_scores(query, key), mask)
        found = self.dropout(by_head) @ value
        return self.out_proj(found.transpose(1, 2).flatten(2)), by_head


class SequenceAttention(nn.Module):
    """A sequence into one vector, by how well each step answers one learned question.

    Yang et al., "Hierarchical attention networks for document classification" (NAACL 2016), equations 5 to 7:
    `u = tanh(W h + b)`, shares `a = softmax(u · c)` with a learned context vector c, and `sum of a h`.

    Args:
        dim: size of the steps' vectors.
        hidden: size of the context vector.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.affine = nn.Linear(dim, hidden)
        self.context = nn.Parameter(torch.randn(hidden) / math.sqrt(hidden))

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Summarise.

        Args:
            steps: `(b, t, dim)`.
            mask: `(b, t)`, False where there is nothing.

        Returns:
            `(b, dim)` and the shares `(b, t)`; both are zeros for a sequence of nothing.
        """
        weights = shares(torch.tanh(self.affine(steps)) @ self.context, mask)
        return (weights[:, None] @ steps)[:, 0], weights
