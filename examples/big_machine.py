"""Recipe for a machine with several GPUs: the presets that are too big for a CPU, measured, and what a run would cost.

    python examples/big_machine.py --data DATA --devices 8                 # prints the commands
    python examples/big_machine.py --data DATA --devices 8 --measure       # trains each for some steps first

DATA is a dataset folder made by `creativeml prepare`. Every process has a GPU, a batch and latents of its own;
gradients are averaged (`creativeml.training.replicas`). With --measure the speed is that of this machine, in the last
twenty of --steps steps, everything on; the estimate divides --sounds by it. How many sounds a run needs is not known
before: `drums` was still getting better after 100,000 sounds of 900 recordings on a CPU, and published GANs of this
family were shown some millions.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

from creativeml.errors import CreativeMLError


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        about: in a line.
        batch_size: of each process.
        flags: further ones of `creativeml train drum_gan`.
    """

    about: str
    batch_size: int
    flags: tuple[str, ...]


RECIPES = {
    "large": Recipe("the preset fast with four times the weights", 32, ("--preset", "large", "--controls", "all")),
    "large-fsdp": Recipe(
        "the same, its generator's weights and moments shared among the processes",
        32,
        ("--preset", "large", "--controls", "all", "--strategy", "fsdp"),
    ),
    "paper": Recipe(
        "waveform head and WGAN-LP as published, with controls", 16, ("--preset", "paper", "--controls", "all")
    ),
}


def main(
    data: Path,
    devices: int = 8,
    out: Path = Path("runs"),
    sounds: int = 3_000_000,
    price: float = 2.0,
    measure: bool = False,
    steps: int = 60,
    accelerator: str = "auto",
) -> int:
    """Print the commands, and with --measure what they would take.

    Args:
        data: dataset folder.
        devices: processes, one for each GPU.
        out: folder of the runs that the commands make.
        sounds: that a whole run is shown.
        price: of one device for an hour, in whatever currency.
        measure: train every recipe for some steps, in a folder that is thrown away.
        steps: of a measurement, from 40.
        accelerator: auto, cpu or cuda.
    """
    if devices < 1 or steps < 40:
        raise CreativeMLError("give at least one device, and 40 steps: the first ones are slower")
    for name, recipe in RECIPES.items():
        print(f"{name}: {recipe.about}")
        whole = sounds // (recipe.batch_size * devices)
        print("    " + shlex.join(command(recipe, data, out / name, devices, accelerator, whole)))
        if measure:
            rate = measured(recipe, data, devices, accelerator, steps)
            hours = sounds / rate / 3600
            print(
                f"    {rate:.1f} sounds/s on {devices} here: {sounds:,} sounds take {hours:.1f} hours,"
                f" {hours * devices:.0f} device hours, {hours * devices * price:.0f} at {price:g} an hour"
            )
    return 0


def command(recipe: Recipe, data: Path, out: Path, devices: int, accelerator: str, steps: int) -> list[str]:
    """What starts a training in so many processes."""
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(devices), "--max-restarts", "3"),
        *("-m", "creativeml", "train", "drum_gan", "--data", str(data), "--out", str(out)),
        *("--steps", str(steps), "--batch-size", str(recipe.batch_size), "--accelerator", accelerator),
        *recipe.flags,
    ]


def measured(recipe: Recipe, data: Path, devices: int, accelerator: str, steps: int) -> float:
    """Sounds per second over all processes, in the last twenty of some steps of the whole game."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        # The steps before the game are cheap and few: without them.
        tried = command(recipe, data, out, devices, accelerator, steps)
        tried += ["--set", "reconstruction.pretrain_steps=0"] if "large" in recipe.flags else []
        done = subprocess.run(tried, capture_output=True, text=True)
        if done.returncode != 0:
            raise CreativeMLError(f"the training failed: {(done.stderr.strip() or done.stdout).splitlines()[-1]}")
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return float([line["sounds_per_second"] for line in lines if "sounds_per_second" in line][-1])


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")
