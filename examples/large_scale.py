"""What a million sounds and a week on 64 GPUs would take, and where it breaks first.

    python examples/large_scale.py [--sounds 1000000] [--gpus 64] [--gpu-sounds-per-s 400] [--mtbf-hours 5000]

Measured on this machine: how many sounds a core prepares and a dataset's bytes for each, what a manifest of many rows
takes in memory, and how long the state of the preset `large` takes to write. Simulated, ten thousand weeks: processes
that fail at random, states that are written every so often, restarts that read the last one back; the best interval is
compared with the closed form of Young (1974) and Daly (2006). Reckoned, with the figures of hardware as flags: the
gradients' way round a ring (Patarasuk and Yuan 2009) and what the shards' reader must deliver. What no flag can know:
the speed of a GPU on this network has not been measured; --gpu-sounds-per-s is a guess to be replaced by
`examples/big_machine.py --measure`.
"""

from __future__ import annotations

import csv
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import nn

from creativeml.data.folders import NamingRules
from creativeml.data.gather import gather
from creativeml.data.one_shots import read_dataset
from creativeml.data.prepare import PrepareOptions, prepare_dataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.cost import parameter_count, peak_memory_mb
from creativeml.kinds import KINDS
from creativeml.models.gans.critics import EnsembleCritic
from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.training.config import ALL_CONTROLS, training_preset
from creativeml.training.state import save_state

WEEK_S = 7 * 86400.0
ROWS = 50_000
"""Of the manifest that is measured; memory grows with their number."""


def main(
    sounds: int = 1_000_000,
    gpus: int = 64,
    gpu_sounds_per_s: float = 400.0,
    batch_size: int = 32,
    mtbf_hours: float = 5_000.0,
    restart_s: float = 120.0,
    ring_gbit_s: float = 100.0,
    cores: int = 64,
    core_price: float = 0.04,
    gpu_price: float = 2.0,
    weeks: int = 10_000,
) -> int:
    """Measure, simulate, reckon, print.

    Args:
        sounds: to be prepared.
        gpus: that train.
        gpu_sounds_per_s: training sounds a second of one GPU: a guess, see above.
        batch_size: of each GPU.
        mtbf_hours: mean time between failures of one GPU or its host.
        restart_s: from a failure to the first step after it.
        ring_gbit_s: slowest link between two GPUs.
        cores: that prepare.
        core_price, gpu_price: for an hour.
        weeks: that are simulated.
    """
    if min(sounds, gpus, cores, batch_size, weeks) < 1 or min(gpu_sounds_per_s, mtbf_hours, ring_gbit_s) <= 0:
        raise CreativeMLError("all numbers must be above 0")
    per_core, bytes_each = prepare_rate()
    hours = sounds / per_core / cores / 3600
    print(f"prepare: {per_core:.1f} sounds/s on a core here, {bytes_each / 1024:.0f} KiB each")
    print(
        f"  {sounds:,} sounds: {sounds / per_core / 3600:.1f} core hours, {hours:.2f} hours on {cores} cores,"
        f" {hours * cores * core_price:.2f} at {core_price:g} an hour; {sounds * bytes_each / 2**30:.0f} GiB"
    )
    row_bytes, row_s = manifest_cost()
    print(
        f"  a manifest of {sounds:,} rows: {row_bytes * sounds / 2**30:.1f} GiB and {row_s * sounds:.0f} s in every"
        f" process that reads it ({ROWS:,} rows measured)"
    )
    networks = large_networks()
    trained = sum(parameter_count(networks[name]) for name in ("generator", "critic", "encoder"))
    write_s, state_bytes = state_cost(networks)
    print(f"state of `large`: {state_bytes / 2**20:.0f} MiB, {write_s:.1f} s to write, hash and flush here")
    failures = mtbf_hours * 3600 / gpus
    shares = {i: goodput(i, write_s, restart_s, failures, weeks) for i in intervals(failures, write_s)}
    best = max(shares, key=lambda i: shares[i])
    print(f"a week on {gpus} GPUs: {WEEK_S / failures:.1f} failures expected; of the time is of use, by the interval:")
    print("  " + ", ".join(f"{i / 60:.1f} min {share:.2%}" for i, share in shares.items()))
    print(f"  best {best / 60:.1f} min; Young and Daly say {math.sqrt(2 * write_s * failures) / 60:.1f} min")
    step_s = batch_size / gpu_sounds_per_s
    ring_s = 2 * (gpus - 1) / gpus * 4 * trained / (ring_gbit_s / 8 * 1e9)
    efficiency = step_s / (step_s + ring_s)
    useful = WEEK_S * shares[best] * efficiency * gpus * gpu_sounds_per_s
    print(f"a step: {1e3 * step_s:.0f} ms, the gradients' ring {1e3 * ring_s:.1f} ms (not hidden behind the step)")
    print(f"  {useful / 1e9:.1f} billion sounds in the week, {WEEK_S / 3600 * gpus * gpu_price:,.0f} at {gpu_price:g}")
    print("where it breaks first (share of what there is; above 1 it does not work):")
    reading = gpus * gpu_sounds_per_s * bytes_each
    limits = {
        "memory for manifests, 8 processes on a host of 512 GiB": 8 * row_bytes * sounds / (512 * 2**30),
        "the gradients' ring beside a step": ring_s / step_s,
        "one shared disk of 5 GB/s that all shards come from": reading / 5e9,
        "cores to decode for each GPU (of 8)": gpu_sounds_per_s / decode_rate() / 8,
        "failures: lost and repeated work": 1 - shares[best],
    }
    for name, share in sorted(limits.items(), key=lambda pair: -pair[1]):
        print(f"  {share:7.3f} {name}")
    return 0


def prepare_rate() -> tuple[float, float]:
    """Sounds of the starter pack that a core prepares in a second, and bytes of each in the dataset."""
    with tempfile.TemporaryDirectory() as name:
        found = gather(["starter"], NamingRules(), Path(name), lambda line: None)
        began = time.process_time()
        report = prepare_dataset(found, Path(name) / "data", PrepareOptions(workers=1))
        seconds = time.process_time() - began
        size = sum((Path(name) / "data" / row.path).stat().st_size for row in report.rows)
    return len(report.rows) / seconds, size / len(report.rows)


def decode_rate() -> float:
    """Prepared sounds that a core decodes in a second."""
    import soundfile

    files = sorted((Path(__file__).resolve().parents[1] / "datasets" / "starter").rglob("*.flac"))[:100]
    began = time.perf_counter()
    for path in files:
        soundfile.read(path, dtype="float32")
    return len(files) / (time.perf_counter() - began)


def manifest_cost() -> tuple[float, float]:
    """Bytes of memory and seconds that a row takes."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_manifest(root, ROWS)
        began = time.perf_counter()
        read_dataset(root)
        seconds = time.perf_counter() - began
        more = peak_memory_mb("creativeml.data.one_shots:read_dataset", name)
        write_manifest(root, 1)
        less = peak_memory_mb("creativeml.data.one_shots:read_dataset", name)
    if more is None or less is None:
        raise CreativeMLError("this system does not tell the memory of a process; run the example on Linux")
    return (more - less) * 2**20 / ROWS, seconds / ROWS


def write_manifest(root: Path, rows: int) -> None:
    """A dataset folder without its sounds."""
    columns = "path class group split source licence tier duration_s peak loudness_lufs sha256 duplicate_of"
    columns += " original_path original_sample_rate original_channels original_encoding credit"
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns.split())
        for n in range(rows):
            kind = KINDS[n % len(KINDS)]
            figures = ["0.481", "0.891251", "-17.20", f"{n:064x}", ""]
            origin = [f"corpus/{kind}/sound {n}.wav", "44100", "2", "WAV PCM_24", "Somebody, CC-BY-4.0"]
            path = f"audio/{kind}/sound-{n:08x}.flac"
            writer.writerow([path, kind, f"corpus/{n}", "train", "corpus", "CC-BY-4.0", "A", *figures, *origin])
    text = '{"format": 1, "sample_rate": 44100, "length_samples": 65536, "kinds": ["kick"], "sources": []}'
    (root / "dataset.json").write_text(text, encoding="utf-8")


def large_networks() -> dict[str, nn.Module]:
    """Those of the preset `large` with all controls."""
    config = training_preset("large", KINDS, controls=ALL_CONTROLS)
    c = config.generator
    assert config.critic is not None
    encoder = SoundEncoderConfig(c.latent_dim, c.condition_dim, c.sample_rate, c.length_samples)
    return {
        "generator": StyleWaveGAN(c),
        "average": StyleWaveGAN(c),
        "critic": EnsembleCritic(config.critic, length_samples=c.length_samples),
        "encoder": SoundEncoder(encoder),
    }


def state_cost(networks: dict[str, nn.Module]) -> tuple[float, int]:
    """Seconds to write a run's state, with the moments of Adam, and its bytes."""
    trained = [p for name in ("generator", "critic", "encoder") for p in networks[name].parameters()]
    optimizer = torch.optim.Adam(trained)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    with tempfile.TemporaryDirectory(dir=Path.cwd() if os.access(Path.cwd(), os.W_OK) else None) as name:
        began = time.perf_counter()
        path = save_state(Path(name), 1, networks, {"both": optimizer}, {})
        return time.perf_counter() - began, path.with_suffix(".safetensors").stat().st_size


def intervals(failures_s: float, write_s: float) -> Sequence[float]:
    """Around the one that the closed form finds best."""
    best = math.sqrt(2 * write_s * failures_s)
    return [best * 2.0**power for power in range(-4, 5)]


def goodput(interval_s: float, write_s: float, restart_s: float, failures_s: float, weeks: int) -> float:
    """Share of the time in which steps are taken that are not lost again.

    Args:
        interval_s: steps' time between two states.
        write_s: of a state.
        restart_s: after a failure.
        failures_s: mean time between failures of any process; they come at random (exponential).
        weeks: that are simulated at once.
    """
    rng = np.random.default_rng(0)
    clock, useful = np.zeros(weeks), np.zeros(weeks)
    while (going := clock < WEEK_S).any():
        until = rng.exponential(failures_s, weeks)
        left = np.maximum(WEEK_S - clock, 0.0)
        alive = np.minimum(until, left)
        # Whole turns of steps and state count; at the week's end the last steps are kept as well.
        turns = np.floor(alive / (interval_s + write_s))
        kept = turns * interval_s
        at_end = until >= left
        kept = np.where(at_end, kept + np.minimum(alive - turns * (interval_s + write_s), interval_s), kept)
        useful += np.where(going, kept, 0.0)
        clock += np.where(going, alive + restart_s, 0.0)
    return float(useful.mean() / WEEK_S)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")
