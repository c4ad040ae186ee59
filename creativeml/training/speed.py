"""How fast this machine generates, trains, loads and augments: the measurements behind `creativeml bench`.

Contestants take turns (A B C, A B C, ...), so that a busy moment of the machine hits all of them, and
medians are reported. Every figure comes from the code that users run: the presets, `train_step`,
`OneShotDataset`, `DrumAugment`.
"""

from __future__ import annotations

import csv
import json
import math
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from creativeml.audio.augment import DrumAugment
from creativeml.audio.io import flac_bytes
from creativeml.config import from_dict, to_dict
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.cost import in_turns, macs, parameter_count, peak_memory_mb, play_model
from creativeml.kinds import KINDS
from creativeml.memory import keep_large_blocks
from creativeml.training.config import GANTrainingConfig, training_preset
from creativeml.training.gan import GAN, build_gan, train_step

PRECISION = "bf16-mixed"
AUGMENT_PROBABILITY = 0.2
"""Of adaptive augmentation during the timed training steps, where a preset uses it."""
LARGE_BATCH = 16


@dataclass(frozen=True)
class Contestant:
    """A model with its way of training.

    Attributes:
        name: in the tables.
        config: of generator, critic and training.
    """

    name: str
    config: GANTrainingConfig


# Name of the preset, what the tables call it, and the batch size in training (None: the preset's own).
CONTESTANTS: tuple[tuple[str, str, int | None], ...] = (
    ("fast", "fast (inverse STFT head)", None),
    ("fast-pqmf", "fast-pqmf (PQMF head)", None),
    ("paper", "paper (waveform head)", None),
    ("wavegan", "WaveGAN", 8),
)


def contestants(presets: Sequence[str]) -> tuple[Contestant, ...]:
    """Contestants by the name of their preset.

    Raises:
        CreativeMLError: an unknown name.
    """
    known = {preset: (label, batch_size) for preset, label, batch_size in CONTESTANTS}
    chosen = []
    for preset in presets:
        if preset not in known:
            raise CreativeMLError(f"no contestant is called '{preset}' (known: {', '.join(known)})")
        label, batch_size = known[preset]
        chosen.append(Contestant(label, training_preset(preset, KINDS, batch_size=batch_size)))
    return tuple(chosen)


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, threads, versions, and how memory is handed out."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "generation_dtype": "float32",
        "training_precision": PRECISION,
        "allocator": "keeps large blocks" if keep_large_blocks() else "system default",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


# --- generation


def measure_generation(
    entries: Sequence[Contestant], repetitions: int, tick: Callable[[], object]
) -> dict[str, dict[str, float]]:
    """Time for one sound and for a batch of 16, untrained weights, float32; by contestant."""
    results: dict[str, dict[str, float]] = {}
    singles: dict[str, Callable[[], object]] = {}
    batches: dict[str, Callable[[], object]] = {}
    for entry in entries:
        gan = _build(entry.config)
        model = gan.average
        results[entry.name] = {
            "parameters_m": parameter_count(model) / 1e6,
            "gflop": 2 * macs(model) / 1e9,
        }
        singles[entry.name] = lambda model=model: play_model(model, 1)
        batches[entry.name] = lambda model=model: play_model(model, LARGE_BATCH)
    ones = in_turns(singles, repetitions, 8, tick)
    many = in_turns(batches, repetitions, 1, tick)
    for entry in entries:
        c = entry.config.generator
        duration = c.length_samples / c.sample_rate
        p50, p95 = np.percentile(ones[entry.name], [50, 95])
        per_sound = float(np.median(many[entry.name])) / LARGE_BATCH
        results[entry.name] |= {
            "one_p50_ms": 1e3 * float(p50),
            "one_p95_ms": 1e3 * float(p95),
            "one_times_real_time": duration / float(p50),
            "batch_ms_per_sound": 1e3 * per_sound,
            "batch_times_real_time": duration / per_sound,
        }
    return results


# --- training


def _build(config: GANTrainingConfig) -> GAN:
    return build_gan(config, Fabric(accelerator="cpu", devices=1, precision=PRECISION))


def cycle_steps(config: GANTrainingConfig) -> int:
    """Steps after which every costly term (penalty, reconstruction) has had its turn."""
    return math.lcm(config.adversarial.penalty_every, config.reconstruction.every or 1)


class TrainingTask:
    """Full training steps of one contestant, on noise bursts: time does not depend on what is heard."""

    def __init__(self, config: GANTrainingConfig) -> None:
        self.config, self.gan = config, _build(config)
        self.cycle = cycle_steps(config)
        self.sounds_per_cycle = self.cycle * config.batch_size
        self._random = torch.Generator().manual_seed(0)
        c = config.generator
        fade = torch.exp(-torch.arange(c.length_samples) / 5000.0)
        self._real = 0.3 * torch.randn(config.batch_size, c.length_samples, generator=self._random) * fade
        self._labels = torch.arange(config.batch_size) % len(c.kinds)
        # Behind the steps that reconstruct only, at the start of a cycle.
        self.gan.step = -(-config.reconstruction.pretrain_steps // self.cycle) * self.cycle

    def run(self, steps: int | None = None) -> None:
        """Take one whole cycle of steps, or the given number."""
        for _ in range(self.cycle if steps is None else steps):
            self.gan.probability = min(AUGMENT_PROBABILITY, self.config.augmentation.limit)
            train_step(self.gan, self._real, self._labels, self._random)


def measure_training(
    entries: Sequence[Contestant], repetitions: int, tick: Callable[[], object]
) -> dict[str, dict[str, float]]:
    """Training sounds per second over whole cycles, penalties at the preset's own cadence; by contestant."""
    tasks = {entry.name: TrainingTask(entry.config) for entry in entries}
    seconds = in_turns({name: task.run for name, task in tasks.items()}, repetitions, 1, tick)
    results = {}
    for name, task in tasks.items():
        rates = [task.sounds_per_cycle / s for s in seconds[name]]
        results[name] = {
            "batch_size": task.config.batch_size,
            "critic_steps": task.config.critic_steps,
            "penalty_every": task.config.adversarial.penalty_every,
            "sounds_per_second": float(np.median(rates)),
            "slowest": min(rates),
            "fastest": max(rates),
        }
    return results


# --- memory


def memory_mb(config: GANTrainingConfig | None, work: str) -> float | None:
    """Peak memory of a fresh process that does one piece of work; None where the system does not tell.

    Args:
        config: of the contestant; None for no work at all (what Python and torch take).
        work: "one" sound, a "batch" of 16, or one "training" step with all its terms.
    """
    request = {"config": None if config is None else to_dict(config), "work": work}
    return peak_memory_mb("creativeml.training.speed:work", request)


def work(request: dict[str, Any]) -> None:
    """The work of the process whose memory `memory_mb` measures."""
    if request["config"] is None:
        return
    config = from_dict(GANTrainingConfig, request["config"])
    if request["work"] == "training":
        TrainingTask(config).run(1)
    else:
        play_model(_build(config).average, 1 if request["work"] == "one" else LARGE_BATCH)


# --- data


def measure_data(repetitions: int, tick: Callable[[], object], *, clips: int = 64) -> dict[str, float]:
    """Clips of 1.486 s per second: first reading of a dataset, batches from memory, full augmentation."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _write_clips(root, clips)
        dataset = OneShotDataset(root)
        order = torch.randperm(clips, generator=torch.Generator().manual_seed(0))[:LARGE_BATCH]
        sounds, _ = dataset.batch(order)
        random = torch.Generator().manual_seed(0)
        augment = DrumAugment()
        tasks: dict[str, Callable[[], object]] = {
            "read": lambda: OneShotDataset(root),
            "batch": lambda: dataset.batch(order),
            "augment_all": lambda: augment(sounds, generator=random, probability=1.0),
            "augment_half": lambda: augment(sounds, generator=random, probability=0.5),
        }
        seconds = in_turns(tasks, repetitions, 4, tick)
    per_call = {name: clips if name == "read" else LARGE_BATCH for name in tasks}
    return {name: per_call[name] / float(np.median(values)) for name, values in seconds.items()}


def _write_clips(root: Path, clips: int, *, sample_rate: int = 44100, length_samples: int = 65536) -> None:
    """A dataset folder of decaying noise bursts, 24-bit FLAC as `creativeml prepare` writes."""
    random = np.random.default_rng(0)
    (root / "audio").mkdir()
    rows = []
    for number in range(clips):
        fade = np.exp(-np.arange(length_samples) / random.uniform(2000, 15000))
        fade[int(length_samples * 0.9) :] = 0
        path = root / "audio" / f"{number}.flac"
        path.write_bytes(flac_bytes(0.3 * random.uniform(-1, 1, length_samples) * fade, sample_rate))
        rows.append([f"audio/{number}.flac", KINDS[number % len(KINDS)], "train", ""])
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "class", "split", "duplicate_of"], *rows])
    values = {"format": 1, "sample_rate": sample_rate, "length_samples": length_samples, "kinds": list(KINDS)}
    (root / "dataset.json").write_text(json.dumps(values), encoding="utf-8")
