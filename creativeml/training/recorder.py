"""What a run leaves behind to be read, heard and seen: jsonl, TensorBoard, and the reference latents' sounds."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.io import write_wav
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path, atomic_write_text

LOG = "log.jsonl"


def last_line_with(folder: Path, name: str, step: int) -> dict[str, Any]:
    """The last line of a run's log, up to a step, that holds a figure of this name; an empty one if none does."""
    found = (line for line in reversed(_whole_lines(folder / LOG)) if name in line and _step_of(line) <= step)
    return next(found, {})


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """What the lines say; one that was cut off, or damaged, says nothing."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    except OSError as error:
        raise CreativeMLError(f"{path}: cannot be read ({error.strerror})") from error
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def _step_of(line: dict[str, Any]) -> float:
    step = line.get("step", 0)
    return step if isinstance(step, (int, float)) else math.inf


class SafeStderr:
    """Standard error for what a training says: if nobody can read it any more, the training goes on.

    So it is after a Ctrl-C in `creativeml train ... 2>&1 | tee log`, which ends the reader as well; and for a moment in
    the answer to a signal that has interrupted a write.
    """

    def write(self, text: str) -> int:
        """As that of a file."""
        with contextlib.suppress(OSError, RuntimeError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """As that of a file."""
        with contextlib.suppress(OSError, RuntimeError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def tell(message: str) -> None:
    """Say something past the progress bar, on stderr; stdout is for results. Of several processes the first speaks."""
    if os.environ.get("RANK", "0") == "0":
        tqdm.write(message, file=SafeStderr())


class Recorder:
    """Appends figures to `log.jsonl` and to TensorBoard files in the run's folder.

    Args:
        folder: of the run; made if missing.
        from_step: lines of later steps are dropped.
        tensorboard: False writes `log.jsonl` alone.
    """

    def __init__(self, folder: Path, *, from_step: int = 0, tensorboard: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._told = folder / LOG, False
        self._file = self.path.open("a", encoding="utf-8")
        self.forget_after(from_step)
        self._writer = None
        if tensorboard:
            writers = require("torch.utils.tensorboard", extra="train")
            self._writer = writers.SummaryWriter(str(folder / "tensorboard"), purge_step=from_step or None)

    def forget_after(self, step: int) -> None:
        """Drop the lines of steps that a resumed or rolled-back run takes again."""
        self.forget(lambda line: _step_of(line) > step)

    def forget(self, unwanted: Callable[[dict[str, Any]], bool]) -> None:
        """Drop lines; one that was cut off when the process was killed goes in any case."""
        self._file.close()
        before = self.path.read_text(encoding="utf-8", errors="replace")
        kept = "".join(json.dumps(line) + "\n" for line in _whole_lines(self.path) if not unwanted(line))
        if kept != before:
            atomic_write_text(self.path, kept)
        self._file = self.path.open("a", encoding="utf-8")

    def record(self, step: int, figures: dict[str, Any]) -> None:
        """One line of JSON; numbers also go to TensorBoard. A disk that is full is told once: a run is worth more."""
        try:
            self._file.write(json.dumps({"step": step, **figures}) + "\n")
            self._file.flush()
            for name, value in figures.items():
                if self._writer is not None and isinstance(value, (int, float)):
                    self._writer.add_scalar(name, value, step)
        except OSError as error:
            if not self._told:
                print(
                    f"warning: {self.path}: figures cannot be written ({error.strerror}); free space", file=sys.stderr
                )
            self._told = True

    def close(self) -> None:
        """Flush and close the files."""
        with contextlib.suppress(OSError):  # `record` has told it
            self._file.close()
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()


class Means:
    """Mean of each figure since the last look; rare terms (penalties) count the steps on which they were paid.

    Args:
        sums: to count on from.

    Attributes:
        sums: of each figure, with how many were added.
    """

    def __init__(self, sums: Mapping[str, tuple[float, int]] | None = None) -> None:
        self.sums = dict(sums or {})

    def add(self, figures: dict[str, float]) -> None:
        """Count the figures of one step."""
        for name, value in figures.items():
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = (total + value, count + 1)

    def take(self) -> dict[str, float]:
        """The means, and start anew."""
        means = {name: total / count for name, (total, count) in self.sums.items()}
        self.sums.clear()
        return means


class NoRecorder:
    """What every process but the first records: nothing."""

    def forget(self, unwanted: Callable[[dict[str, Any]], bool]) -> None:
        """Nothing."""

    def forget_after(self, step: int) -> None:
        """Nothing."""

    def record(self, step: int, figures: dict[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def save_reference(folder: Path, sounds: Tensor, names: list[str], sample_rate: int) -> None:
    """Write the reference sounds as one 24-bit wav (half a second of silence between them) and one picture.

    Args:
        folder: gets `reference.wav` and `reference.png`.
        sounds: `(n, samples)`.
        names: of the sounds, for the picture.
        sample_rate: in Hz.
    """
    peak = sounds.abs().amax(dim=1, keepdim=True).clamp(min=1e-6)
    levelled = sounds * (0.89 / peak)
    gap = torch.zeros(len(sounds), sample_rate // 2)
    write_wav(folder / "reference.wav", torch.cat([levelled, gap], dim=1).flatten().numpy(), sample_rate)
    draw_sounds(folder / "reference.png", levelled.numpy(), names, sample_rate)


def draw_sounds(path: Path, sounds: np.ndarray, names: list[str], sample_rate: int, *, columns: int = 6) -> None:
    """Picture of sounds: waveform above a spectrogram (log frequency, 80 dB below each sound's peak)."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    rows = -(-len(sounds) // columns)
    figure, axes = plt.subplots(
        2 * rows,
        columns,
        figsize=(3 * columns, 3 * rows),
        height_ratios=[1, 2] * rows,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for n, (sound, name) in enumerate(zip(sounds, names, strict=True)):
        wave, picture = axes[2 * (n // columns)][n % columns], axes[2 * (n // columns) + 1][n % columns]
        for axis in (wave, picture):
            axis.set_axis_on()
        time = np.arange(len(sound)) / sample_rate
        wave.plot(time[::4], sound[::4], linewidth=0.4)
        wave.set(title=name, ylim=(-1, 1), xlim=(0, time[-1]), xticks=[], yticks=[])
        _draw_spectrogram(picture, sound, sample_rate)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=70, format="png")
    plt.close(figure)


def _draw_spectrogram(axis: Any, sound: np.ndarray, sample_rate: int) -> None:
    window, hop = 1024, 256
    spectrum = torch.stft(
        torch.from_numpy(np.ascontiguousarray(sound)).float(),
        window,
        hop,
        window=torch.hann_window(window),
        pad_mode="constant",
        return_complex=True,
    )
    db = 20 * torch.log10(spectrum.abs() + 1e-7)
    frequency = np.fft.rfftfreq(window, 1 / sample_rate)
    time = np.arange(db.shape[1]) * hop / sample_rate
    top = float(db.max())
    axis.pcolormesh(
        time, frequency, db.numpy(), vmin=top - 80, vmax=top, cmap="magma", shading="nearest", rasterized=True
    )
    axis.set(yscale="log", ylim=(30, sample_rate / 2), xlim=(0, time[-1]))
    axis.tick_params(labelsize=6)
