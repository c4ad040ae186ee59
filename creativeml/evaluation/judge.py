"""The judge: a classifier that has heard real recordings only, and how well kinds are recognised by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from creativeml.data.one_shots import fingerprint
from creativeml.errors import CreativeMLError
from creativeml.evaluation.embeddings import Embedding
from creativeml.models.checkpoint import from_pretrained, read_config
from creativeml.models.classifiers.drum_classifier import DrumClassifier

BUNDLED = Path(__file__).resolve().parent.parent / "weights" / "judge"


@dataclass(frozen=True)
class Recognition:
    """What became of sounds of known kind.

    Attributes:
        kinds: names, in the order of rows and columns.
        confusion: `(kinds, kinds)` counts; row: true kind, column: recognised kind.
    """

    kinds: tuple[str, ...]
    confusion: Tensor

    @cached_property
    def per_kind(self) -> dict[str, float]:
        """Share of each kind's sounds that is recognised; kinds without sounds are left out."""
        totals = self.confusion.sum(1)
        return {kind: float(self.confusion[i, i] / totals[i]) for i, kind in enumerate(self.kinds) if totals[i] > 0}

    @property
    def balanced(self) -> float:
        """Mean over kinds of `per_kind`; NaN without any sound."""
        return sum(self.per_kind.values()) / len(self.per_kind) if self.per_kind else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "balanced_accuracy": self.balanced,
            "per_kind": self.per_kind,
            "kinds": list(self.kinds),
            "confusion": self.confusion.long().tolist(),
        }


def recognition_of(recognised: Tensor, truth: Tensor, kinds: Sequence[str]) -> Recognition:
    """Count pairs of true and recognised kinds, both `(n,)` indices into `kinds`."""
    pairs = truth.long() * len(kinds) + recognised.long()
    counts = torch.bincount(pairs, minlength=len(kinds) ** 2).view(len(kinds), len(kinds))
    return Recognition(tuple(kinds), counts.double())


@dataclass(frozen=True)
class Judge:
    """A trained classifier, held fixed.

    Attributes:
        model: the classifier, in evaluation mode.
        info: what was saved with it: accuracies on real recordings, hashes of the sounds it was trained on.
        sha256: hash of its weights, which tells judges apart in reports.
    """

    model: DrumClassifier
    info: dict[str, Any]
    sha256: str

    @property
    def embedding(self) -> Embedding:
        """The judge's embedding as an `Embedding`: (sounds, sample rate) → `(b, dimensions)`."""

        @torch.no_grad()
        def embed_by_judge(sounds: Tensor, sample_rate: int) -> Tensor:
            self._check_rate(sample_rate)
            return self.model.embed(sounds)

        return embed_by_judge

    @torch.no_grad()
    def recognise(self, embedding: Tensor, names: Sequence[str]) -> Recognition:
        """Recognition of sounds from their embedding `(n, dimensions)`, of the kinds `names`.

        Sounds of a kind that the judge does not know are left out.
        """
        kinds = self.model.config.kinds
        known = torch.tensor([name in kinds for name in names], dtype=torch.bool)
        truth = torch.tensor([kinds.index(name) for name in names if name in kinds], dtype=torch.long)
        recognised = self.model.classify_embedding(embedding[known]).argmax(1)
        return recognition_of(recognised, truth, kinds)

    def was_trained_on(self, sha256: str) -> bool:
        """Whether the stored file with this hash was among the training sounds."""
        return fingerprint(sha256) in self._training_hashes

    @cached_property
    def _training_hashes(self) -> frozenset[str]:
        return frozenset(self.info.get("trained_on_sha256", ()))

    def _check_rate(self, sample_rate: int) -> None:
        if sample_rate != self.model.config.sample_rate:
            raise CreativeMLError(
                f"the judge hears sounds at {self.model.config.sample_rate} Hz, not {sample_rate}; "
                "prepare the data at that rate or give another judge"
            )


def load_judge(folder: str | Path = BUNDLED) -> Judge:
    """Load a judge.

    Args:
        folder: saved by `creativeml.training.judge.save_classifier`; the bundled one by default.

    Raises:
        CreativeMLError: no model there, or one that is no classifier.
    """
    values = read_config(folder)
    model = from_pretrained(folder)
    if not isinstance(model, DrumClassifier):
        raise CreativeMLError(f"{folder}: holds '{values['model']}', which is not a classifier of drums")
    return Judge(model, values.get("info") or {}, str(values.get("sha256", "")))
