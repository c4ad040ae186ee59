"""How fast does one process train, and how fast do two?

    python tests/benchmarks/processes.py DATA [--steps 60] [--batch-size 16]

DATA is a dataset folder of sounds of 65,536 samples. The preset `fast` with all controls, every term at its real
cadence, in bfloat16: one process with all cores, one with a single thread, one that takes two parts of a step one after
the other, and two with a thread each, connected by gloo. Told are sounds a second over all processes, the mean of the
last twenty of so many steps, and what the second process is worth.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ("--preset", "fast", "--controls", "all", "--set", "reconstruction.pretrain_steps=0", "--accelerator", "cpu")


def sounds_per_second(data: Path, steps: int, batch_size: int, *, processes: int, threads: int, parts: int) -> float:
    """Of a training in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "run"
        start = [sys.executable, "-m"]
        if processes > 1:
            start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
        flags = ["--data", data, "--out", out, "--steps", steps, "--batch-size", batch_size, "--accumulate", parts]
        far = ["--checkpoint-every", 10 * steps, "--validate-every", 10 * steps]
        command = [*start, "creativeml", "train", "drum_gan", *map(str, (*flags, *far, *FLAGS))]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)}
        )
        if done.returncode:
            raise SystemExit(f"error: the training failed: {done.stderr[-500:]}")
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return float([line["sounds_per_second"] for line in lines if "sounds_per_second" in line][-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=16)
    wanted = parser.parse_args()
    cores = os.cpu_count() or 1
    shapes = {
        f"1 process, {cores} threads": (1, cores, 1),
        "1 process, 1 thread": (1, 1, 1),
        f"1 process, {cores} threads, 2 parts": (1, cores, 2),
        "2 processes, 1 thread each": (2, 1, 1),
    }
    rates = {}
    for name, (processes, threads, parts) in shapes.items():
        rates[name] = sounds_per_second(
            wanted.data, wanted.steps, wanted.batch_size, processes=processes, threads=threads, parts=parts
        )
        print(f"{name:32} {rates[name]:6.1f} sounds/s", flush=True)
    whole, one, _, two = rates.values()
    print(f"two processes are {two / one:.2f} times one with a thread, {two / whole:.2f} times one with all cores")


if __name__ == "__main__":
    main()
