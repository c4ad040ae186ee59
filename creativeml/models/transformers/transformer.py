"""The Transformer from sequence to sequence, Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.positional import SinusoidalPositions
from creativeml.layers.transformer import DecoderLayer, EncoderLayer, causal_mask
from creativeml.models.registry import register
from creativeml.models.tokens import PADDING


@dataclass(frozen=True)
class TransformerConfig:
    """Shape of the network."""

    source_tokens: int = 64
    """Different tokens of the source, the padding among them."""
    target_tokens: int = 64
    """Different tokens of the target, the padding among them."""
    width: int = 64
    """Size of the vectors."""
    heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    hidden: int = 128
    """Of the position-wise networks."""
    dropout: float = 0.0
    norm_first: bool = False
    """Normalise what enters the branches of a layer, and once at the end, instead of the sums."""

    def __post_init__(self) -> None:
        check_range("source_tokens", self.source_tokens, 2)
        check_range("target_tokens", self.target_tokens, 2)
        for name in ("width", "heads", "encoder_layers", "decoder_layers", "hidden"):
            check_range(name, getattr(self, name), 1)
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width must be even and a multiple of the {self.heads} heads, not {self.width}")
        check_probability("dropout", self.dropout)


def transformer_config(source_tokens: int = 37000, target_tokens: int = 37000) -> TransformerConfig:
    """The size of the paper's base model."""
    return TransformerConfig(
        source_tokens,
        target_tokens,
        width=512,
        heads=8,
        encoder_layers=6,
        decoder_layers=6,
        hidden=2048,
        dropout=0.1,
    )


@register("transformer", TransformerConfig)
class Transformer(nn.Module):
    """Encoder and decoder over tokens. The input is not sound but two tensors of tokens.

    Args:
        config: its shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        sizes = (width, config.heads, config.hidden)
        options = {"dropout": config.dropout, "norm_first": config.norm_first}
        self.embed_source = nn.Embedding(config.source_tokens, width, padding_idx=PADDING)
        self.embed_target = nn.Embedding(config.target_tokens, width, padding_idx=PADDING)
        for embedding in (self.embed_source, self.embed_target):
            # The embeddings are scaled up by the root of the width, to be as large as the positions.
            nn.init.normal_(embedding.weight[1:].detach(), std=width**-0.5)
        self.positions = SinusoidalPositions()
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes, **options) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes, **options) for _ in range(config.decoder_layers))
        self.encoder_norm = nn.LayerNorm(width) if config.norm_first else nn.Identity()
        self.decoder_norm = nn.LayerNorm(width) if config.norm_first else nn.Identity()
        self.score = nn.Linear(width, config.target_tokens)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Scores of what follows each token of the target.

        Args:
            source: `(b, s)` int64, 0 where there is nothing.
            target: `(b, t)` int64, a start token first; position t is never seen by the scores before it.

        Returns:
            logits `(b, t, target_tokens)`: at position t those of token t + 1.
        """
        return self.decode(target, self.encode(source), source)

    def encode(self, source: Tensor) -> Tensor:
        """`(b, s)` → `(b, s, width)`."""
        mask = (source != PADDING)[:, None]
        x = self._vectors(self.embed_source, source)
        for layer in self.encoder:
            x = layer(x, mask)
        return self.encoder_norm(x)

    def decode(self, target: Tensor, memory: Tensor, source: Tensor) -> Tensor:
        """`(b, t)`, what `encode` gave `(b, s, width)`, and its source `(b, s)` → logits `(b, t, target_tokens)`."""
        mask = causal_mask(target.shape[1], device=target.device) & (target != PADDING)[:, None]
        there = (source != PADDING)[:, None]
        x = self._vectors(self.embed_target, target)
        for layer in self.decoder:
            x = layer(x, memory, mask, there)
        return self.score(self.decoder_norm(x))

    def _vectors(self, embedding: nn.Embedding, tokens: Tensor) -> Tensor:
        return self.dropout(self.positions(embedding(tokens) * math.sqrt(self.config.width)))

    @torch.no_grad()
    def complete(self, source: Tensor, start: int, length: int) -> Tensor:
        """The likeliest continuation, token by token.

        Args:
            source: `(b, s)` int64.
            start: the token that every target begins with.
            length: tokens to find.

        Returns:
            `(b, length)` int64, without the start; padding is never chosen.
        """
        memory = self.encode(source)
        target = source.new_full((len(source), 1), start)
        for _ in range(length):
            scores = self.decode(target, memory, source)[:, -1]
            scores[:, PADDING] = -torch.inf
            target = torch.cat([target, scores.argmax(1, keepdim=True)], dim=1)
        return target[:, 1:]
