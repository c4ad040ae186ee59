"""Train the judge of `creativeml evaluate`: a classifier of drum sounds that has heard recordings only.

    python examples/train_judge.py --data DATA --out creativeml/weights/judge

DATA is a dataset folder made by `creativeml prepare`. About ten minutes on one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from creativeml.errors import CreativeMLError
from creativeml.memory import keep_large_blocks
from creativeml.training.classifier import ClassifierTraining, save_classifier, train_classifier

DEFAULTS = ClassifierTraining()


def main(data: Path, out: Path, licence: str = "", settings: ClassifierTraining = DEFAULTS) -> None:
    """Train on the train split, stop by the validation split, report on the test split.

    Args:
        data: dataset folder.
        out: folder for the classifier.
        licence: of the weights, e.g. CC-BY-SA-4.0; kept with them.
        settings: how to train.
    """
    keep_large_blocks()
    trained = train_classifier(data, settings=settings)
    save_classifier(trained, out, data, licence=licence)
    kinds = trained.model.config.kinds
    print(f"{trained.steps} steps in {trained.seconds / 60:.1f} minutes; balanced accuracy: ", end="")
    print(f"validation {trained.validation.balanced:.1%}, test {trained.test.balanced:.1%}")
    print(" " * 11 + "".join(f"{kind[:6]:>7}" for kind in kinds) + "   (test recordings, rows: true kind)")
    for kind, row in zip(kinds, trained.test.confusion.long().tolist(), strict=True):
        print(f"{kind:<11}" + "".join(f"{count:>7}" for count in row))


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except CreativeMLError as error:
        sys.exit(f"error: {error}")
