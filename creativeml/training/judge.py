"""Training of the drum classifier, the judge of the evaluation, on real recordings only.

Batches that soften the imbalance of kinds and a loss that removes the rest, varied copies of the sounds with masks and
mixtures (`training.varied_sounds`), averaged weights, early stopping on the validation recordings. The test recordings
are looked at once, at the end.
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset, read_dataset, select_rows
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.judge import Recognition, recognition_of
from creativeml.models.checkpoint import save_pretrained
from creativeml.models.classifiers.drum_classifier import DrumClassifier, DrumClassifierConfig
from creativeml.training.varied_sounds import VariedSounds, mask_views, mixup, vary


@dataclass(frozen=True)
class ClassifierTraining:
    """How the classifier is trained."""

    steps: int = 800
    batch_size: int = 44
    share_power: float = 0.0
    """A kind's share of the batches goes with this power of its number of sounds: 0 gives equal shares, 1 the shares of
    the data. The loss makes up for it, so decisions are balanced in any case."""
    varied_sounds: int = 9000
    """Varied copies of the training sounds, made once, that batches are drawn from; fewer if so many are never drawn,
    more if each sound is to be among them."""
    learning_rate: float = 3e-3
    """Peak of the one-cycle schedule."""
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    mixture: float = 0.3
    """Parameter of the symmetric beta distribution of mixing shares (mixup, Zhang et al. 2018); 0 mixes
    nothing."""
    augment_probability: float = 0.8
    """Of each drum augmentation, for each sound."""
    layer_probability: float = 0.5
    """Of joining a sound with another one of its kind, as producers layer samples; what rare kinds need
    most."""
    average: float = 0.99
    """Decay per step of the averaged weights, which are what is kept."""
    check_every: int = 100
    """Steps between looks at the validation recordings."""
    patience: int = 8
    """Looks without a better result after which training ends."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2 or self.check_every < 1 or self.patience < 1:
            raise ValueError("steps, check_every and patience must be at least 1 and batch_size at least 2")


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier with what it achieves on recordings that it was not trained on."""

    model: DrumClassifier
    validation: Recognition
    test: Recognition
    steps: int
    seconds: float
    trained_on: list[str]
    """Fingerprints of the training sounds."""


def train_classifier(
    data: str | Path,
    *,
    config: DrumClassifierConfig | None = None,
    settings: ClassifierTraining | None = None,
    report: Callable[[str], None] = print,
) -> TrainedClassifier:
    """Train a classifier on the train split of a dataset folder.

    Args:
        data: dataset folder made by `creativeml prepare`.
        config: shape; kinds, rate and length are taken from the data.
        settings: how to train.
        report: gets a line of text at every look at the validation recordings.

    Returns:
        the averaged weights with the lowest validation loss, and balanced accuracies.

    Raises:
        CreativeMLError: not a dataset folder, a split without sounds, or fewer than two kinds.
    """
    settings = settings or ClassifierTraining()
    train = _sounds(data, "train")
    held_out = {name: OneShotDataset(data, name, kinds=train.kinds) for name in ("validation", "test")}
    torch.manual_seed(settings.seed)
    started = time.monotonic()
    model = DrumClassifier(_shaped(config, train))
    report(f"varying {len(train)} sounds")
    trainer = _Trainer(model, _varied(train, model, settings), settings)
    best, best_loss, steps = trainer.averaged, math.inf, 0
    for step in trainer.run():
        recognition, loss = examine(trainer.averaged, held_out["validation"])
        report(f"step {step:5d}  validation loss {loss:.3f}  balanced accuracy {recognition.balanced:.3f}")
        if loss < best_loss:
            best, best_loss, steps = copy.deepcopy(trainer.averaged), loss, step
        elif step - steps >= settings.patience * settings.check_every:
            break
    results = {name: examine(best, sounds)[0] for name, sounds in held_out.items()}
    seconds = time.monotonic() - started
    return TrainedClassifier(best.eval(), **results, steps=steps, seconds=seconds, trained_on=train.fingerprints())


def cross_validate(
    data: str | Path,
    *,
    folds: int = 5,
    config: DrumClassifierConfig | None = None,
    settings: ClassifierTraining | None = None,
    report: Callable[[str], None] = print,
) -> Recognition:
    """Recognition of every sound of a dataset by a classifier that has heard nothing of the sound's group.

    With few recordings of some kinds, one small test split says little; here every recording is a test recording
    once. Folds are balanced by kind as far as whole groups allow. Each training runs for all its steps: nothing is
    chosen by the sounds that it is judged by.

    Args:
        data: dataset folder made by `creativeml prepare`; all its splits are used.
        folds: trainings, each on the rest of the groups.
        config, settings, report: as for `train_classifier`; `report` gets a line before the sounds are varied and
            one per fold.

    Raises:
        CreativeMLError: not a dataset folder, fewer than two kinds, fewer groups than folds, or a kind in fewer than
            two groups.
    """
    settings = settings or ClassifierTraining()
    every = _sounds(data, "all")
    kinds = every.kinds
    shape = _shaped(config, every)
    split = _folds(every, folds, settings.seed)
    parts = torch.empty_like(every.labels)
    for fold, (_, unheard) in enumerate(split):
        parts[unheard] = fold
    report(f"varying {len(every)} sounds")
    varied = _varied(every, DrumClassifier(shape), settings, parts)
    recognised = torch.empty_like(every.labels)
    for fold, (heard, unheard) in enumerate(split, 1):
        torch.manual_seed(settings.seed)
        trainer = _Trainer(DrumClassifier(shape), varied.made_of(heard), settings)
        for _ in trainer.run():
            pass  # nothing is looked at on the way
        held_out = every.subset(unheard)
        recognised[unheard] = _scores(trainer.averaged, held_out).argmax(1)
        found = recognition_of(recognised[unheard], held_out.labels, kinds)
        report(f"fold {fold} of {folds}: {len(unheard)} sounds, balanced accuracy {found.balanced:.3f}")
    return recognition_of(recognised, every.labels, kinds)


def _folds(data: OneShotDataset, folds: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Indices to train on and to judge by, for each fold."""
    groups = [row.get("group") or row["path"] for row in data.rows]
    where = {(int(label), group) for label, group in zip(data.labels, groups, strict=True)}
    counts = Counter(label for label, _ in where)
    rare = [data.kinds[label] for label, count in counts.items() if count < 2]
    if rare or not 2 <= folds <= len(set(groups)):
        reason = f"one source group only of {', '.join(rare)}" if rare else f"{len(set(groups))} source groups"
        raise CreativeMLError(f"{data.root}: {folds} folds cannot be made of {reason}")
    splitter = require("sklearn.model_selection", extra="train").StratifiedGroupKFold
    split = splitter(folds, shuffle=True, random_state=seed).split(groups, data.labels, groups)
    return [(heard.tolist(), unheard.tolist()) for heard, unheard in split]


def _sounds(data: str | Path, split: str) -> OneShotDataset:
    """The sounds of a split, labelled by the kinds that it has sounds of; at least two."""
    # By the manifest, so that every sound is read once.
    kinds, rows = select_rows(read_dataset(data), split, None)
    present = {row["class"] for row in rows}
    if len(present) < 2:
        raise CreativeMLError(f"{data}: a classifier needs sounds of at least two kinds in the {split} split")
    return OneShotDataset(data, split, kinds=[kind for kind in kinds if kind in present])


def _shaped(config: DrumClassifierConfig | None, data: OneShotDataset) -> DrumClassifierConfig:
    """The configuration for the kinds, rate and length of some data."""
    shape = {"kinds": data.kinds, "sample_rate": data.sample_rate, "length_samples": data.length_samples}
    return replace(config or DrumClassifierConfig(), **shape)


def examine(model: DrumClassifier, data: OneShotDataset) -> tuple[Recognition, float]:
    """Recognition of all sounds of a dataset, and the mean cross-entropy over sounds (nats).

    Every sound counts the same in the loss: with two or three recordings of a rare kind, a loss balanced over kinds
    would be decided by them.
    """
    scores = _scores(model, data)
    recognition = recognition_of(scores.argmax(1), data.labels, model.config.kinds)
    return recognition, float(F.cross_entropy(scores, data.labels))


@torch.no_grad()
def _scores(model: DrumClassifier, data: OneShotDataset) -> Tensor:
    model.eval()
    return torch.cat([model(data.batch(part)[0]) for part in torch.arange(len(data)).split(32)])


def _varied(
    data: OneShotDataset, model: DrumClassifier, settings: ClassifierTraining, parts: Tensor | None = None
) -> VariedSounds:
    return vary(
        data,
        model.views,
        number=min(settings.varied_sounds, settings.steps * settings.batch_size),
        probability=settings.augment_probability,
        layer_probability=settings.layer_probability,
        generator=torch.Generator().manual_seed(settings.seed),
        parts=parts,
    )


class _Trainer:
    """Networks, optimizer and random numbers of one training."""

    def __init__(self, model: DrumClassifier, data: VariedSounds, settings: ClassifierTraining) -> None:
        self.model, self.data, self.settings = model, data, settings
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.members = [torch.nonzero(data.labels == kind).flatten() for kind in range(len(model.config.kinds))]
        counts = torch.tensor([len(data.origins[members].unique()) for members in self.members]).float()
        self.shares = counts**settings.share_power / (counts**settings.share_power).sum()
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=0.2
        )

    def run(self) -> Iterator[int]:
        """Train; give the number of steps done whenever it is time to look at the validation recordings."""
        for step in range(1, self.settings.steps + 1):
            self.step(step)
            if step % self.settings.check_every == 0 or step == self.settings.steps:
                yield step

    def step(self, number: int) -> None:
        self.model.train()
        drawn = torch.multinomial(self.shares, self.settings.batch_size, True, generator=self.generator)
        views, labels = self.data.batch(self._of_kinds(drawn))
        with torch.no_grad():
            kinds = F.one_hot(labels, len(self.model.config.kinds)).float()
            parts = (*mask_views(views, self.generator), kinds)
            *views, targets = mixup(parts, self.settings.mixture, self.generator)
        with torch.autocast(targets.device.type, torch.bfloat16):
            embedding = self.model.embed_views(tuple(views))
        # Scores learnt beside the log of the shares are those of a balanced classifier (Menon et al. 2021,
        # arXiv 2007.07314). Each member learns for itself: what they gain together comes from their differences.
        scores = self.model.member_scores(embedding.float()) + self.shares.log()
        targets = targets[:, None].expand_as(scores).flatten(0, 1)
        loss = F.cross_entropy(scores.flatten(0, 1), targets, label_smoothing=self.settings.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self._average(min(self.settings.average, number / (number + 9)))

    def _of_kinds(self, labels: Tensor) -> Tensor:
        """Index of a random varied sound for each label."""
        places = torch.rand(len(labels), generator=self.generator).tolist()
        members = [self.members[label] for label in labels.tolist()]
        return torch.stack([m[int(place * len(m))] for m, place in zip(members, places, strict=True)])

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        own = self.model.state_dict()
        for name, kept in self.averaged.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(own[name], 1.0 - decay)
            else:
                kept.copy_(own[name])


def save_classifier(
    trained: TrainedClassifier,
    folder: str | Path,
    *,
    cross_validation: Recognition | None = None,
    **info: Any,
) -> None:
    """Write the classifier (half-precision weights) with its accuracies and the hashes of its training sounds.

    The hashes let the evaluation leave out recordings that the judge was trained on.
    """
    values = {
        "steps": trained.steps,
        "test": trained.test.as_json(),
        "validation": trained.validation.as_json(),
        "cross_validation": cross_validation and cross_validation.as_json(),
        "trained_on_sha256": trained.trained_on,
        **info,
    }
    save_pretrained(trained.model, folder, dtype=torch.float16, info=values)
