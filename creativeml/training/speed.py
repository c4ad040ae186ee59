"""How fast this machine generates, trains, loads and augments: the measurements behind `creativeml bench`.

Contestants take turns (A B C, A B C, ...), so that a busy moment of the machine hits all of them, and
medians are reported. Every figure comes from the code that users run: the presets, `train_step`,
`OneShotDataset`, `DrumAugment`.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import platform
import tempfile
import time
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
from creativeml.evaluation.cost import in_format, in_turns, macs, parameter_count, peak_memory_mb
from creativeml.evaluation.peers import PEERS
from creativeml.kinds import KINDS
from creativeml.memory import keep_large_blocks
from creativeml.models.checkpoint import save_pretrained
from creativeml.precision import fastest_dtype
from creativeml.training.config import ALL_CONTROLS, GANTrainingConfig, training_preset
from creativeml.training.drum_vae import VAETrainingConfig, vae_preset
from creativeml.training.parts import Part, part_name
from creativeml.training.tasks import Trainee, TrainingConfig, build, train_step
from creativeml.training.warm_start import start_from
from creativeml.training.wave_vae import WaveVAETrainingConfig

PRECISION = "bf16-mixed"
AUGMENT_PROBABILITY = 0.2
"""Of adaptive augmentation during the timed training steps, where a preset uses it."""
LARGE_BATCH = 16


@dataclass(frozen=True)
class Contestant:
    """A model, with its way of training if it has one here.

    Attributes:
        name: in the tables.
        config: of generator, critic and training; None for a peer that is played only.
        peer: its name in `creativeml.evaluation.peers.PEERS`.
        start: folder of trained weights that a timed training goes on from; None for random ones. What an untrained
            generator makes is noise throughout, of which the descriptors would measure more than of drums.
    """

    name: str
    config: TrainingConfig | None
    peer: str = ""
    start: Path | None = None


VAE_NAME = "drum_vae"

# Name of the preset, what the tables call it, the batch size in training (None: the preset's own), and its controls.
CONTESTANTS: tuple[tuple[str, str, int | None, tuple[str, ...]], ...] = (
    ("fast", "fast (inverse STFT head, all controls)", None, ALL_CONTROLS),
    ("fast-pqmf", "fast-pqmf (PQMF head)", None, ()),
    ("paper", "paper (waveform head)", None, ()),
    ("wavegan", "WaveGAN", 8, ()),
    ("spectral", "spectral GAN", None, ()),
    (VAE_NAME, "VAE", None, ()),
)
PEER_FLAGS: dict[str, str] = {"stylegan2": "1-D StyleGAN2", "rave": "RAVE v2 decoder"}
"""Names on the command line of `creativeml.evaluation.peers.PEERS`."""


def contestants(names: Sequence[str], start: Path | None = None) -> tuple[Contestant, ...]:
    """Contestants by the name of their preset or peer.

    Args:
        names: of presets and of `PEER_FLAGS`.
        start: trained weights for `fast`.

    Raises:
        CreativeMLError: an unknown name.
    """
    known = {preset: (label, size, controls) for preset, label, size, controls in CONTESTANTS}
    chosen = []
    for name in names:
        if name in PEER_FLAGS:
            chosen.append(Contestant(PEER_FLAGS[name], None, PEER_FLAGS[name]))
        elif name in known:
            label, batch_size, controls = known[name]
            config = (
                vae_preset(KINDS)
                if name == VAE_NAME
                else training_preset(name, KINDS, controls=controls, batch_size=batch_size)
            )
            chosen.append(Contestant(label, config, start=start if name == "fast" else None))
        else:
            raise CreativeMLError(f"no contestant is called '{name}' (known: {', '.join([*known, *PEER_FLAGS])})")
    return tuple(chosen)


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, threads, versions, and how memory is handed out."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
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
) -> dict[str, dict[str, Any]]:
    """Time for one sound and for a batch of 16, untrained weights, each in the number format that is faster for it.

    Returns:
        By contestant: size, work, the first call's time (which prepares weights and kernels), percentiles of one
        sound, speed of a batch, and the share of the machine's speed of convolutions that the batch reaches.
    """
    models = {entry.name: _model_of(entry) for entry in entries}
    # One network for each format: weights are prepared for one of them, and prepared ones cannot be copied.
    players = {(name, f): copy.deepcopy(model) for name, model in models.items() for f in formats()}
    results: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        began = time.perf_counter()
        in_format(model, fastest_dtype(), 1)()
        first = time.perf_counter() - began
        results[name] = {"parameters_m": parameter_count(model) / 1e6, "gflop": 2 * macs(model) / 1e9}
        results[name]["first_ms"] = 1e3 * first
    limit, timed = _convolution_limit(), {}
    for count, calls in ((1, 8), (LARGE_BATCH, 3)):
        tasks = {(name, f): in_format(model, f, count) for (name, f), model in players.items()}
        named = {json.dumps([n, str(f)]): task for (n, f), task in tasks.items()}
        seconds = in_turns(named, repetitions, calls, tick)
        for name in models:
            found = {f: seconds[json.dumps([name, str(f)])] for f in formats()}
            timed[name, count] = min(found.items(), key=lambda pair: float(np.median(pair[1])))
    for name, model in models.items():
        duration = model.config.length_samples / model.config.sample_rate
        (one_format, one), (format_, batch) = timed[name, 1], timed[name, LARGE_BATCH]
        p50, p95 = np.percentile(one, [50, 95])
        per_sound = float(np.median(batch)) / LARGE_BATCH
        results[name] |= {
            "one_format": str(one_format).removeprefix("torch."),
            "one_p50_ms": 1e3 * float(p50),
            "one_p95_ms": 1e3 * float(p95),
            "one_times_real_time": duration / float(p50),
            "batch_format": str(format_).removeprefix("torch."),
            "batch_ms_per_sound": 1e3 * per_sound,
            "batch_times_real_time": duration / per_sound,
            "share_of_limit": results[name]["gflop"] / per_sound / limit,
        }
    return results


def _model_of(entry: Contestant) -> Any:
    if entry.config is None:
        torch.manual_seed(0)
        return PEERS[entry.peer]().eval()
    return _build(entry.config).average


def formats() -> tuple[torch.dtype, ...]:
    """Number formats in which every contestant is played."""
    return tuple(dict.fromkeys((torch.float32, fastest_dtype())))


def _convolution_limit() -> float:
    """GFLOP/s of one large convolution in the layout and format that suit this machine best."""
    best = 0.0
    for dtype in formats():
        x = torch.randn(LARGE_BATCH, 256, 1, 512, dtype=dtype).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(256, 256, 1, 5, dtype=dtype).contiguous(memory_format=torch.channels_last)
        for _ in range(8):
            began = time.perf_counter()
            torch.nn.functional.conv2d(x, weight, padding=(0, 2))
            best = max(best, 2e-9 * x.numel() * 256 * 5 / (time.perf_counter() - began))
    return best


# --- training


def _build(config: TrainingConfig) -> Trainee:
    return build(config, Fabric(accelerator="cpu", devices=1, precision=PRECISION))


def cadences(config: TrainingConfig) -> dict[str, int]:
    """Steps from one payment of a costly term to the next, 0 for a term that is never paid."""
    if isinstance(config, VAETrainingConfig):
        return {"penalty_every": 0, "reconstruction_every": 1, "control_every": 0}
    if isinstance(config, WaveVAETrainingConfig):
        return {"penalty_every": config.adversarial.penalty_every, "reconstruction_every": 2, "control_every": 0}
    return {
        "penalty_every": config.adversarial.penalty_every,
        "reconstruction_every": config.reconstruction.every,
        "control_every": config.control.every if getattr(config.generator, "controls", ()) else 0,
    }


def cycle_steps(config: TrainingConfig) -> int:
    """Steps after which every costly term (penalty, reconstruction, controls) has had its turn."""
    return math.lcm(*filter(None, cadences(config).values()))


class TrainingTask:
    """Full training steps of one contestant, on noise bursts that fade as drums do.

    Args:
        config: of the training.
        start: folder of weights to go on from.
    """

    def __init__(self, config: TrainingConfig, start: Path | None = None) -> None:
        self.config, self.gan = config, _build(config)
        if start is not None:
            start_from(start, self.gan.modules())
        self.cycle = cycle_steps(config)
        self.sounds_per_cycle = self.cycle * config.sounds_per_step
        random = torch.Generator().manual_seed(0)
        c = config.generator
        fade = torch.exp(-torch.arange(c.length_samples) / 5000.0)
        self._real = 0.3 * torch.randn(config.sounds_per_part, c.length_samples, generator=random) * fade
        self._labels = torch.arange(config.sounds_per_part) % len(c.kinds)
        # Behind the steps that reconstruct only, at the start of a cycle.
        first = config.reconstruction.pretrain_steps if isinstance(config, GANTrainingConfig) else 0
        self.gan.step = -(-first // self.cycle) * self.cycle

    def run(self, steps: int | None = None) -> None:
        """Take one whole cycle of steps, or the given number."""
        for _ in range(self.cycle if steps is None else steps):
            self.gan.probability = min(AUGMENT_PROBABILITY, self.config.augmentation.limit)
            part = Part(self._real, self._labels, part_name(self.config.seed, self.gan.step, 0))
            train_step(self.gan, [part])


def measure_training(
    entries: Sequence[Contestant], repetitions: int, tick: Callable[[], object]
) -> dict[str, dict[str, float]]:
    """Training sounds per second over whole cycles, penalties at the preset's own cadence; by contestant."""
    tasks = {e.name: TrainingTask(e.config, e.start) for e in entries if e.config is not None}
    seconds = in_turns({name: task.run for name, task in tasks.items()}, repetitions, 1, tick)
    results = {}
    for name, task in tasks.items():
        rates = [task.sounds_per_cycle / s for s in seconds[name]]
        results[name] = {
            "batch_size": task.config.batch_size,
            "critic_steps": getattr(task.config, "critic_steps", 0),
            **cadences(task.config),
            "sounds_per_second": float(np.median(rates)),
            "slowest": min(rates),
            "fastest": max(rates),
        }
    return results


# --- memory


def memory_mb(entry: Contestant | None, work: str) -> float | None:
    """Peak memory of a fresh process that does one piece of work; None where the system does not tell.

    Args:
        entry: the contestant; None for no work at all (what Python and torch take).
        work: "one" sound, which loads no more than playing does, or one "training" step with all its terms.

    Raises:
        CreativeMLError: the work failed; or it is the training of a peer, which is played only.
    """
    if entry is None:
        return peak_memory_mb("creativeml.evaluation.cost:rest", None)
    if work == "training":
        if entry.config is None:
            raise CreativeMLError(f"{entry.name} is a peer, which cannot be trained here")
        return peak_memory_mb("creativeml.training.speed:train_once", to_dict(entry.config))
    if entry.config is None:
        return peak_memory_mb("creativeml.evaluation.cost:play_peer", entry.peer)
    with tempfile.TemporaryDirectory() as name:
        save_pretrained(_model_of(entry), Path(name))
        return peak_memory_mb("creativeml.evaluation.cost:play_from", name)


def train_once(config: dict[str, Any]) -> None:
    """Take one training step: work of a process whose memory `memory_mb` measures."""
    kind = GANTrainingConfig if "critic" in config else VAETrainingConfig
    TrainingTask(from_dict(kind, config)).run(1)


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
