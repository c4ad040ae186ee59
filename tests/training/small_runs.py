"""Trainings as a user starts them, by the command line, with networks small enough for a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

GAN = (
    *("drum_gan", "--controls", "brightness", "decay_time_20", "--batch-size", "4", "--seed", "5"),
    *("--set", "generator.length_samples=8192", "--set", "generator.channels=24,24,16"),
    *("--set", "generator.hop_samples=64", "--set", "generator.modes=8", "--set", "generator.convs_per_level=1"),
    *("--set", "generator.latent_dim=8", "--set", "generator.style_dim=24"),
    *("--set", "critic.views=512:128:32:64", "--set", "critic.spectral_channels=8,16"),
    *("--set", "critic.wave_channels=8,16,16", "--set", "critic.feature_dim=32"),
    *("--set", "adversarial.penalty_every=2", "--set", "reconstruction.pretrain_steps=4"),
    *("--set", "reconstruction.every=3"),
)
WAVE_VAE = (
    *("wave_vae", "--batch-size", "4", "--set", "generator.length_samples=8192", "--set", "generator.channels=32,24"),
    *("--set", "generator.global_dim=8", "--set", "generator.frame_dim=2"),
    *("--set", "generator.encoder_channels=8,12,16,16", "--set", "generator.hidden_dim=32"),
    *("--set", "generator.style_dim=32", "--set", "generator.modes=8", "--set", "critic.views=512:128:32:64"),
    *("--set", "critic.spectral_channels=8,8", "--set", "critic.wave_channels=8,8", "--set", "critic.feature_dim=16"),
    *("--set", "pretrain_steps=2", "--set", "game_from=8"),
)
DRUM_VAE = (
    *("drum_vae", "--batch-size", "4", "--set", "generator.length_samples=8192", "--set", "generator.latent_dim=8"),
    *("--set", "generator.window_samples=512", "--set", "generator.hop_samples=128"),
    *("--set", "generator.channels=32,24,16", "--set", "generator.patch=4"),
)
"""What `creativeml train` is told, but for data, folder and length, on the sounds of 8,192 samples of `conftest`."""


def command(*arguments: object, processes: int = 1, restarts: int = 0, meeting: int | None = None) -> list[str]:
    """What starts a training, by torchrun if there are several processes.

    With the port of a meeting it is that of one of two machines, each with so many processes.
    """
    start = [sys.executable, "-m"]
    if processes > 1 or meeting is not None:
        start += ["torch.distributed.run", "--nproc-per-node", str(processes), "--max-restarts", str(restarts)]
        start += ["--standalone"] if meeting is None else ["--nnodes", "2", *_meeting_at(meeting)]
        start += ["-m"]
    flags = ("--accelerator", "cpu", "--precision", "32-true")
    return [*start, "creativeml", "train", *map(str, (*arguments, *flags))]


def _meeting_at(port: int) -> tuple[str, ...]:
    here = "127.0.0.1"
    return ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{here}:{port}", "--rdzv-id", "drums", "--local-addr", here)


def environment() -> dict[str, str]:
    """Of such a process: one thread, so that two are no slower than one after the other."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def finish(started: list[str], seconds: float = 300.0) -> str:
    """What a training says on standard error; it must end well in so many seconds."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(started, env=environment(), **pipes) as process:
        try:
            _, told = process.communicate(timeout=seconds)
        finally:
            # torchrun ends its workers when it is asked to end, which it could not if it were killed.
            process.terminate()
    assert process.returncode == 0, told[-3000:]
    return told


def finish_in_two_processes(script: Path, *arguments: object) -> None:
    """Let torchrun start a script in two processes, which must end well."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    finish([*start, str(script), *map(str, arguments)])


def train(*arguments: object, processes: int = 1) -> str:
    """Run a training to its end."""
    return finish(command(*arguments, processes=processes))


def state(out: Path, step: int) -> dict[str, Tensor]:
    """What a run's checkpoint of a step holds."""
    return load_file(out / "checkpoints" / f"step-{step:08d}.safetensors")
