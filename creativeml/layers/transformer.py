"""Layers of the Transformer, Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762).

Parameters have the names and shapes of `torch.nn.TransformerEncoderLayer` and `TransformerDecoderLayer`, whose
`state_dict` can be loaded. Masks are True where a position may be seen (torch's layers have it the other way round).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.attention import MultiHeadAttention


def causal_mask(length: int, *, device: torch.device | None = None) -> Tensor:
    """`(length, length)`, True where the position of the column is not after that of the row."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


class TransformerLayer(nn.Module):
    """What encoder and decoder layers share: attention to oneself and the position-wise network.

    Args:
        dim: size of the vectors.
        heads: of the attention.
        hidden: size of the position-wise network's inner layer.
        dropout: of shares, inner layer and branches, while training.
        norm_first: normalise what enters a branch, which lets deep stacks train without a warm-up (Xiong et al. 2020,
            arXiv 2002.04745); otherwise the sum that leaves it, as published.
    """

    def __init__(self, dim: int, heads: int, hidden: int, *, dropout: float = 0.0, norm_first: bool = False) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = MultiHeadAttention(dim, heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def look_within(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The branch of attention to oneself: `(b, t, dim)` → `(b, t, dim)`."""
        return self.self_attn(x, x, mask)[0]

    def attention_shares(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """What each head takes from where, for an input of this layer: `(b, t, dim)` → `(b, heads, t, t)`."""
        x = self.norm1(x) if self.norm_first else x
        return self.self_attn(x, x, mask)[1]

    def feed_forward(self, x: Tensor) -> Tensor:
        """The branch of the position-wise network: `(b, t, dim)` → `(b, t, dim)`."""
        return self.linear2(self.dropout(F.relu(self.linear1(x))))

    def add(self, x: Tensor, branch: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        """A sequence plus a branch of it, normalised before or after."""
        if self.norm_first:
            return x + self.dropout(branch(norm(x)))
        return norm(x + self.dropout(branch(x)))


class EncoderLayer(TransformerLayer):
    """Attention to oneself, then the position-wise network."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`(b, t, dim)` → `(b, t, dim)`; the mask is `(t, t)`, `(b, t, t)` or `(b, 1, t)`."""
        x = self.add(x, lambda y: self.look_within(y, mask), self.norm1)
        return self.add(x, self.feed_forward, self.norm2)


class DecoderLayer(TransformerLayer):
    """Attention to oneself, attention to another sequence, then the position-wise network.

    Args:
        dim, heads, hidden, dropout, norm_first: as for `TransformerLayer`.
    """

    def __init__(self, dim: int, heads: int, hidden: int, *, dropout: float = 0.0, norm_first: bool = False) -> None:
        super().__init__(dim, heads, hidden, dropout=dropout, norm_first=norm_first)
        self.multihead_attn = MultiHeadAttention(dim, heads, dropout=dropout)
        self.norm3 = nn.LayerNorm(dim)

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """One layer.

        Args:
            x: `(b, t, dim)`.
            memory: the encoder's output `(b, s, dim)`.
            mask: `(t, t)` or `(b, t, t)`, by custom `causal_mask(t)`.
            memory_mask: `(t, s)`, `(b, t, s)` or `(b, 1, s)`.

        Returns:
            `(b, t, dim)`.
        """
        x = self.add(x, lambda y: self.look_within(y, mask), self.norm1)
        x = self.add(x, lambda y: self.multihead_attn(y, memory, memory_mask)[0], self.norm2)
        return self.add(x, self.feed_forward, self.norm3)
