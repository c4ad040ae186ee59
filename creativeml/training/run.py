"""One run: its data, its networks, and its folder on disk.

OUT/config.json    the whole configuration
OUT/run.json       which data it works on
OUT/checkpoints/   states to resume from
OUT/best, OUT/last models
OUT/log.jsonl, OUT/tensorboard/, OUT/reference/
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.config import from_dict, read_json, save_json, to_dict
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.data.samplers import ClassBalancedSampler, sampling_classes
from creativeml.data.shard_reader import HELD_OUT, ShardedOneShots, Sounds, open_sounds, sounds_sha256
from creativeml.data.shard_sources import Location
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import atomic_write_json, remove_unfinished
from creativeml.models.autoencoders.wave_vae import borrow
from creativeml.models.checkpoint import ENCODER, from_pretrained, save_pretrained
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.training.controls import data_ranges, measured_dataset, usual_controls
from creativeml.training.levels import estimate_levels
from creativeml.training.parts import own_places
from creativeml.training.recorder import last_line_with, tell
from creativeml.training.replicas import launch_id, wait_for_all
from creativeml.training.sharding import shards
from creativeml.training.state import RunValues, latest_state, load_state, state_tensors, write_state
from creativeml.training.tasks import Trainee, TrainingConfig, build, check_state, stored_config
from creativeml.training.validation import ALARMS, DISTANCE, SCORE, Rank, Validator, rank_of, usable_kinds
from creativeml.training.warm_start import heard_by, is_run, start_from
from creativeml.training.wave_vae import WaveAutoencoding

BEST, LAST = "best", "last"
"""Folders of models within a run's."""
MOST_FINGERPRINTS = 500_000
"""Which take 11 MB of the 16 that a model's configuration may have."""


@dataclass(frozen=True)
class FitOptions:
    """How long a run lasts and what it leaves behind.

    Attributes:
        steps: in all, those before a resume included.
        checkpoint_every: steps.
        resume: continue the run in the output folder.
        overfit: train on this many sounds only, without augmentation (the small-set check); 0 for all.
        dry_run: set everything up, say what would be done, train nothing.
        validate_every: steps from one look at the validation recordings to the next; there is one at every
            checkpoint too.
        init: folder of a run or a model whose weights a new run starts from.
        minutes: of training steps in all, those before a resume included, after which the run ends; looks at the
            validation recordings are not counted. None for no limit but `steps`.
    """

    steps: int
    checkpoint_every: int = 1000
    resume: bool = False
    overfit: int = 0
    dry_run: bool = False
    validate_every: int = 250
    init: Path | None = None
    minutes: float | None = None


@dataclass
class Run:
    """A run in progress."""

    folder: Path
    gan: Trainee
    """What is trained."""
    dataset: Sounds
    validation: Validator | None
    sampler: ClassBalancedSampler
    places: range
    """Which parts of each step this process takes."""
    options: FitOptions
    augment: DrumAugment
    about: dict[str, Any]
    """What run.json says."""
    info: dict[str, Any]
    """What is stored with every model of the run."""
    best: dict[str, Any]
    """Step and score ("distance") of the checkpoint that is kept."""
    best_rank: Rank | None = None
    collapsed: tuple[str, ...] = ()
    """Kinds for which the collapse alarm is up."""
    sounds_seen: int = 0
    seconds: float = 0.0
    rate_factor: float = 1.0
    """On both learning rates; halved at every roll-back."""
    ranges: DescriptorRanges | None = None
    """Descriptors of the training sounds, for generators with controls."""
    stopped_by: str = ""
    """Name of the signal that ended the run."""
    unsaved: str = ""
    """Why the last state could not be written."""
    unfinished: bool = False
    """Whether the process was killed after the last state was written and before its model was."""


def open_run(config: TrainingConfig, data: Location, out: Path, fabric: Fabric, options: FitOptions) -> Run:
    """Everything of a new or a resumed run, checked; nothing is written yet.

    Raises:
        CreativeMLError: data or folder cannot be used as they are; the message says what to do.
    """
    if out.exists() and not out.is_dir():
        raise CreativeMLError(f"{out} is a file; choose another --out")
    has_run = any((out / "checkpoints").glob("step-*.json"))
    if options.resume:
        if not has_run:
            raise CreativeMLError(f"{out} holds no run to resume; start one without --resume")
        config = _stored_config(out, config)
        check_state(config, latest_state(out / "checkpoints")[0], out / "config.json")
    elif has_run:
        raise CreativeMLError(f"{out} holds a run already; continue it with --resume or choose another --out")
    dataset, validation = _load_data(config, data, options.overfit)
    about: dict[str, Any] = {
        "data": data.name,
        "manifest_sha256": sounds_sha256(data),
        "overfit": options.overfit,
        "launched_by": launch_id(),
    }
    if options.resume:
        about = _same_data(out, about)
    elif options.init is not None:
        about["heard_before"] = heard_by(options.init)
    survey = dataset.survey()
    if len(survey) < len(dataset):
        about["surveyed_sounds"] = len(survey)
        tell(f"note: levels, ranges and the like are estimated from {len(survey)} of {len(dataset)} training sounds")
    gan = build(config, fabric)
    # The sounds that weights came from belong to what the model was trained on, too.
    info: dict[str, Any] = {"trained_on_sha256": _known(dataset, about)}
    controls = gan.obedience.names if gan.obedience is not None else ()
    values = measured_dataset(survey, controls) if controls and not options.resume else {}
    if values:
        about["descriptor_ranges"] = data_ranges(survey, values)
    if controls:
        info["descriptor_ranges"] = about["descriptor_ranges"]
    if not options.resume:
        _start(gan, survey, values, options.init)
    blocks = dataset.blocks() if isinstance(dataset, ShardedOneShots) else None
    classes = sampling_classes(dataset.labels, config.kind_shares, in_stretches=blocks is not None)
    if isinstance(dataset, ShardedOneShots):
        dataset.check_room(classes)
    sampler = ClassBalancedSampler(
        classes,
        config.sounds_per_part,
        config.seed,
        replicas=config.parts,
        blocks=blocks,
    )
    places = own_places(fabric, config.parts)
    augment = DrumAugment(AugmentConfig(sample_rate=dataset.sample_rate), only=config.augmentation.data_only)
    ranges = from_dict(DescriptorRanges, info["descriptor_ranges"]) if controls else None
    best = {"distance": None, "step": None}
    return Run(out, gan, dataset, validation, sampler, places, options, augment, about, info, best, ranges=ranges)


def _known(dataset: Sounds, about: dict[str, Any]) -> list[str]:
    """Fingerprints of the sounds that a model has heard, as many as its configuration can hold."""
    prints = sorted({*dataset.fingerprints(), *about.get("heard_before", [])})
    if len(prints) > MOST_FINGERPRINTS:
        tell(
            f"note: models keep fingerprints of {MOST_FINGERPRINTS:,} of the {len(prints):,} training sounds; an"
            " evaluation cannot know the others again"
        )
    return prints[:MOST_FINGERPRINTS]


def _start(gan: Trainee, dataset: Sounds, values: dict[str, Tensor], init: Path | None) -> None:
    """Weights that learnt elsewhere, and what is estimated from the data before training begins."""
    if isinstance(gan, WaveAutoencoding):
        _start_autoencoder(gan, dataset, init)
        return
    if init is not None:
        filled = start_from(init, gan.modules())
        anew = sorted(gan.modules().keys() - set(filled))
        tell(f"starting from {init.name}: {', '.join(filled)}" + (f"; anew: {', '.join(anew)}" if anew else ""))
    both = (gan.average, getattr(gan.generator, "module", gan.generator))
    networks = [network for network in both if isinstance(network, StyleWaveGAN)]
    if not networks:
        return
    if init is None:
        level = estimate_levels(networks[0], dataset)
        for network in networks:
            network.level.copy_(level)
    if values:
        usual = usual_controls(dataset, values)
        for network in networks:
            network.usual_controls.copy_(usual)


def _start_autoencoder(run: WaveAutoencoding, dataset: Sounds, init: Path | None) -> None:
    """Weights of another autoencoder or of a generator, or levels alone."""
    if init is None:
        run.average.synthesis.level.copy_(estimate_levels(run.average.synthesis, dataset))
    elif not is_run(init) and isinstance(lender := from_pretrained(init), StyleWaveGAN):
        try:
            borrow(run.average, lender)
        except ValueError as error:
            raise CreativeMLError(f"{init}: {error}") from error
        tell(f"starting from {init.name}: its synthesis network; anew: the rest")
    else:
        filled = start_from(init, run.modules())
        tell(f"starting from {init.name}: {', '.join(filled)}")
        return
    run.network.load_state_dict(run.average.state_dict())


def _stored_config(out: Path, asked: TrainingConfig) -> TrainingConfig:
    stored = stored_config(out, type(asked))
    if to_dict(stored) != to_dict(asked):
        differing = [k for k, v in to_dict(stored).items() if to_dict(asked)[k] != v]
        tell(f"note: resuming with the run's own {', '.join(differing)} (stored in {out / 'config.json'})")
    return stored


def _same_data(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """What the run in the folder says of itself, if it was started on the same data."""
    stored = read_json(out / "run.json")
    heard = stored.get("heard_before", []) if isinstance(stored, dict) else None
    if not isinstance(heard, list) or not all(isinstance(name, str) for name in heard):
        raise CreativeMLError(f"{out / 'run.json'}: not what a run says of itself; start a new run in another --out")
    if stored.get("overfit") != about["overfit"]:
        was = stored.get("overfit")
        raise CreativeMLError(f"the run in {out} was started with --overfit {quoted(was)}; resume it with the same")
    if stored.get("manifest_sha256") != about["manifest_sha256"]:
        raise CreativeMLError(
            f"the run in {out} was started on other data ({quoted(stored.get('data'))}, or it has been prepared again,"
            " or given shards since: then move its folder `shards` aside); give the same --data, or start a new run in"
            " another --out"
        )
    return stored


def _load_data(config: TrainingConfig, data: Location, overfit: int) -> tuple[Sounds, Validator | None]:
    dataset = open_sounds(data, "train", config.generator.kinds)
    for name, has, wants, flag in (
        ("samples per sound", dataset.length_samples, config.generator.length_samples, "--length"),
        ("samples per second", dataset.sample_rate, config.generator.sample_rate, "--sample-rate"),
    ):
        if has != wants:
            raise CreativeMLError(
                f"{data} has {has} {name}, the model needs {wants}; run `creativeml prepare` with {flag} {wants}"
            )
    if overfit:
        if overfit >= len(dataset):
            tell(f"note: --overfit {overfit} takes all {len(dataset)} training sounds")
        # What is learnt by heart is not to be compared with other recordings.
        return _first_of_each_kind(dataset, overfit), None
    try:
        validation = _bounded(open_sounds(data, "validation", config.generator.kinds))
    except CreativeMLError as error:
        tell(f"note: no validation ({error}); the last checkpoint will count as the best")
        return dataset, None
    kinds = usable_kinds(validation)
    alone = [kind for label, kind in enumerate(validation.kinds) if label not in kinds]
    if not kinds:
        tell("note: no kind has two validation sounds; the last checkpoint will count as the best")
        return dataset, None
    if alone:
        tell(f"note: fewer than two validation sounds of {', '.join(alone)}: not part of the distance")
    return dataset, Validator(validation, getattr(config.generator, "controls", ()))


def _bounded(validation: Sounds) -> Sounds:
    """Validation sounds are compared with all at once; so many of them that this takes little memory."""
    if not isinstance(validation, ShardedOneShots) or len(validation) <= HELD_OUT:
        return validation
    tell(f"note: {HELD_OUT} of {len(validation)} validation sounds are compared with, evenly from all kinds")
    return validation.reduced(HELD_OUT)


def _first_of_each_kind(dataset: Sounds, count: int) -> Sounds:
    """The same data reduced to `count` sounds, spread over the kinds."""
    by_kind = [torch.nonzero(dataset.labels == k).flatten().tolist() for k in range(len(dataset.kinds))]
    order = [members[n] for n in range(max(map(len, by_kind))) for members in by_kind if n < len(members)]
    return dataset.subset(sorted(order[:count]))


def begin(run: Run) -> None:
    """Write the first files of a new run."""
    # All processes have looked at the folder before the first one fills it.
    wait_for_all(run.gan.fabric)
    try:
        if run.gan.fabric.is_global_zero:
            run.folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(run.folder)
            save_json(run.gan.config, run.folder / "config.json")
            atomic_write_json(run.folder / "run.json", run.about)
        save(run)
    except OSError as error:
        where = error.filename or run.folder
        raise CreativeMLError(f"{where}: cannot be written ({error.strerror}); choose another --out") from error


def save(run: Run, *, checkpoint: bool = False) -> None:
    """Write the state to resume from; with `checkpoint` the model of this step is to be written after it.

    Every process calls it, and the first one writes.

    Raises:
        OSError: the disk is full, or gone; the state before is as it was.
    """
    values = {
        "checkpoint": checkpoint,
        "probability": run.gan.probability,
        "sampler": run.sampler.state_dict(),
        "sounds_seen": run.sounds_seen,
        "seconds": run.seconds,
        "rate_factor": run.rate_factor,
    }
    if run.gan.fabric.is_global_zero or shards(run.gan.fabric):
        tensors = state_tensors(run.gan.modules(), run.gan.optimizers())
        if run.gan.fabric.is_global_zero:
            write_state(run.folder / "checkpoints", run.gan.step, tensors, values)


def restore(run: Run) -> None:
    """Go back to the newest undamaged state in the run's folder."""
    if run.gan.fabric.is_global_zero and not run.options.dry_run:
        remove_unfinished(run.folder)
        for name in (BEST, LAST):
            _finish_replacing(run.folder / name)
    wait_for_all(run.gan.fabric)
    path, complaints = latest_state(run.folder / "checkpoints")
    for complaint in complaints:
        tell(f"warning: {complaint}; going back to {path.name}")
    step, values = load_state(path, run.gan.modules(), run.gan.optimizers())
    kept = from_dict(RunValues, values, where=str(path))
    run.gan.step, run.gan.probability = step, kept.probability
    try:
        run.sampler.load_state_dict(dict(kept.sampler))
    except CreativeMLError as error:
        raise CreativeMLError(f"{path}: {error}") from error
    run.sounds_seen, run.seconds = kept.sounds_seen, kept.seconds
    set_rate_factor(run, kept.rate_factor)
    run.unfinished = kept.checkpoint and _step_of(run.folder / LAST) != step
    run.best, run.best_rank = _best_so_far(run.folder)
    alarms = last_line_with(run.folder, ALARMS, step).get(ALARMS, ())
    run.collapsed = tuple(alarms) if isinstance(alarms, (list, tuple)) else ()


def _step_of(model: Path) -> int | None:
    try:
        return read_json(model / "config.json")["info"]["step"]
    except (CreativeMLError, KeyError, TypeError):
        return None


def _best_so_far(folder: Path) -> tuple[dict[str, Any], Rank | None]:
    path = folder / BEST / "config.json"
    if not path.is_file():
        return {"distance": None, "step": None}, None
    try:
        info = read_json(path)["info"]
        # Models of runs before there was a score have the distance alone, which was theirs.
        score = info.get(SCORE, info.get(DISTANCE))
        return {"distance": score, "step": info["step"]}, rank_of({**info, SCORE: score}) if score is not None else None
    except (CreativeMLError, KeyError, TypeError) as error:
        tell(f"warning: {path} cannot be read ({error}); the next model that is looked at counts as the best")
        return {"distance": None, "step": None}, None


def set_rate_factor(run: Run, factor: float) -> None:
    """Scale the learning rates of the configuration."""
    run.rate_factor = factor
    for name, optimizer in run.gan.optimizers().items():
        own = getattr(run.gan.config, f"{name}_optimizer")
        for group in optimizer.param_groups:
            group["lr"] = own.rate * factor


def replace_model(run: Run, name: str, info: dict[str, Any]) -> None:
    """Put the averaged generator, and its encoder, into OUT/name: always a whole folder, or for a moment none."""
    target, (fresh, old) = run.folder / name, _beside(run.folder / name)
    json.dumps(info, allow_nan=False)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    save_pretrained(run.gan.average, fresh, info=info)
    if run.gan.encoder is not None:
        save_pretrained(getattr(run.gan.encoder, "module", run.gan.encoder), fresh / ENCODER)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _beside(target: Path) -> tuple[Path, Path]:
    """Where a model's folder is before it takes the place of the one before, and where that goes."""
    return target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")


def _finish_replacing(target: Path) -> None:
    """Do what is left of `replace_model` if the process was killed within it."""
    fresh, old = _beside(target)
    if old.is_dir() and not target.exists():
        # The old one goes aside only when the fresh one is whole.
        (fresh if fresh.is_dir() else old).rename(target)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
