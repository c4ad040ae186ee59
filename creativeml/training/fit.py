"""A GAN training run from its folder of data to its folder of results, resumable at any checkpoint."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from tqdm import tqdm

from creativeml.data.shard_sources import Location
from creativeml.errors import CreativeMLError
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.precision import denormals_flushed
from creativeml.training.parts import Part, part_name, seed_phase
from creativeml.training.recorder import Means, NoRecorder, Recorder, SafeStderr, save_reference, tell
from creativeml.training.replicas import any_replica, wait_for_all
from creativeml.training.run import (
    BEST,
    LAST,
    FitOptions,
    Run,
    begin,
    open_run,
    replace_model,
    restore,
    save,
    set_rate_factor,
)
from creativeml.training.stopping import Stoppable
from creativeml.training.tasks import TrainingConfig, train_step
from creativeml.training.updates import NonFiniteLoss
from creativeml.training.validation import ALARMS, SCORE, VARIETY, generate, rank_of
from creativeml.training.wave_vae import fit_prior

RECORD_EVERY = 20
REFERENCE_PER_KIND = 2
SKIPS_BEFORE_ROLLBACK = 5
ROLLBACKS = 3
SHOWN = ("levels", "critic", "adversarial", "reconstruction")


def fit(config: TrainingConfig, data: Location, out: Path, fabric: Fabric, options: FitOptions) -> Run:
    """Train a generator.

    Args:
        config: what is trained and how; a resumed run keeps the one in its folder.
        data: dataset folder, or the address of one with shards.
        out: folder of the run; `out/best` is the checkpoint nearest to the validation sounds.
        fabric: device and precision.
        options: length, checkpoints, resume.

    Returns:
        The run as it ended; `stopped_by` names the signal if one cut it short.

    Raises:
        CreativeMLError: unusable data, an output folder that holds another run, nothing to resume, or losses that
            stay non-finite.
    """
    with denormals_flushed():
        return _fit(config, data, out, fabric, options)


def _fit(config: TrainingConfig, data: Location, out: Path, fabric: Fabric, options: FitOptions) -> Run:
    run = open_run(config, data, out, fabric, options)
    if options.resume:
        restore(run)
    _introduce(run)
    if options.dry_run:
        return run
    if not options.resume:
        begin(run)
    recorder = Recorder(out, from_step=run.gan.step) if fabric.is_global_zero else NoRecorder()
    with Stoppable() as stop, contextlib.closing(recorder), contextlib.closing(run.dataset):
        _make_up(run, recorder)
        _loop(run, recorder, stop)
    if run.unsaved:
        raise CreativeMLError(f"the run's end could not be kept ({run.unsaved}); free space, then --resume")
    return run


def _introduce(run: Run) -> None:
    config, fabric = run.gan.config, run.gan.fabric
    devices = fabric.device.type if fabric.world_size == 1 else f"each of {fabric.world_size} x {fabric.device.type}"
    sizes = {name: sum(p.numel() for p in m.parameters()) / 1e6 for name, m in run.gan.modules().items()}
    networks = ", ".join(f"{name} {size:.2f} M" for name, size in sizes.items() if name != "average")
    tell(
        f"preset {config.preset}: {len(run.dataset)} training sounds of {len(run.dataset.kinds)} kinds, batches of"
        f" {config.batch_size} on {devices}; {networks} parameters;"
        f" step {run.gan.step} of {run.options.steps}; results in {run.folder}"
    )


def _loop(run: Run, recorder: Recorder | NoRecorder, stop: Stoppable) -> None:
    means, fabric = Means(), run.gan.fabric
    bar = tqdm(
        total=run.options.steps,
        initial=run.gan.step,
        unit="step",
        smoothing=0.02,
        mininterval=1.0,
        disable=not fabric.is_global_zero,
        file=SafeStderr(),
    )
    trouble = Trouble()
    with contextlib.closing(bar):
        while not _is_over(run):
            if stop.asked(fabric):
                run.stopped_by = stop.by
                _save_at_the_end(run)
                tell(f"stopped by {stop.by} at step {run.gan.step}; continue with --resume")
                break
            started = time.perf_counter()
            parts = _next_parts(run)
            waited = time.perf_counter() - started
            try:
                figures = train_step(run.gan, parts)
            except NonFiniteLoss as error:
                if trouble.rolled_back(run, error):
                    recorder.forget_after(run.gan.step)
                    bar.n = run.gan.step
                continue
            trouble.skipped = 0
            seconds = time.perf_counter() - started
            count = run.gan.config.sounds_per_step
            run.sounds_seen += count
            run.seconds += seconds
            means.add(figures | {"sounds_per_second": count / seconds, "loader_wait_s": waited})
            bar.update()
            if run.gan.step % RECORD_EVERY == 0:
                line = means.take()
                recorder.record(run.gan.step, line)
                bar.set_postfix({k: f"{line[k]:.3f}" for k in SHOWN if k in line})
            if run.gan.step % run.options.checkpoint_every == 0 or _is_over(run):
                _checkpoint(run, recorder)
            elif run.validation is not None and run.gan.step % run.options.validate_every == 0:
                _look(run, recorder)


def _save_at_the_end(run: Run) -> None:
    try:
        save(run)
    except OSError as error:
        raise CreativeMLError(
            f"{error.filename or run.folder}: step {run.gan.step} could not be kept ({error.strerror}); free space:"
            " --resume goes on from the checkpoint before"
        ) from error


def _is_over(run: Run) -> bool:
    """Whether all steps have been taken, or the time has been used up."""
    limit = run.options.minutes
    time_is_up = limit is not None and any_replica(run.gan.fabric, run.seconds >= 60.0 * limit)
    return time_is_up or run.gan.step >= run.options.steps


class Trouble:
    """What is done about steps whose loss is not finite: skip, then roll back, then give up."""

    def __init__(self) -> None:
        self.skipped = 0
        self._rollbacks: dict[int, int] = {}

    def rolled_back(self, run: Run, error: NonFiniteLoss) -> bool:
        """Say that a step was skipped; after several in a row go back to the last checkpoint at half the rate.

        Returns:
            Whether the run went back.

        Raises:
            CreativeMLError: it has gone back to the same checkpoint too often.
        """
        tell(f"warning: step {run.gan.step}: not finite ({error}); skipped")
        self.skipped += 1
        if self.skipped < SKIPS_BEFORE_ROLLBACK:
            return False
        factor = run.rate_factor
        restore(run)
        self.skipped = 0
        self._rollbacks[run.gan.step] = self._rollbacks.get(run.gan.step, 0) + 1
        if self._rollbacks[run.gan.step] > ROLLBACKS:
            raise CreativeMLError(
                f"the losses stay non-finite after {ROLLBACKS} returns to step {run.gan.step}; look at log.jsonl, and"
                " start a new run with lower rates or --precision 32-true"
            )
        set_rate_factor(run, 0.5 * factor)
        tell(f"warning: {SKIPS_BEFORE_ROLLBACK} steps in a row; back to step {run.gan.step} at half the learning rate")
        return True


def _next_parts(run: Run) -> list[Part]:
    config, device = run.gan.config, run.gan.fabric.device
    # Not the step's number, which stays the same when a step is skipped.
    turn, parts = run.sampler.batches_given, []
    for place, (sounds, labels) in zip(run.places, run.dataset.draw(run.sampler, run.places), strict=True):
        # Of its own after a roll-back, which halves the rates: other numbers than those that led there.
        name = part_name(config.seed, turn, place, salt=run.rate_factor)
        if not run.options.overfit:
            random = seed_phase(f"{name} data")
            sounds = run.augment(sounds, generator=random, probability=config.augmentation.data_probability)
        parts.append(Part(sounds.to(device), labels.to(device), name))
    return parts


def _checkpoint(run: Run, recorder: Recorder | NoRecorder) -> None:
    """Save the state first, so that nothing that follows can lose it; then validate, keep the best, draw pictures."""
    _settle(run)
    run.unsaved = ""
    with _full_disk_told(run):
        save(run, checkpoint=True)
        if run.gan.fabric.is_global_zero:
            _write_models(run, recorder)
    wait_for_all(run.gan.fabric)


@contextlib.contextmanager
def _full_disk_told(run: Run) -> Iterator[None]:
    """Go on if something cannot be written: what training has found is worth more."""
    try:
        yield
    except OSError as error:
        run.unsaved = f"{error.filename or run.folder}: {error.strerror}"
        tell(
            f"warning: step {run.gan.step} could not be kept ({run.unsaved}); what was kept before is whole;"
            " free space: the next checkpoint is tried again"
        )


def _write_models(run: Run, recorder: Recorder | NoRecorder) -> None:
    """The model of this step, the best one if it is that, and what can be heard and seen of it."""
    info = _validated(run, recorder)
    _draw_reference(run)
    # As the last thing: it tells that the others are there, see `Run.unfinished`.
    replace_model(run, LAST, info)


def _make_up(run: Run, recorder: Recorder | NoRecorder) -> None:
    """Write the models of a checkpoint whose process was killed before it did."""
    if run.unfinished and run.gan.fabric.is_global_zero:
        recorder.forget(lambda line: line.get("step") == run.gan.step and "sounds_seen" in line)
        _write_models(run, recorder)
    wait_for_all(run.gan.fabric)


def _look(run: Run, recorder: Recorder | NoRecorder) -> None:
    """Validate between two checkpoints, and keep the best."""
    _settle(run)
    if run.gan.fabric.is_global_zero:
        with _full_disk_told(run):
            _validated(run, recorder)
    wait_for_all(run.gan.fabric)


def _settle(run: Run) -> None:
    if isinstance(run.gan.average, StyleWaveGAN):
        run.gan.average.estimate_mean_style()
    if isinstance(run.gan.average, WaveVAE):
        fit_prior(run.gan.average, run.dataset.survey())


def _validated(run: Run, recorder: Recorder | NoRecorder) -> dict[str, Any]:
    """Examine the averaged generator, log it, keep it as the best if it is; returns what is stored with a model."""
    gan, started = run.gan, time.perf_counter()
    figures: dict[str, Any] = {"seconds": run.seconds, "sounds_seen": run.sounds_seen}
    figures |= {f"gate/{n}": g for n, g in enumerate(gan.gates())}
    if run.validation is not None:
        figures |= run.validation.examine(gan.average, run.ranges)
        if gan.pretraining:
            # Levels alone are learnt there: nothing can differ yet.
            figures[ALARMS] = []
        figures["validation/seconds"] = time.perf_counter() - started
    recorder.record(gan.step, figures)
    _watch_variety(run, recorder, figures)
    info = {"step": gan.step, **figures, **run.info}
    rank = rank_of(figures)
    if run.validation is None or run.best_rank is None or rank < run.best_rank:
        run.best, run.best_rank = {"distance": figures.get(SCORE), "step": gan.step}, rank
        replace_model(run, BEST, info)
    told = f"step {gan.step}"
    if SCORE in figures and run.best["distance"] is not None:
        score, best = figures[SCORE], run.best
        told += f": distance to validation {score:.2f} (best {best['distance']:.2f} at {best['step']})"
    tell(told)
    return info


def _watch_variety(run: Run, recorder: Recorder | NoRecorder, figures: dict[str, Any]) -> None:
    """Say, and log, when the sounds of a kind have become one sound, and when they have not any more."""
    now = tuple(figures.get(ALARMS, ()))
    risen = [kind for kind in now if kind not in run.collapsed]
    over = [kind for kind in run.collapsed if kind not in now]
    run.collapsed = now
    for event, kinds in (("collapse", risen), ("collapse over", over)):
        if kinds:
            recorder.record(run.gan.step, {"event": event, "kinds": kinds})
    if risen:
        shares = ", ".join(f"{kind} {100 * figures[f'{VARIETY}/{kind}']:.0f} %" for kind in risen)
        tell(
            f"warning: step {run.gan.step}: sounds of different latents hardly differ ({shares} of what recordings do);"
            " the model has collapsed to few sounds"
        )


def _draw_reference(run: Run) -> None:
    kinds = run.gan.config.generator.kinds
    names = [kind for kind in kinds for _ in range(REFERENCE_PER_KIND)]
    sounds = generate(run.gan.average, REFERENCE_PER_KIND, seed=1, ranges=run.ranges)
    try:
        save_reference(run.folder / "reference" / f"step-{run.gan.step:08d}", sounds, names, run.dataset.sample_rate)
    except (OSError, CreativeMLError) as error:
        # A picture is not worth a run.
        tell(f"warning: the reference sounds of step {run.gan.step} could not be written ({error})")
