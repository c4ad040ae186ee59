"""Training of word2vec on sequences of tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.models.embeddings.word2vec import Word2Vec, Word2VecConfig
from creativeml.training.minibatches import History, LoopConfig, train_minibatches
from creativeml.training.networks import on_device

_DRAWING_POWER = 0.75
"""Of tokens' frequencies, with which the drawn ones come (Mikolov et al. 2013, section 2.2)."""


@dataclass(frozen=True)
class Word2VecTrainingConfig:
    """What word2vec is trained with."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=1500, batch_size=256, learning_rate=1e-2))
    method: Literal["skip_gram", "cbow"] = "skip_gram"
    dim: int = 8
    window: int = 4
    """Places before and after a token that count as its surroundings."""
    negatives: int = 5
    """Tokens drawn for each true one."""

    def __post_init__(self) -> None:
        for name in ("dim", "window", "negatives"):
            check_range(name, getattr(self, name), 1)


Slots = Sequence[Sequence[str]]
"""A sequence of places with any number of tokens at each: hits at the steps of a bar, or words one by one."""


def surroundings(sequence: Slots, numbers: dict[str, int], window: int) -> tuple[list[int], list[list[int]]]:
    """Every token of a sequence, and the tokens that are found up to `window` places before or after it.

    Tokens at the same place are no surroundings of each other. Neither is a token its own: a rhythm is made of repeats,
    which say nothing about what could stand in a token's place.

    Returns:
        Numbers of the centres; for each, the numbers of what is around it.
    """
    centres, contexts = [], []
    for place, tokens in enumerate(sequence):
        places = [p for p in range(max(0, place - window), min(len(sequence), place + window + 1)) if p != place]
        around = [numbers[token] for p in places for token in sequence[p]]
        for token in map(numbers.__getitem__, tokens):
            centres.append(token)
            contexts.append([other for other in around if other != token])
    return centres, contexts


def train_word2vec(
    sequences: Sequence[Slots],
    config: Word2VecTrainingConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> tuple[Word2Vec, History]:
    """Learn an embedding of all tokens.

    Args:
        sequences: of places with tokens, e.g. `Pattern.hits()` of drum patterns, or `[[word] for word in words]`.
        config: how; with `loop.overfit` from the first so many tokens and what is around them.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: fewer than two different tokens, or no token with others around it.
    """
    frequency = Counter(token for sequence in sequences for tokens in sequence for token in tokens)
    if len(frequency) < 2:
        raise CreativeMLError("word2vec needs at least two different tokens; give it more patterns")
    vocabulary = tuple(sorted(frequency))
    centre, context = _table(sequences, vocabulary, config.window)
    frequencies = torch.tensor([frequency[token] for token in vocabulary], dtype=torch.float)
    (weights,) = on_device(fabric, (frequencies**_DRAWING_POWER,))
    torch.manual_seed(config.loop.seed)
    model = Word2Vec(Word2VecConfig(vocabulary, config.dim, config.method))

    def loss(centres: Tensor, contexts: Tensor) -> Tensor:
        drawn = torch.multinomial(weights, len(centres) * config.negatives, replacement=True)
        losses = model(centres, contexts, drawn.view(len(centres), -1))
        scores = len(centres) if config.method == "cbow" else (contexts >= 0).sum()
        return losses.float().sum() / scores

    history = train_minibatches(
        model, loss, (centre, context), config.loop, folder=folder, resume=resume, fabric=fabric
    )
    return model, history


def _table(sequences: Sequence[Slots], vocabulary: tuple[str, ...], window: int) -> tuple[Tensor, Tensor]:
    numbers = {token: n for n, token in enumerate(vocabulary)}
    centres: list[int] = []
    contexts: list[list[int]] = []
    for sequence in sequences:
        own, around = surroundings(sequence, numbers, window)
        centres += [c for c, a in zip(own, around, strict=True) if a]
        contexts += [a for a in around if a]
    if not centres:
        raise CreativeMLError("no token has another one around it; give longer patterns or a larger window")
    context = torch.full((len(centres), max(map(len, contexts))), -1)
    for row, around in zip(context, contexts, strict=True):
        row[: len(around)] = torch.tensor(around)
    return torch.tensor(centres), context
