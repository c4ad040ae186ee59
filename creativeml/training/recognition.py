"""A penalty on sounds that are not heard as the kind that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.models.gans.ear import load_ear
from creativeml.training.config import RecognitionConfig


class RecognitionPenalty:
    """The penalty, paid every few steps. Kinds that the ear does not know pay nothing.

    Args:
        config: weight and cadence.
        kinds: of the generator.
        sample_rate: in Hz.

    Raises:
        CreativeMLError: the ear knows none of the kinds, or hears sounds at another rate.
    """

    def __init__(self, config: RecognitionConfig, kinds: Sequence[str], sample_rate: int) -> None:
        self._config = config
        self._ear = load_ear(sample_rate)
        found = [self._ear.column_of(kind) for kind in kinds]
        if all(column is None for column in found):
            raise CreativeMLError(f"the ear knows none of the kinds {', '.join(kinds)}; set recognition.weight=0")
        self._columns = torch.tensor([-1 if column is None else column for column in found])

    def is_due(self, step: int) -> bool:
        """Whether this step pays."""
        return step % self._config.every == 0

    def terms(self, sounds: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`recognition` → the weighted mean surprise beyond what is allowed.

        Args:
            sounds: `(b, samples)`.
            labels: `(b,)` index of the kind that was asked for.
        """
        columns = self._columns.to(labels.device)[labels]
        known = columns >= 0
        allowed = -math.log(self._config.enough)
        beyond = (self._ear.surprise(sounds, columns.clamp(min=0)) - allowed).clamp(min=0)
        # A mean over all sounds, so that the weight of one does not depend on the others of its batch.
        return {"recognition": self._config.weight * self._config.every * (beyond * known).mean()}
