"""Whether memory stays flat and steps do not wait for data, with many sounds in tar shards.

    python tests/benchmarks/shards_at_scale.py [--counts 50000 5000] [--steps 60] [--length 65536]

For each count so many sounds of 24-bit FLAC are made (decaying noise and tones of 11 kinds, each at a level of its own,
about 31 kB as real one-shots have) and packed into shards by the package's own writer. Then `creativeml train drum_gan`
runs on them in a process of its own, whose resident memory is read all the time. How long steps waited for sounds is
timed around `draw`; the run's own log counts the augmentation too, which is the same for sounds in memory. At last the
sounds are read for themselves, as fast as that goes. Pin the whole to one core to measure that: `taskset -c 0 python
...`. 50,000 sounds take 1.6 GB in --folder (the system's temporary
one), which are deleted afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.audio.io import flac_bytes
from creativeml.cli import run
from creativeml.data.samplers import ClassBalancedSampler, sampling_classes
from creativeml.data.shard_format import Entry, Shard, write_index, write_shard
from creativeml.data.shard_reader import ShardedOneShots, open_sounds
from creativeml.files import sha256_bytes
from creativeml.kinds import KINDS
from creativeml.training.config import AugmentationConfig

RATE = 44_100
PATTERNS = 64
PER_SHARD = 512
HELD_OUT = 11 * 12
CONTENT = 13_000
"""Samples of a sound before its silence: what makes it as large as a real one."""


def patterns(length: int) -> np.ndarray:
    """Sounds (PATTERNS, length) float32."""
    rng = np.random.default_rng(0)
    seconds = np.arange(length) / RATE
    tones = np.sin(2 * np.pi * rng.uniform(50, 4000, (PATTERNS, 1)) * seconds)
    share = rng.uniform(0.3, 1.0, (PATTERNS, 1))
    sounds = share * rng.uniform(-1, 1, (PATTERNS, length)) + (1 - share) * tones
    sounds *= np.exp(-seconds * rng.uniform(8, 30, (PATTERNS, 1)))
    sounds[:, CONTENT:] = 0
    return (sounds / np.abs(sounds).max(1, keepdims=True)).astype(np.float32)


def entries(sounds: np.ndarray, kind: str, first: int, count: int) -> Iterator[Entry]:
    """Sounds of a kind on their way into a shard."""
    for number in range(first, first + count):
        gain = np.float32(np.random.default_rng([number, KINDS.index(kind)]).uniform(0.2, 1.0))
        flac = flac_bytes(gain * sounds[(7 * number + KINDS.index(kind)) % PATTERNS], RATE)
        yield Entry(f"{number:08d}", flac, {"class": kind, "group": f"{kind}{number}", "sha256": sha256_bytes(flac)})


def make(root: Path, count: int, length: int) -> int:
    """Write a dataset of so many training sounds and some for validation; its size in bytes."""
    sounds, written = patterns(length), {}
    (root / "shards").mkdir(parents=True)
    for split, total in (("train", count), ("validation", HELD_OUT)):
        parts: list[tuple[Shard, np.ndarray]] = []
        for label, kind in enumerate(KINDS):
            own = total // len(KINDS) + (label < total % len(KINDS))
            for first in range(0, own, PER_SHARD):
                path = root / "shards" / f"{split}-{kind}-{first // PER_SHARD:06d}.tar"
                start = first + (1_000_000 if split == "validation" else 0)
                parts.append(write_shard(path, kind, entries(sounds, kind, start, min(PER_SHARD, own - first))))
        written[split] = parts
    write_index(root, RATE, length, KINDS, written)
    return sum(path.stat().st_size for path in (root / "shards").iterdir())


def resident_mb(process: int) -> float:
    """Memory of a process, in MB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def train(data: Path, out: Path, steps: int, length: int, flags: list[str]) -> None:
    """Train, watch, and say what was seen."""
    # Steps that learn levels alone are short: twenty of them, then whole ones.
    changes = ["--set", "reconstruction.pretrain_steps=20"]
    changes += ["--set", f"generator.length_samples={length}"] if length != 65_536 else []
    command = [sys.executable, __file__, "--train", "train", "drum_gan", "--data", str(data), "--out", str(out)]
    command += ["--steps", str(steps), "--checkpoint-every", "1000000", "--validate-every", "1000000", *changes, *flags]
    log, seen = out / "log.jsonl", []
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        lines: list[dict] = []
        while process.poll() is None and (not lines or lines[-1]["step"] < steps):
            time.sleep(0.25)
            if log.is_file():
                text = log.read_text(encoding="utf-8")
                lines = [
                    one for one in map(json.loads, text[: text.rfind("\n") + 1].splitlines()) if "loader_wait_s" in one
                ]
            seen.append((lines[-1]["step"] if lines else 0, resident_mb(process.pid), time.monotonic() - begun))
        _, told = process.communicate()
    if process.returncode:
        sys.exit(told[-2000:])
    before = [mb for step, mb, _ in seen if not step]
    print(f"  before the first {lines[0]['step']} steps are done: at most {max(before):.0f} MB resident", flush=True)
    for line in lines:
        now = [mb for step, mb, _ in seen if step == line["step"]]
        seconds = 16 / line["sounds_per_second"]
        waits = json.loads((out.parent / "waits.json").read_text(encoding="utf-8"))[line["step"] - 20 : line["step"]]
        wait, both = sum(waits) / len(waits), line["loader_wait_s"]
        print(
            f"  steps to {line['step']}: {seconds:.2f} s a step, {1000 * wait:.1f} ms of it waiting for sounds"
            f" ({100 * wait / seconds:.2f} %), {1000 * both:.1f} ms with their augmentation"
            f" ({100 * both / seconds:.2f} %); then {min(now):.0f} to {max(now):.0f} MB resident",
            flush=True,
        )


def timed_training(arguments: list[str], waits: Path) -> int:
    """The command, with the time of each `draw` in a file."""
    draw, seconds = ShardedOneShots.draw, []

    def timed(self: ShardedOneShots, sampler: ClassBalancedSampler, places: range) -> list:
        begun = time.perf_counter()
        drawn = draw(self, sampler, places)
        seconds.append(time.perf_counter() - begun)
        return drawn

    ShardedOneShots.draw = timed
    try:
        return run(arguments)
    finally:
        waits.write_text(json.dumps(seconds), encoding="utf-8")


def read(data: Path, batches: int) -> None:
    """Read as fast as it goes, without training."""
    before, sounds = resident_mb(os.getpid()), open_sounds(data, "train")
    assert isinstance(sounds, ShardedOneShots)
    classes = sampling_classes(sounds.labels, "root", in_stretches=True)
    sampler = ClassBalancedSampler(classes, 16, 0, blocks=sounds.blocks())
    begun, marks = time.perf_counter(), []
    for number in range(batches):
        sounds.draw(sampler)
        if number in (batches // 10, batches - 1):
            marks.append(resident_mb(os.getpid()))
    rate = 16 * batches / (time.perf_counter() - begun)
    begun = time.perf_counter()
    augment = DrumAugment(AugmentConfig(sample_rate=RATE), only=AugmentationConfig().data_only)
    [(batch, _)] = sounds.draw(sampler)
    for number in range(20):
        augment(
            batch, generator=torch.Generator().manual_seed(number), probability=AugmentationConfig().data_probability
        )
    milliseconds = 1000 * (time.perf_counter() - begun) / 20
    sounds.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  reading alone: {rate:.0f} sounds a second; {before:.0f} MB resident before, {marks[0]:.0f} MB after a tenth"
        f","
        f" {marks[1]:.0f} MB after {16 * batches} sounds; at most {peak:.0f} MB;"
        f" augmentation alone {milliseconds:.1f} ms a batch of 16"
    )


def main() -> None:
    """Make, train, read, delete."""
    if sys.argv[1:2] == ["--train"]:
        sys.exit(timed_training(sys.argv[2:], Path(sys.argv[sys.argv.index("--out") + 1]).parent / "waits.json"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[50_000, 5_000])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--length", type=int, default=65_536)
    parser.add_argument("--batches", type=int, default=500)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("flags", nargs="*", help="for `creativeml train`, after --")
    asked = parser.parse_args()
    if asked.read is not None:
        read(asked.read, asked.batches)
        return
    for count in asked.counts:
        with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
            data, begun = Path(scratch) / "data", time.monotonic()
            size = make(data, count, asked.length)
            shards = len(list((data / "shards").glob("train-*.tar")))
            seconds = time.monotonic() - begun
            print(f"{count} sounds in {shards} shards, {size / 1e9:.2f} GB, made in {seconds:.0f} s", flush=True)
            train(data, Path(scratch) / "run", asked.steps, asked.length, asked.flags)
            own = [sys.executable, __file__, "--read", str(data), "--batches", str(asked.batches)]
            subprocess.run(own, check=True)


if __name__ == "__main__":
    main()
