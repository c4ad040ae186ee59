"""A GAN training run from its folder of data to its folder of results, resumable at any checkpoint."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.augment import DrumAugment
from creativeml.config import from_dict, load_json, read_json, save_json, to_dict
from creativeml.data.one_shots import OneShotDataset
from creativeml.data.samplers import ClassBalancedSampler
from creativeml.errors import CreativeMLError
from creativeml.evaluation.distances import Points, kernel_distance
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.files import atomic_write_json, sha256_file
from creativeml.models.checkpoint import save_pretrained
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.models.gans.wavegan import WaveGAN
from creativeml.training.config import GANTrainingConfig
from creativeml.training.gan import GAN, NonFiniteLoss, build_gan, train_step
from creativeml.training.levels import estimate_levels
from creativeml.training.recorder import Recorder, save_reference
from creativeml.training.state import latest_state, load_state, save_state

SKIPS_BEFORE_ROLLBACK = 5
REFERENCE_PER_KIND = 2
VALIDATION_PER_KIND = 20


@dataclass(frozen=True)
class FitOptions:
    """How long a run lasts and what it leaves behind; nothing here changes a single step.

    Attributes:
        steps: in all, those before a resume included.
        checkpoint_every: steps.
        resume: continue the run in the output folder.
        overfit: train on this many sounds only, without augmentation (the small-set check); 0 for all.
        dry_run: set everything up, say what would be done, train nothing.
    """

    steps: int
    checkpoint_every: int = 1000
    resume: bool = False
    overfit: int = 0
    dry_run: bool = False


@dataclass
class Run:
    """A run in progress."""

    folder: Path
    gan: GAN
    dataset: OneShotDataset
    validation: OneShotDataset | None
    sampler: ClassBalancedSampler
    options: FitOptions
    augment: DrumAugment
    best: dict[str, Any]
    sounds_seen: int = 0
    seconds: float = 0.0
    stop: bool = False


def _tell(message: str) -> None:
    # On stderr, past the progress bar; stdout is for results.
    tqdm.write(message, file=sys.stderr)


def fit(config: GANTrainingConfig, data: Path, out: Path, fabric: Fabric, options: FitOptions) -> Path:
    """Train, and return the folder of the best checkpoint (by distance to the validation sounds).

    Raises:
        CreativeMLError: unusable data, an output folder that holds another run, or nothing to resume.
    """
    if options.resume:
        config = _stored_config(out, config)
    elif (out / "run.json").exists() and not options.dry_run:
        raise CreativeMLError(f"{out} holds a run already; continue it with --resume or choose another --out")
    run = _prepare(config, data, out, fabric, options)
    if options.dry_run:
        _say(run)
        return out
    if options.resume:
        _restore(run)
    else:
        out.mkdir(parents=True, exist_ok=True)
        save_json(config, out / "config.json")
        about = {"data": data.name, "manifest_sha256": sha256_file(data / "manifest.csv"), "overfit": options.overfit}
        atomic_write_json(out / "run.json", about)
    _say(run)
    _loop(run)
    return out / "best"


def _stored_config(out: Path, asked: GANTrainingConfig) -> GANTrainingConfig:
    stored = load_json(GANTrainingConfig, out / "config.json")
    if to_dict(stored) != to_dict(asked):
        differing = [k for k, v in to_dict(stored).items() if to_dict(asked)[k] != v]
        _tell(f"note: resuming with the run's own {', '.join(differing)} (stored in {out / 'config.json'})")
    return stored


def _prepare(config: GANTrainingConfig, data: Path, out: Path, fabric: Fabric, options: FitOptions) -> Run:
    dataset = OneShotDataset(data, "train", kinds=config.generator.kinds)
    if dataset.length_samples != config.generator.length_samples:
        raise CreativeMLError(
            f"{data} holds sounds of {dataset.length_samples} samples, the model needs"
            f" {config.generator.length_samples};"
            f" run `creativeml prepare` with --length {config.generator.length_samples}"
        )
    labels = dataset.labels
    if options.overfit:
        dataset = _first_of_each_kind(dataset, options.overfit)
        labels = dataset.labels
    try:
        validation = OneShotDataset(data, "validation", kinds=config.generator.kinds)
    except CreativeMLError as error:
        _tell(f"note: no validation ({error}); the last checkpoint will count as the best")
        validation = None
    gan = build_gan(config, fabric)
    sampler = ClassBalancedSampler(
        labels, config.batch_size, config.seed, replica=fabric.global_rank, replicas=fabric.world_size
    )
    if isinstance(gan.average, StyleWaveGAN) and not options.resume:
        table = estimate_levels(gan.average, dataset)
        for network in (gan.average, gan.generator):
            network.level.copy_(table)
    augment = DrumAugment(only=config.augmentation.data_only)
    return Run(out, gan, dataset, validation, sampler, options, augment, best={"distance": None, "step": None})


def _first_of_each_kind(dataset: OneShotDataset, count: int) -> OneShotDataset:
    """The same data reduced to `count` sounds, spread over the kinds."""
    by_kind = [torch.nonzero(dataset.labels == k).flatten().tolist() for k in range(len(dataset.kinds))]
    order = [members[n] for n in range(max(map(len, by_kind))) for members in by_kind if n < len(members)]
    return dataset.subset(sorted(order[:count]))


def _restore(run: Run) -> None:
    path, complaints = latest_state(run.folder / "checkpoints")
    for complaint in complaints:
        _tell(f"warning: {complaint}; going back to {path.name}")
    step, values = load_state(path, run.gan.modules(), run.gan.optimizers())
    run.gan.step, run.gan.probability = step, values["probability"]
    run.sampler.load_state_dict(values["sampler"])
    run.best, run.sounds_seen, run.seconds = values["best"], values["sounds_seen"], values["seconds"]


def _save(run: Run) -> None:
    values = {
        "probability": run.gan.probability,
        "sampler": run.sampler.state_dict(),
        "best": run.best,
        "sounds_seen": run.sounds_seen,
        "seconds": run.seconds,
    }
    save_state(run.folder / "checkpoints", run.gan.step, run.gan.modules(), run.gan.optimizers(), values)


def _say(run: Run) -> None:
    config, fabric = run.gan.config, run.gan.fabric
    sizes = {name: sum(p.numel() for p in m.parameters()) / 1e6 for name, m in run.gan.modules().items()}
    networks = ", ".join(f"{name} {size:.2f} M" for name, size in sizes.items() if name != "average")
    _tell(
        f"preset {config.preset}: {len(run.dataset)} training sounds of {len(run.dataset.kinds)} kinds, batches of"
        f" {config.batch_size} on {fabric.world_size} x {fabric.device.type}; {networks} parameters;"
        f" step {run.gan.step} of {run.options.steps}; results in {run.folder}"
    )


def _loop(run: Run) -> None:
    recorder = Recorder(run.folder, from_step=run.gan.step)
    previous = signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stop", True))
    bar = tqdm(total=run.options.steps, initial=run.gan.step, unit="step", smoothing=0.02, mininterval=1.0)
    skipped = 0
    try:
        if run.gan.step == 0:
            _save(run)
        while run.gan.step < run.options.steps and not run.stop:
            started = time.perf_counter()
            batch = _next_batch(run)
            waited = time.perf_counter() - started
            try:
                figures = train_step(run.gan, *batch)
                skipped = 0
            except NonFiniteLoss as error:
                skipped += 1
                skipped = _survive(run, error, skipped)
                continue
            run.sounds_seen += run.gan.config.batch_size
            run.seconds += time.perf_counter() - started
            bar.update()
            if run.gan.step % 20 == 0:
                rate = run.gan.config.batch_size / (time.perf_counter() - started)
                recorder.record(run.gan.step, figures | {"sounds_per_second": rate, "loader_wait_s": waited})
                shown = {
                    k: f"{v:.3f}"
                    for k, v in figures.items()
                    if k in ("levels", "critic", "adversarial", "reconstruction")
                }
                bar.set_postfix(shown)
            if run.gan.step % run.options.checkpoint_every == 0 or run.gan.step == run.options.steps:
                _checkpoint(run, recorder)
        if run.stop:
            _save(run)
            _tell(f"stopped by a signal at step {run.gan.step}; continue with --resume")
    except KeyboardInterrupt:
        _save(run)
        _tell(f"interrupted at step {run.gan.step}; continue with --resume")
    finally:
        bar.close()
        recorder.close()
        signal.signal(signal.SIGTERM, previous)


def _next_batch(run: Run) -> tuple[Tensor, Tensor, torch.Generator]:
    sounds, labels = run.dataset.batch(next(run.sampler))
    config = run.gan.config
    # One generator per step, made from seed and step: what a batch looks like does not depend on how it was reached.
    random = torch.Generator().manual_seed((config.seed << 32) + run.gan.step * 1024 + run.gan.fabric.global_rank)
    if not run.options.overfit:
        sounds = run.augment(sounds, generator=random, probability=config.augmentation.data_probability)
    device = run.gan.fabric.device
    return sounds.to(device), labels.to(device), random


def _survive(run: Run, error: NonFiniteLoss, skipped: int) -> int:
    """A non-finite step is skipped; after several in a row the run goes back to its last checkpoint, half as fast."""
    _tell(f"warning: step {run.gan.step}: not finite ({error}); skipped")
    if skipped < SKIPS_BEFORE_ROLLBACK:
        return skipped
    at = run.gan.step
    _restore(run)
    for optimizer in run.gan.optimizers().values():
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
    torch.manual_seed(run.gan.config.seed + at)
    _tell(f"warning: {skipped} steps in a row; back to step {run.gan.step} with half the learning rate")
    return 0


def _checkpoint(run: Run, recorder: Recorder) -> None:
    # Drawing reference sounds must not change the random numbers of the steps that follow.
    before = torch.get_rng_state()
    gan = run.gan
    if isinstance(gan.average, StyleWaveGAN):
        gan.average.estimate_mean_style()
    kinds = gan.config.generator.kinds
    folder = run.folder / "reference" / f"step-{gan.step:08d}"
    names = [kind for kind in kinds for _ in range(REFERENCE_PER_KIND)]
    save_reference(folder, generate(gan.average, REFERENCE_PER_KIND, seed=1), names, run.dataset.sample_rate)
    figures: dict[str, Any] = {"seconds": run.seconds, "sounds_seen": run.sounds_seen}
    figures |= {f"gate/{n}": g for n, g in enumerate(gan.critic.gates())}
    if run.validation is not None:
        figures |= _validate(run)
    recorder.record(gan.step, figures)
    distance = figures.get("validation/kernel_distance")
    if distance is None or run.best["distance"] is None or distance < run.best["distance"]:
        run.best = {"distance": distance, "step": gan.step}
        info = {"step": gan.step, "sounds_seen": run.sounds_seen, "seconds": run.seconds, **figures}
        save_pretrained(gan.average, run.folder / "best", info=info)
    save_pretrained(gan.average, run.folder / "last", info={"step": gan.step, "sounds_seen": run.sounds_seen})
    torch.set_rng_state(before)
    _save(run)
    shown = (
        ""
        if distance is None
        else f": distance to validation {distance:.2f} (best {run.best['distance']:.2f} at {run.best['step']})"
    )
    _tell(f"step {gan.step}{shown}")


def _validate(run: Run) -> dict[str, float]:
    """Kernel distance between validation recordings and generated sounds, and how varied these are."""
    assert run.validation is not None
    rate = run.validation.sample_rate
    real, labels = run.validation.batch(range(len(run.validation)))
    fake = generate(run.gan.average, VALIDATION_PER_KIND, seed=2)
    peak = fake.abs().amax(1, keepdim=True).clamp(min=1e-6)
    present = labels.unique()
    fake_labels = torch.arange(len(run.validation.kinds)).repeat_interleave(VALIDATION_PER_KIND)
    keep = torch.isin(fake_labels, present)
    real_points = log_mel_statistics(real, rate)
    fake_points = log_mel_statistics(fake[keep] * (0.9 / peak[keep]), rate)
    distance = kernel_distance(Points(real_points, labels), Points(fake_points, fake_labels[keep]))
    spread = torch.stack([torch.pdist(fake_points[fake_labels[keep] == k]).mean() for k in present]).mean()
    real_spread = torch.stack([torch.pdist(real_points[labels == k]).mean() for k in present]).mean()
    return {"validation/kernel_distance": float(distance), "validation/variety": float(spread / real_spread)}


@torch.no_grad()
def generate(model: StyleWaveGAN | WaveGAN, per_kind: int, *, seed: int) -> Tensor:
    """Sounds of every kind from fixed latents: `(kinds * per_kind, samples)`, on the CPU."""
    random = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    sounds = []
    for kind in model.config.kinds:
        latent = torch.randn(per_kind, model.config.latent_dim, generator=random).to(device)
        noise = [torch.randn(per_kind, *shape, generator=random).to(device) for shape in model.noise_shapes()]
        sounds.append(model(latent, model.condition_for([kind] * per_kind), noise=noise).float().cpu())
    return torch.cat(sounds)


def load_run_config(folder: Path) -> GANTrainingConfig:
    """Configuration of a run folder."""
    return from_dict(GANTrainingConfig, read_json(folder / "config.json"), where=str(folder / "config.json"))
