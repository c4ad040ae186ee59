"""word2vec: tokens that are found in the same surroundings get similar vectors.

Mikolov et al., "Efficient estimation of word representations in vector space" (2013, arXiv 1301.3781): CBOW foretells a
token from the mean of its surroundings, skip-gram the surroundings from the token. Both by telling true tokens from drawn
ones (negative sampling, Mikolov et al. 2013, arXiv 1310.4546).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.models.registry import register


@dataclass(frozen=True)
class Word2VecConfig:
    """Shape of the embedding."""

    vocabulary: tuple[str, ...] = ("rest", "kick", "snare", "hat_closed", "hat_open", "ride", "rim", "clap", "tom", "crash")
    dim: int = 8
    method: Literal["skip_gram", "cbow"] = "skip_gram"

    def __post_init__(self) -> None:
        check_range("dim", self.dim, 1)
        if len(self.vocabulary) < 2 or len(set(self.vocabulary)) != len(self.vocabulary):
            raise ValueError("vocabulary must name at least two tokens, each once")


@register("word2vec", Word2VecConfig)
class Word2Vec(nn.Module):
    """The embedding. `forward` takes three tensors of token numbers and returns the loss of each centre.

    Args:
        config: its shape.
    """

    def __init__(self, config: Word2VecConfig) -> None:
        super().__init__()
        self.config = config
        self.inputs = nn.Embedding(len(config.vocabulary), config.dim)
        self.outputs = nn.Embedding(len(config.vocabulary), config.dim)
        for table in (self.inputs, self.outputs):
            nn.init.normal_(table.weight, std=0.5 / config.dim**0.5)

    def forward(self, centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
        """Negative-sampling loss.

        Args:
            centre: `(b,)` numbers of tokens.
            context: `(b, c)` the tokens around each, -1 where there is none.
            negatives: `(b, k)` drawn tokens.

        Returns:
            `(b,)` in nats: -log sigmoid(true score) - sum of log sigmoid(-drawn score). Skip-gram has as many true scores
            as there are tokens around, each with the k drawn ones; CBOW has one.
        """
        present = (context >= 0).to(self.inputs.weight.dtype)
        around = context.clamp_min(0)
        if self.config.method == "cbow":
            mean = (self.inputs(around) * present[..., None]).sum(1) / present.sum(1, keepdim=True).clamp_min(1.0)
            true = (mean * self.outputs(centre)).sum(1)
            drawn = torch.einsum("bd,bkd->bk", mean, self.outputs(negatives))
            return -F.logsigmoid(true) - F.logsigmoid(-drawn).sum(1)
        vector = self.inputs(centre)
        true = torch.einsum("bd,bcd->bc", vector, self.outputs(around))
        drawn = torch.einsum("bd,bkd->bk", vector, self.outputs(negatives))
        each = F.logsigmoid(true) + F.logsigmoid(-drawn).sum(1, keepdim=True)
        return -(each * present).sum(1)

    @torch.no_grad()
    def vectors(self) -> Tensor:
        """Unit vectors of all tokens: `(vocabulary, dim)`."""
        return F.normalize(self.inputs.weight.float(), dim=1)

    def similarity(self, first: str, second: str) -> float:
        """Cosine between two tokens' vectors.

        Raises:
            KeyError: a token that is not in the vocabulary.
        """
        numbers = {token: n for n, token in enumerate(self.config.vocabulary)}
        vectors = self.vectors()
        return float(vectors[numbers[first]] @ vectors[numbers[second]])

    def nearest(self, token: str, count: int = 3) -> list[str]:
        """The tokens most similar to another one, the nearest first."""
        others = [other for other in self.config.vocabulary if other != token]
        return sorted(others, key=lambda other: -self.similarity(token, other))[:count]
