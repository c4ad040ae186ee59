"""What a sound costs: parameters, multiplications, time and memory.

Times are taken in turns (A B C, A B C, ...), so that a busy moment of the machine hits all contestants. Memory is that
of a fresh process, since one that has worked before keeps what it once had.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from creativeml.errors import CreativeMLError
from creativeml.evaluation.peers import PEERS
from creativeml.layers.packed import can_pack
from creativeml.memory import keep_large_blocks
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.precision import fastest_dtype

COSTS: dict[str, str] = {
    "parameters": "",
    "macs": "",
    "one_p50_ms": "ms",
    "one_p95_ms": "ms",
    "times_real_time": "",
    "peak_memory_mb": "MB",
    "idle_memory_mb": "MB",
}
"""Figures of `measure_costs` and their units."""
NO_COST: Mapping[str, float | None] = dict.fromkeys(COSTS)
"""Of recordings and of other sounds that were not made here."""
TURNS = 5
CALLS = 8


@dataclass(frozen=True)
class Player:
    """Something that makes sounds.

    Attributes:
        play: makes one sound `(samples,)` from a seed, as users get it.
        model: the network behind it; None if there is none.
        folder: where the network was saved (`save_pretrained`), for its memory in a fresh process; None leaves memory
            unmeasured.
    """

    play: Callable[[int], Tensor]
    model: nn.Module | None = None
    folder: Path | None = None


def measure_costs(
    players: Mapping[str, Player | None],
    sample_rate: int,
    *,
    turns: int = TURNS,
    calls: int = CALLS,
    memory: bool = True,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, float | None]]:
    """Costs of several contestants, measured in one run.

    Args:
        players: by name; None for sounds that exist already (a folder, recordings), whose figures are all None.
        sample_rate: of the sounds, in Hz.
        turns: of each contestant.
        calls: sounds that are made in a row within a turn.
        memory: start a process for every model; without, the two figures of memory are None.
        tick: called `turns + 1` times for every contestant that plays.

    Returns:
        name -> the figures of `COSTS`: parameters and multiply-accumulate operations for one sound (those of
        convolutions and matrix products; Fourier transforms are not counted), median and 95th percentile of the time
        for one sound, seconds of sound per second at the median, peak memory of a process that makes one sound, and
        of one that only loads Python and torch. What cannot be had is None.
    """
    playing = {name: player for name, player in players.items() if player is not None}
    samples: dict[str, int] = {}
    seeds = dict.fromkeys(playing, 0)

    def play(name: str) -> None:
        seeds[name] += 1
        samples[name] = playing[name].play(seeds[name]).shape[-1]

    seconds = in_turns({name: lambda name=name: play(name) for name in playing}, turns, calls, tick)
    idle = peak_memory_mb("creativeml.evaluation.cost:rest", None) if memory and playing else None
    costs = {name: dict(NO_COST) for name in players}
    for name, player in playing.items():
        p50, p95 = np.percentile(seconds[name], [50, 95])
        peak = None
        if memory and player.folder is not None:
            peak = peak_memory_mb("creativeml.evaluation.cost:play_from", str(player.folder))
        costs[name] |= {
            "parameters": None if player.model is None else parameter_count(player.model),
            "macs": None if player.model is None else macs(player.model),
            "one_p50_ms": 1e3 * float(p50),
            "one_p95_ms": 1e3 * float(p95),
            "times_real_time": samples[name] / sample_rate / float(p50),
            "peak_memory_mb": peak,
            "idle_memory_mb": idle,
        }
        tick()
    return costs


def parameter_count(model: nn.Module) -> int:
    """Numbers that were learnt; one that several parts share counts once."""
    return sum(p.numel() for p in model.parameters())


@torch.inference_mode()
def play_model(model: Any, count: int) -> Tensor:
    """Sounds `(count, samples)` of a model (`creativeml.synthesis.generate.SoundModel`), its kinds one after the other.

    Drawing latent and noise belongs to making a sound.
    """
    device = next(model.parameters()).device
    noise = [torch.randn(count, *shape, device=device) for shape in model.noise_shapes()]
    kinds = [model.config.kinds[i % len(model.config.kinds)] for i in range(count)]
    latent = torch.randn(count, model.config.latent_dim, device=device)
    return model(latent, model.condition_for(kinds), noise=noise)


def in_format(model: Any, dtype: torch.dtype, count: int) -> Callable[[], object]:
    """`play_model`, computing in the given number format."""

    def play() -> object:
        if isinstance(model, StyleWaveGAN):
            model.dtype = dtype
            return play_model(model, count)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return play_model(model, count)

    return play


def macs(model: Any) -> float:
    """Multiply-accumulate operations of one sound; Fourier transforms are not counted."""
    with FlopCounterMode(display=False, custom_mapping=_packed_flops()) as counter:
        play_model(model, 1)
    return counter.get_total_flops() / 2


def _packed_flops() -> dict[Any, Any]:
    """How the counter is to count packed convolutions (`creativeml.layers.packed`), which it does not know."""
    if not can_pack():
        return {}

    def count(x: Sequence[int], weight: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any) -> int:
        return 2 * math.prod(out_shape) * math.prod(weight[1:])

    return {torch.ops.mkldnn._convolution_pointwise: count}


def in_turns(
    tasks: dict[str, Callable[[], object]], repetitions: int, calls: int, tick: Callable[[], object]
) -> dict[str, list[float]]:
    """Seconds of every call, with the tasks taking turns; one call of each before is not counted.

    Args:
        tasks: by name.
        repetitions: turns of each task.
        calls: in a row within a turn.
        tick: called after every turn.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(repetitions):
        for name, task in tasks.items():
            for _ in range(calls):
                started = time.perf_counter()
                task()
                seconds[name].append(time.perf_counter() - started)
            tick()
    return seconds


# --- memory


def peak_memory_mb(task: str, request: Any) -> float | None:
    """Peak memory of a fresh process that does one piece of work; None where the system does not tell.

    Args:
        task: "package.module:function" that does the work; called with the request.
        request: plain JSON values.

    Raises:
        CreativeMLError: the work failed.
    """
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", "from creativeml.evaluation.cost import child; child()"]
    sent = json.dumps({"task": task, "request": request})
    done = subprocess.run(command, input=sent, text=True, capture_output=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CreativeMLError(f"the memory of '{task}' could not be measured: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def child() -> None:
    """Work of the process that `peak_memory_mb` starts: task and request on stdin, megabytes on stdout."""
    keep_large_blocks()
    sent = json.loads(sys.stdin.read())
    module, function = sent["task"].split(":")
    getattr(importlib.import_module(module), function)(sent["request"])
    print(json.dumps(_own_peak_mb()))


def rest(request: None) -> None:
    """Do nothing: what Python and torch take."""


def play_from(folder: str) -> None:
    """Load a model and make one sound as `Instrument` does, in the fastest number format."""
    in_format(from_pretrained(folder), fastest_dtype(), 1)()


def play_peer(name: str) -> None:
    """Make one sound of an untrained peer, in the fastest number format."""
    in_format(PEERS[name]().eval(), fastest_dtype(), 1)()


def _own_peak_mb() -> float | None:
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    # Not getrusage: its figure survives exec and would start with the parent's.
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
