"""`creativeml train classifier`: teach any classifier of the library the kinds of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from creativeml.errors import CreativeMLError, require


def train_classifier(
    *,
    model: str,
    data: Path,
    out: Path,
    changes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="set", metavar="FIELD=VALUE")
    ] = (),
    steps: int = 1000,
    batch_size: int = 64,
    accumulate: int = 1,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
    optimizer: Literal["adam", "momentum", "sgd"] = "adam",
    schedule: Literal["constant", "step", "cosine"] = "constant",
    warm_up: int = 0,
    validate_every: int = 50,
    patience: int = 10,
    resume: bool = False,
    resume_or_start: bool = False,
    overfit: int = 0,
    seed: int = 0,
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["bf16-mixed", "32-true"] = "32-true",
) -> int:
    """Train a network that names kinds of drum. Its best weights on the validation recordings lie in OUT/best.

    OUT also gets a log (log.jsonl), a picture of training and validation loss (curves.png), accuracies and confusion
    matrices of all splits (report.json), and the state to resume from.

    Args:
        model: name of a classifier, e.g. drum_classifier; a wrong name is answered with those there are.
        data: dataset folder made by `creativeml prepare`. Splits that share a source group are refused.
        out: folder of the run.
        changes: change a field of the model's configuration, e.g. `--set width=16`.
        steps: updates in all, those before a resume included.
        batch_size: sounds in memory at once, in each process.
        accumulate: parts of a step, each of --batch-size sounds, that a process takes one after the other.
        learning_rate: of the optimizer, at its highest.
        weight_decay: share, times the learning rate, by which weights shrink in every step.
        label_smoothing: share of every label that is spread over all kinds, from 0 to less than 1.
        optimizer: method.
        schedule: of the learning rate over the run.
        warm_up: steps over which the learning rate grows to its full value.
        validate_every: steps from one look at the validation recordings to the next; the state is saved there too.
        patience: looks without a better result after which training ends; 0 never ends it early.
        resume: continue the run in OUT exactly where its last state was.
        resume_or_start: continue the run in OUT if it holds one, else start it.
        overfit: learn this many sounds by heart, spread over the kinds, to see whether the model can; 0 for all.
        seed: of weights and batches.
        accelerator: device to train on.
        precision: number format of the computation.
    """
    require("lightning_fabric", extra="train")
    # Not at the top: these load torch, which `--help` need not wait for.
    from creativeml.training.classifier import run_classifier, was_begun_by_this_job
    from creativeml.training.loop import LoopConfig, holds_state
    from creativeml.training.recorder import tell
    from creativeml.training.replicas import fabric_for
    from creativeml.training.stopping import Stopped
    from creativeml.training.supervised import SupervisedConfig

    for name, value in (("patience", patience), ("overfit", overfit), ("seed", seed)):
        if value < 0:
            raise CreativeMLError(f"--{name} must not be negative, not {value}")
    try:
        loop = LoopConfig(
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            overfit=overfit or None,
            validate_every=validate_every,
            patience=patience or None,
            seed=seed,
            optimizer=optimizer,
            schedule=schedule,
            warm_up=warm_up,
            accumulate=accumulate,
        )
        config = SupervisedConfig(loop, label_smoothing)
    except ValueError as error:
        # Fields are named as the flags are, but for the line between words.
        raise CreativeMLError(f"--{str(error).replace('_', '-', 1)}") from error
    resume = resume or (holds_state(out) and (resume_or_start or was_begun_by_this_job(out)))
    fabric = fabric_for(accelerator, precision)
    try:
        run = run_classifier(model, data, out, config, fabric, changes=changes, resume=resume)
    except Stopped as stopped:
        tell("continue with --resume")
        return 130 if str(stopped) == "SIGINT" else 0
    if fabric.is_global_zero:
        for split, recognition in run.recognition.items():
            right, count = recognition.confusion.trace(), recognition.confusion.sum()
            print(f"{split}: {right / count:.3f} of {count:.0f} sounds, balanced over kinds {recognition.balanced:.3f}")
        print(f"best weights (step {run.history.best}): {out / 'best'}")
    return 0
