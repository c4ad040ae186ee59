"""A frozen classifier of drums that listens for a critic.

With a thousand recordings a critic that starts from nothing learns them by heart before it has learnt what makes a tom
a tom. A network that was trained to tell kinds apart brings that along (Sauer et al., "Projected GANs converge faster",
2021, arXiv 2111.01007; Kumari et al., "Ensembling off-the-shelf models for GAN training", 2022, arXiv 2112.09130).

The bundled ear has another shape than the judge of `creativeml evaluate`, other first weights and other variations of
its sounds, and it was trained on the train split alone for a number of steps fixed in advance. It is of the judge's
family all the same: where an ear took part, the judge's figures flatter, and other rulers must be asked too.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.classifiers.drum_classifier import DrumClassifier

BUNDLED = Path(__file__).resolve().parents[2] / "weights" / "ear"


class Ear:
    """A classifier, held fixed, whose gradient with respect to sounds can be taken.

    Args:
        model: the classifier.
    """

    def __init__(self, model: DrumClassifier) -> None:
        self._model = model.eval().requires_grad_(False)
        self.dimensions = model.config.members * model.config.embedding_dim

    def embed(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` → `(b, dimensions)`, each dimension of variance about 1 over recordings."""
        self._model.to(sounds.device)
        with torch.autocast(sounds.device.type, enabled=False):
            return self._model.embed(sounds.float())

    def column_of(self, kind: str) -> int | None:
        """Where `surprise` finds a kind; None if the ear does not know it."""
        kinds = self._model.config.kinds
        return kinds.index(kind) if kind in kinds else None

    def surprise(self, sounds: Tensor, columns: Tensor) -> Tensor:
        """How far each sound is from being heard as its kind.

        Args:
            sounds: `(b, samples)`.
            columns: `(b,)`, the kinds by `column_of`.

        Returns:
            `(b,)`, minus the logarithm of the probability that the ear gives to the kind, in nats.
        """
        self._model.to(sounds.device)
        with torch.autocast(sounds.device.type, enabled=False):
            return F.cross_entropy(self._model(sounds.float()), columns, reduction="none")


@lru_cache(maxsize=1)
def load_ear(sample_rate: int) -> Ear:
    """The bundled ear.

    Raises:
        CreativeMLError: it does not hear sounds at this rate.
    """
    model = from_pretrained(BUNDLED)
    assert isinstance(model, DrumClassifier)
    if model.config.sample_rate != sample_rate:
        raise CreativeMLError(
            f"the ear hears sounds at {model.config.sample_rate} Hz, not {sample_rate}; set critic.ear=false and"
            " recognition.weight=0"
        )
    return Ear(model)
