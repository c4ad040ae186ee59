"""Kill a training at random moments, again and again: is anything lost?

    python tests/attacks/kill_training.py [--times 100] [--seed 0] [--steps 12]

A small StyleWaveGAN with controls, encoder and critic learns real kicks and snares, by the command line, in a
process of its own. One run goes through undisturbed. The others are killed by SIGKILL at a moment that is uniform over
the time that a whole run takes, and started again as the one before tells: with --resume, or anew where it had not yet
saved anything. When one comes to its end, another begins, until so many kills are done. Counted are kills by what was
under way, run folders that could not be gone on with, and differences to the undisturbed run: all weights, moments and
counters of the last checkpoint, the models `best` and `last`, and the figures that were looked at.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_file
from creativeml.training.loop import holds_state
from creativeml.training.state import latest_state
from tests.training.small_runs import GAN, command, environment

LENGTH = 8192
CHECKPOINT_EVERY = 2


def prepared(folder: Path) -> Path:
    """Kicks and snares of the starter pack as a dataset of short sounds."""
    data, starter = folder / "data", project_folder("datasets") / "starter"
    flags = [str(starter / "kick"), str(starter / "snare"), "--out", str(data), "--length", str(LENGTH)]
    subprocess.run([sys.executable, "-m", "creativeml", "prepare", *flags], check=True, capture_output=True)
    return data


class Training:
    """A training that can be killed.

    Args:
        data: what it learns.
        steps: its length.
    """

    def __init__(self, data: Path, steps: int) -> None:
        self.data, self.steps = data, steps

    def start(self, out: Path) -> subprocess.Popen[str]:
        """Begin, or go on, as the folder allows."""
        flags = ["--data", self.data, "--out", out, "--steps", self.steps]
        flags += ["--checkpoint-every", CHECKPOINT_EVERY, "--validate-every", 3]
        flags += ["--resume"] if holds_state(out) else []
        started = command(*GAN, *flags)
        return subprocess.Popen(
            started, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment()
        )

    def run(self, out: Path) -> float:
        """To the end; the seconds it took."""
        began = time.monotonic()
        with self.start(out) as process:
            _, said = process.communicate()
        if process.returncode:
            raise SystemExit(f"the undisturbed run failed: {said[-2000:]}")
        return time.monotonic() - began


def under_way(out: Path) -> str:
    """What a killed process was doing, by what it left behind."""
    if not holds_state(out):
        return "before the first state"
    names = [path.name for path in (*out.iterdir(), *(out / "checkpoints").iterdir())]
    if any(name in (".best.new", ".best.old", ".last.new", ".last.old") for name in names):
        return "writing a model"
    if any(name.startswith(".step-") for name in names):
        return "writing a state"
    states = {Path(n).stem for n in names if n.endswith(".json")}
    if any(Path(n).stem not in states for n in names if n.startswith("step-")):
        return "between a state's two files"
    return "anything else"


def unreadable(out: Path) -> str:
    """Why a run folder could not be gone on with; empty if it can."""
    if not holds_state(out):
        return ""
    try:
        _, complaints = latest_state(out / "checkpoints")
    except CreativeMLError as error:
        return str(error)
    return "; ".join(complaints)


def looked_at(out: Path) -> list[dict[str, Any]]:
    """The figures that a run has of its model, without times."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        {name: value for name, value in line.items() if "seconds" not in name}
        for line in lines
        if "sounds_seen" in line
    ]


def differences(run: Path, whole: Path, steps: int) -> list[str]:
    """In what a run differs from the undisturbed one; and what should not be there any more."""
    found = []
    first, second = (load_file(f / "checkpoints" / f"step-{steps:08d}.safetensors") for f in (run, whole))
    found += [k for k in first.keys() | second.keys() if k not in first or not torch.equal(first[k], second[k])]
    values = [
        json.loads((f / "checkpoints" / f"step-{steps:08d}.json").read_text(encoding="utf-8")) for f in (run, whole)
    ]
    for state in values:
        state["values"].pop("seconds")
    found += ["counters"] if values[0] != values[1] else []
    for name in ("best", "last"):
        hashes = [sha256_file(f / name / "model.safetensors") for f in (run, whole)]
        found += [f"model {name}"] if hashes[0] != hashes[1] else []
    found += ["figures of the log"] if looked_at(run) != looked_at(whole) else []
    kept = [sorted(str(p.relative_to(f)) for p in f.rglob("*") if "tensorboard" not in p.parts) for f in (run, whole)]
    return found + [f"file {name}" for name in sorted(set(kept[0]) ^ set(kept[1]))]


def main() -> int:
    """Kill, count and print; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=12)
    wanted = parser.parse_args()
    rng, began = random.Random(wanted.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training = Training(prepared(folder), wanted.steps)
        whole = folder / "whole"
        seconds = training.run(whole)
        found = killed_often(training, folder / "run", whole, seconds, wanted.times, rng)
    stages, resumes, runs, faults = found
    minutes = (time.monotonic() - began) / 60
    print(f"{sum(stages.values())} kills in {minutes:.1f} minutes; an undisturbed run takes {seconds:.0f} s")
    for stage, count in stages.most_common():
        print(f"  {count:3d} {stage}")
    print(f"{resumes} resumes, {runs} runs to their end, each compared with the undisturbed one: {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0


def killed_often(
    training: Training, out: Path, whole: Path, seconds: float, times: int, rng: random.Random
) -> tuple[collections.Counter[str], int, int, list[str]]:
    """Kill so many times → kills by what was under way, resumes, runs that ended, and what was lost."""
    stages: collections.Counter[str] = collections.Counter()
    resumes = runs = 0
    faults: list[str] = []
    while True:
        resumes += holds_state(out)
        with training.start(out) as process:
            try:
                left = sum(stages.values()) < times
                process.wait(rng.uniform(0.0, seconds) if left else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                stages[under_way(out)] += 1
                faults += [reason] if (reason := unreadable(out)) else []
                if sum(stages.values()) % 10 == 0:
                    print(f"{sum(stages.values())} kills, {runs} whole runs, {len(faults)} faults", file=sys.stderr)
                continue
            said = process.stderr.read() if process.stderr else ""
        if process.returncode:
            return stages, resumes, runs, [*faults, f"could not go on: {said.strip()[-300:]}"]
        runs += 1
        faults += differences(out, whole, training.steps)
        if sum(stages.values()) >= times:
            return stages, resumes, runs, faults
        shutil.rmtree(out)


if __name__ == "__main__":
    sys.exit(main())
