"""Hierarchical attention network over drum patterns: hits make bars, bars make the pattern.

Yang et al., "Hierarchical attention networks for document classification" (NAACL 2016), with steps of a bar for words
and bars for sentences: a bidirectional GRU and an attention at either level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.attention import SequenceAttention
from creativeml.layers.recurrent import Recurrent
from creativeml.models.registry import register
from creativeml.models.tokens import PADDING


@dataclass(frozen=True)
class HierarchicalAttentionConfig:
    """Shape of the network."""

    tokens: int = 64
    """Different tokens, the padding among them."""
    classes: int = 8
    width: int = 32
    """Size of token vectors, of the states of each direction, and of the context vectors."""

    def __post_init__(self) -> None:
        check_range("tokens", self.tokens, 2)
        check_range("classes", self.classes, 1)
        check_range("width", self.width, 1)


class Explained(NamedTuple):
    """Scores and what they were made of.

    Attributes:
        logits: `(b, classes)`.
        steps: share of each step in its bar, `(b, bars, steps)`.
        bars: share of each bar in the pattern, `(b, bars)`.
    """

    logits: Tensor
    steps: Tensor
    bars: Tensor


@register("hierarchical_attention", HierarchicalAttentionConfig)
class HierarchicalAttention(nn.Module):
    """Tokens to bars to a pattern to scores. The input is tokens, not sound: `(b, bars, steps)` int64.

    Args:
        config: its shape.
    """

    def __init__(self, config: HierarchicalAttentionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Embedding(config.tokens, width, padding_idx=PADDING)
        self.over_steps = Recurrent("gru", width, width, bidirectional=True)
        self.attend_steps = SequenceAttention(2 * width, width)
        self.over_bars = Recurrent("gru", 2 * width, width, bidirectional=True)
        self.attend_bars = SequenceAttention(2 * width, width)
        self.score = nn.Linear(2 * width, config.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """`(b, bars, steps)` int64 → logits `(b, classes)`."""
        return self.explain(tokens).logits

    def explain(self, tokens: Tensor) -> Explained:
        """Scores of patterns `(b, bars, steps)`, and how much each step and bar counted; padding counts exactly 0.

        However much padding is added, the scores stay the same.
        """
        there = tokens != PADDING
        vectors, _ = self.over_steps(self.embed(tokens).flatten(0, 1), there.flatten(0, 1))
        bars, step_shares = self.attend_steps(vectors, there.flatten(0, 1))
        bar_there = there.any(2)
        vectors, _ = self.over_bars(bars.unflatten(0, tokens.shape[:2]), bar_there)
        pattern, bar_shares = self.attend_bars(vectors, bar_there)
        return Explained(self.score(pattern), step_shares.unflatten(0, tokens.shape[:2]), bar_shares)
