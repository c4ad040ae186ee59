"""A run that teaches any classifier of the registry the kinds of a dataset folder.

OUT/run.json       the model, its configuration, the training and the data
OUT/checkpoints/, OUT/log.jsonl
OUT/best           the model
OUT/report.json    accuracies and confusion matrices
OUT/curves.png     training and validation loss

The judge of the evaluation has a training of its own, `training.judge`: augmented sounds, averaged weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import from_dict, read_json, to_dict
from creativeml.data.one_shots import OneShotDataset, read_dataset
from creativeml.data.pictures import dataset_pictures
from creativeml.data.splits import check_disjoint
from creativeml.errors import CreativeMLError
from creativeml.evaluation.judge import Recognition, recognition_of
from creativeml.files import atomic_write_json, sha256_file
from creativeml.models import registry
from creativeml.models.checkpoint import save_pretrained
from creativeml.settings import changed
from creativeml.training.curves import draw_curves
from creativeml.training.loop import History, holds_state
from creativeml.training.minibatches import small_set
from creativeml.training.replicas import is_restart, launch_id
from creativeml.training.supervised import SupervisedConfig, logits_of, train_supervised

_ABOUT = "run.json"
_SIDE = 64
"""Bands and frames of the pictures that classifiers of spectrograms see."""


@dataclass(frozen=True)
class ClassifierRun:
    """What became of a run.

    Attributes:
        model: with its best weights.
        history: of the loop.
        recognition: by the name of the split; of a small-set check only "train", the sounds learnt by heart.
    """

    model: nn.Module
    history: History
    recognition: dict[str, Recognition]


def is_classifier(name: str) -> bool:
    """Whether a model of the registry can be trained here: logits of waveforms, or of spectrograms."""
    names = {field.name for field in fields(registry.entry(name).config)}
    return {"dims", "classes"} <= names or name == "drum_classifier"


def run_classifier(
    name: str,
    data: Path,
    out: Path,
    config: SupervisedConfig,
    fabric: Fabric,
    *,
    changes: Sequence[str] = (),
    resume: bool = False,
) -> ClassifierRun:
    """Train, or go on with a run, and write its report.

    Args:
        name: of the model in the registry.
        data: dataset folder made by `creativeml prepare`.
        out: folder of the run.
        config: of the training; a resumed run keeps its own but for `steps` and `patience`.
        fabric: device and precision.
        changes: fields of the model's configuration, as `width=16`.
        resume: go on with the run in `out`.

    Raises:
        CreativeMLError: no such classifier, data that cannot be used or whose splits share a source group, a folder
            that holds another run, or nothing to resume.
    """
    sounds = _splits(data, overfit=config.loop.overfit)
    train = sounds["train"]
    torch.manual_seed(config.loop.seed)
    model = registry.entry(name).model(_shaped(name, train, changes))
    about = {
        "model": name,
        "config": to_dict(model.config),
        "training": to_dict(config),
        "kinds": list(train.kinds),
        "data": data.name,
        "manifest_sha256": sha256_file(data / "manifest.csv"),
        "launched_by": launch_id(),
    }
    config = _checked(out, about, config, resume=resume)
    inputs = {split: (inputs_for(model, part), part.labels) for split, part in sounds.items()}
    # Every process has found the folder free before one of them writes to it.
    fabric.barrier()
    if not resume and fabric.is_global_zero:
        atomic_write_json(out / _ABOUT, about)
    held_out = inputs.get("validation", ())
    history = train_supervised(
        model, inputs["train"], config, validation=held_out, folder=out, resume=resume, fabric=fabric
    )
    recognition = _recognised(model, inputs, train.kinds, fabric, overfit=config.loop.overfit)
    run = ClassifierRun(model, history, recognition)
    if fabric.is_global_zero:
        _write_report(run, out, train)
    fabric.barrier()
    return run


def inputs_for(model: nn.Module, sounds: OneShotDataset) -> Tensor:
    """All sounds as a classifier takes them: `(n, samples)`, `(n, 1, samples)`, or pictures `(n, 1, 64, 64)`."""
    dims = getattr(model.config, "dims", None)
    if dims == 2:
        return dataset_pictures(sounds, side=_SIDE)
    waves = sounds.batch(range(len(sounds)))[0]
    return waves if dims is None else waves[:, None]


def _splits(data: Path, *, overfit: int | None) -> dict[str, OneShotDataset]:
    """The sounds of each split; validation or test are left out where there are none."""
    rows = [row for row in read_dataset(data).rows if row["split"] and not row["duplicate_of"]]
    check_disjoint([row.get("group", "") for row in rows], [row["split"] for row in rows])
    sounds = {"train": OneShotDataset(data, "train")}
    if len(sounds["train"].labels.unique()) < 2:
        raise CreativeMLError(f"{data}: a classifier needs training sounds of at least two kinds")
    for split in ("validation", "test") if overfit is None else ():
        if any(row["split"] == split and row["class"] in sounds["train"].kinds for row in rows):
            sounds[split] = OneShotDataset(data, split, kinds=sounds["train"].kinds)
    return sounds


def _shaped(name: str, sounds: OneShotDataset, changes: Sequence[str]) -> Any:
    """The model's configuration for some sounds."""
    config = registry.entry(name).config
    if not is_classifier(name):
        known = ", ".join(n for n in registry.list() if is_classifier(n))
        raise CreativeMLError(f"{name} does not name kinds of sounds; choose a --model of {known}")
    if name == "drum_classifier":
        shape = {"kinds": sounds.kinds, "sample_rate": sounds.sample_rate, "length_samples": sounds.length_samples}
    else:
        shape = {"classes": len(sounds.kinds), "in_channels": 1}
    fixed = dict.fromkeys(shape, "it follows from the data")
    return replace(changed(config(), changes, fixed=fixed), **shape)


def was_begun_by_this_job(out: Path) -> bool:
    """Whether torchrun has started the processes of the run in a folder anew, see `replicas.is_restart`."""
    return is_restart(read_json(out / _ABOUT).get("launched_by"))


def _checked(out: Path, about: dict[str, Any], config: SupervisedConfig, *, resume: bool) -> SupervisedConfig:
    """The training to use, if the folder is fit for it; nothing is written."""
    if out.exists() and not out.is_dir():
        raise CreativeMLError(f"{out} is a file; choose another --out")
    path = out / _ABOUT
    if not resume:
        if holds_state(out):
            raise CreativeMLError(f"{out} holds a run already; continue it with --resume or choose another --out")
        return config
    if not path.is_file():
        raise CreativeMLError(f"{out} holds no run of a classifier to resume; start one without --resume")
    stored = read_json(path)
    for key, flag in (("manifest_sha256", "--data"), ("model", "--model"), ("config", "--set")):
        if stored.get(key) != about[key]:
            raise CreativeMLError(f"the run in {out} was started with another {flag}; resume it with the same")
    own = from_dict(SupervisedConfig, stored["training"], where=str(path))
    if own.loop.overfit != config.loop.overfit:
        was = own.loop.overfit or 0
        raise CreativeMLError(f"the run in {out} was started with --overfit {was}; resume it with the same")
    if config.loop.steps <= own.loop.warm_up:
        raise CreativeMLError(
            f"--steps {config.loop.steps} is not more than the {own.loop.warm_up} steps of warm-up that the run in"
            f" {out} was started with; give more"
        )
    return replace(own, loop=replace(own.loop, steps=config.loop.steps, patience=config.loop.patience))


def _recognised(
    model: nn.Module,
    inputs: dict[str, tuple[Tensor, Tensor]],
    kinds: Sequence[str],
    fabric: Fabric,
    *,
    overfit: int | None,
) -> dict[str, Recognition]:
    """Of every split; after a small-set check, of the small set."""
    if overfit is not None:
        x, labels = small_set(inputs["train"], overfit)
        inputs = {"train": (x, labels)}
    found = {}
    for split, (x, labels) in inputs.items():
        said = logits_of(model, x.to(fabric.device)).argmax(1).cpu()
        found[split] = recognition_of(said, labels, kinds)
    return found


def _write_report(run: ClassifierRun, out: Path, train: OneShotDataset) -> None:
    figures = {split: recognition.as_json() for split, recognition in run.recognition.items()}
    info = {
        "kinds": list(train.kinds),
        "step": run.history.best,
        "trained_on_sha256": train.fingerprints(),
        **{split: {"balanced_accuracy": part["balanced_accuracy"]} for split, part in figures.items()},
    }
    save_pretrained(run.model, out / "best", info=info)
    atomic_write_json(out / "report.json", {"history": to_dict(run.history), **figures})
    draw_curves(out / "curves.png", run.history, title=f"{getattr(run.model, 'registry_name', '')}: cross-entropy")
