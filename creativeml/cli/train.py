"""`creativeml train`: train a model on a dataset folder."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from creativeml.errors import CreativeMLError, require

if TYPE_CHECKING:
    from creativeml.training.tasks import TrainingConfig

LAST_SEED = 2**31 - 1


def train(
    model: tyro.conf.Positional[Literal["drum_gan", "drum_vae", "wave_vae"]],
    *,
    data: Annotated[str, tyro.conf.arg(metavar="FOLDER|URL")],
    out: Path,
    preset: Literal["fast", "large", "paper", "fast-pqmf", "wavegan", "spectral"] | None = None,
    controls: tuple[str, ...] = (),
    changes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="set", metavar="FIELD=VALUE")
    ] = (),
    init: Path | None = None,
    steps: int = 20_000,
    minutes: float | None = None,
    batch_size: int | None = None,
    accumulate: int = 1,
    checkpoint_every: int = 1000,
    validate_every: int = 250,
    resume: bool = False,
    resume_or_start: bool = False,
    overfit: int = 0,
    dry_run: bool = False,
    seed: int = 0,
    cache: Path | None = None,
    cache_gb: float = 8.0,
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Annotated[
        Literal["bf16-mixed", "32-true"],
        tyro.conf.arg(help="bf16-mixed is about twice as fast where bfloat16 is native"),
    ] = "bf16-mixed",
    strategy: Literal["ddp", "fsdp"] = "ddp",
) -> int:
    """Train a drum generator. The best checkpoint so far lies in OUT/best and can be used at any time.

    For networks that name kinds of drum see `creativeml train classifier --help`.

    OUT also gets a log (log.jsonl, TensorBoard), sounds and a picture of fixed latents at every checkpoint, and the
    state to resume from. Ctrl-C and SIGTERM save first.

    Args:
        model: drum_gan; wave_vae, an autoencoder, which also finds the place of recordings among its sounds; or
            drum_vae, a small baseline without a critic. Autoencoders have no presets and no controls.
        data: dataset folder made by `creativeml prepare`, or the http(s) address of one with shards. If there are
            shards (`prepare --shards`), sounds are read from them as they are needed and memory does not grow with
            their number; if not, all sounds are held in memory.
        out: folder of the run.
        preset: of drum_gan: fast (for CPUs, the default), large (for GPUs), paper (waveform head and WGAN-LP as
            published), fast-pqmf (fast with multi-band head), and the baselines wavegan and spectral (after GANSynth).
        controls: descriptors that the generator shall obey, e.g. `brightness warmth`, or `all`: the seven timbre
            descriptors and the decay time to -20 dB. None by default.
        changes: change a field of the preset, e.g. `--set adversarial.penalty=lp --set critic.periods=2,3,5`; entries
            of a list with commas, their parts with colons. A wrong name is answered with the nearest one; what has
            been changed is said, by --dry-run too.
        init: folder of a run or of a model to start from, with the same preset and kinds; controls may be added. A
            wave_vae can start from a drum_gan of the preset fast with all controls.
        steps: updates of the generator in all, those before a resume included.
        minutes: of training in all, those before a resume included, after which it ends even before all steps are
            taken; looks at the validation recordings are not counted. For comparisons at equal time.
        batch_size: sounds in memory at once, in each process; by default the preset's.
        accumulate: parts of a step, each of --batch-size sounds, that a process takes one after the other: the weights
            of as many processes, in the memory of one. A resumed run keeps its parts, however many processes share
            them.
        checkpoint_every: steps from one checkpoint to the next.
        validate_every: steps from one comparison with the validation recordings to the next; the nearest model is kept.
        resume: continue the run in OUT exactly where its last checkpoint was.
        resume_or_start: continue the run in OUT if it holds one, else start it: one command for what starts it again
            after a reboot.
        overfit: train on this many sounds only, without augmentation, to see whether the model can learn them;
            0 for all.
        dry_run: check everything and say what would be done.
        seed: of weights, batches and augmentation.
        cache: folder for shards from the web; by default CREATIVEML_CACHE or the user's cache folder.
        cache_gb: gigabytes that it may hold; the shards not used for longest go first.
        accelerator: device to train on.
        precision: arithmetic of the convolutions.
        strategy: of several processes: each holds all weights (ddp), or they share the generator's (fsdp).
    """
    require("lightning_fabric", extra="train")
    # Not at the top: these load torch, which `--help` need not wait for.
    from creativeml.config import read_json
    from creativeml.data.gather import default_cache
    from creativeml.data.shard_reader import kinds_at
    from creativeml.data.shard_sources import location_of
    from creativeml.training.config import ALL_CONTROLS, training_preset
    from creativeml.training.drum_vae import vae_preset
    from creativeml.training.fit import fit
    from creativeml.training.loop import holds_state
    from creativeml.training.parts import world_size
    from creativeml.training.recorder import tell
    from creativeml.training.replicas import fabric_for, is_restart
    from creativeml.training.run import FitOptions
    from creativeml.training.wave_vae import wave_vae_preset

    _check(steps=steps, checkpoint_every=checkpoint_every, validate_every=validate_every, accumulate=accumulate)
    _check_not_negative(overfit=overfit, seed=seed)
    if batch_size is not None:
        _check(batch_size=batch_size)
    if minutes is not None and not 0 < minutes < math.inf:
        raise CreativeMLError(f"--minutes must be more than 0, not {minutes:g}")
    if seed > LAST_SEED:
        raise CreativeMLError(f"--seed must be at most {LAST_SEED}, not {seed}")
    if not 0.1 <= cache_gb <= 1e6:
        raise CreativeMLError(f"--cache-gb must lie between 0.1 and 1000000, not {cache_gb:g}")
    where = location_of(data, cache or default_cache(), int(cache_gb * 1e9))
    kinds = kinds_at(where)
    if model != "drum_gan":
        for flag, given in (("--preset", preset), ("--controls", controls)):
            if given:
                raise CreativeMLError(f"{flag} is for drum_gan; leave it out for {model}")
        preset_of = {"drum_vae": vae_preset, "wave_vae": wave_vae_preset}[model]
        config = preset_of(kinds, batch_size=batch_size, seed=seed)
    else:
        names = ALL_CONTROLS if controls == ("all",) else controls
        config = training_preset(preset or "fast", kinds, controls=names, batch_size=batch_size, seed=seed)
        if init is not None:
            # Levels are what the other one has learnt first of all.
            config = replace(config, reconstruction=replace(config.reconstruction, pretrain_steps=0))
    if holds_state(out) and not resume:
        again = is_restart(read_json(out / "run.json").get("launched_by"))
        if again:
            tell(f"started again by torchrun: going on from the last checkpoint in {out}")
        resume = resume_or_start or again
    if strategy == "fsdp" and (model != "drum_gan" or world_size() == 1):
        raise CreativeMLError("--strategy fsdp is for drum_gan in several processes (torchrun); leave it out")
    config = replace(config, parts=accumulate * world_size())
    config = _with_changes(config, changes, out if resume else None)
    fabric = fabric_for(accelerator, precision, strategy)
    options = FitOptions(steps, checkpoint_every, resume, overfit, dry_run, validate_every, init, minutes)
    run = fit(config, where, out, fabric, options)
    if run.stopped_by == "SIGINT":
        return 130
    if not dry_run and not run.stopped_by:
        print(f"best checkpoint: {out / 'best'}")
    return 0


def _with_changes(config: TrainingConfig, changes: tuple[str, ...], resumed: Path | None) -> TrainingConfig:
    """The configuration with the fields of --set, each of which is told; of a resumed run they must be its own."""
    from creativeml.settings import differences
    from creativeml.training.config import changed_training
    from creativeml.training.recorder import tell
    from creativeml.training.tasks import stored_config

    if resumed is not None and changes and (resumed / "config.json").is_file():
        stored = stored_config(resumed, type(config))
        for path, own, asked in differences(stored, changed_training(stored, changes)):
            raise CreativeMLError(
                f"the run in {resumed} was started with {path}={own}, not {asked}; resume it without that --set, or"
                f" start another one with --init {resumed}"
            )
    made = changed_training(config, changes)
    for path, before, after in differences(config, made):
        tell(f"changed: {path}={after} (preset: {before})")
    return made


def _check(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise CreativeMLError(f"--{name.replace('_', '-')} must be at least 1, not {value}")


def _check_not_negative(**values: int) -> None:
    for name, value in values.items():
        if value < 0:
            raise CreativeMLError(f"--{name.replace('_', '-')} must not be negative, not {value}")
