"""Train the judge of `creativeml evaluate`, or the ear of critics: a classifier that has heard recordings only.

    python examples/train_judge.py --data DATA --out creativeml/weights/judge --folds 5

DATA is a dataset folder made by `creativeml prepare`. About four minutes on one core, and nine more for five folds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from creativeml.errors import CreativeMLError
from creativeml.evaluation.judge import Recognition
from creativeml.memory import keep_large_blocks
from creativeml.models.classifiers.drum_classifier import DrumClassifierConfig
from creativeml.training.judge import (
    ClassifierTraining,
    cross_validate,
    save_classifier,
    train_classifier,
)

DEFAULTS, SHAPE = ClassifierTraining(), DrumClassifierConfig()


def main(
    data: Path,
    out: Path,
    folds: int = 0,
    licence: str = "",
    settings: ClassifierTraining = DEFAULTS,
    shape: DrumClassifierConfig = SHAPE,
) -> None:
    """Train on the train split, stop by the validation split, report on the test split.

    Args:
        data: dataset folder.
        out: folder for the classifier.
        folds: before that, train on all but one of so many parts of all recordings, each part in turn, and report
            how the parts left out are recognised; sounds of one source group stay together. 0 does not.
        licence: of the weights, e.g. CC-BY-SA-4.0; kept with them.
        settings: how to train.
        shape: of the classifier; kinds, rate and length are taken from the data.
    """
    keep_large_blocks()
    crossed = cross_validate(data, folds=folds, config=shape, settings=settings) if folds else None
    if crossed is not None:
        show(crossed, f"{folds} folds over all recordings")
    trained = train_classifier(data, config=shape, settings=settings)
    save_classifier(trained, out, cross_validation=crossed, licence=licence)
    print(f"{trained.steps} steps in {trained.seconds / 60:.1f} minutes; validation {trained.validation.balanced:.1%}")
    show(trained.test, "test recordings")


def show(recognition: Recognition, of: str) -> None:
    """Print balanced accuracy and the confusion of kinds."""
    print(f"balanced accuracy {recognition.balanced:.1%} ({of}; rows: true kind)")
    print(" " * 11 + "".join(f"{kind[:6]:>7}" for kind in recognition.kinds))
    for kind, row in zip(recognition.kinds, recognition.confusion.long().tolist(), strict=True):
        print(f"{kind:<11}" + "".join(f"{count:>7}" for count in row))


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except CreativeMLError as error:
        sys.exit(f"error: {error}")
