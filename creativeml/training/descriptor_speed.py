"""How fast this machine measures timbre, beside the original package: behind `creativeml bench --descriptors`.

The original (`timbral_models`) needs an environment of its own. Processes of it are started with that environment's
Python and load once; then they are told files, and answer when they have the seven values of each. So one clock times
all contestants, which take turns on the same sounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors import TIMBRE, describe
from creativeml.audio.io import write_wav
from creativeml.data.starter import starter_files
from creativeml.errors import CreativeMLError
from creativeml.threads import threads
from creativeml.training.speed import in_turns

BATCH, SAMPLES, SAMPLE_RATE = 32, 65_536, 44_100

# Runs with any Python 3 and whatever the original's environment has. What the original prints must not get between
# the answers.
_ORIGINAL = """
import json, os, sys, warnings
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
warnings.simplefilter("ignore")
import timbral_models as t
functions = (t.timbral_brightness, t.timbral_depth, t.timbral_warmth, t.timbral_hardness, t.timbral_roughness,
             t.timbral_sharpness, t.timbral_booming)
print(json.dumps("ready"), file=answers)
for line in sys.stdin:
    values = [[float(f(path)) for f in functions] for path in json.loads(line)]
    print(json.dumps(values), file=answers)
"""


def timed_sounds(count: int = BATCH, samples: int = SAMPLES, *, repeated: bool = False) -> Tensor:
    """(count, samples) float32: sounds of the starter pack at 44.1 kHz from all over it, one channel.

    Longer ones are cut, and shorter ones followed by silence, as in the batches of a training; or `repeated`, so that
    there is no silence that the smooth faces are fast at.

    Raises:
        CreativeMLError: the pack did not come with this installation.
    """
    files = starter_files()
    sounds = [files[place * len(files) // count].mono(SAMPLE_RATE).astype(np.float32) for place in range(count)]
    if repeated:
        return torch.from_numpy(np.stack([np.resize(sound, samples) for sound in sounds]))
    return torch.from_numpy(np.stack([np.pad(s[:samples], (0, max(0, samples - len(s)))) for s in sounds]))


def measure_descriptors(
    sounds: Tensor, filled: Tensor, repetitions: int, tick: Callable[[], object], *, original: Path | None = None
) -> dict[str, Any]:
    """Clips per second of all seven descriptors at once, on one core and on as many as torch has threads.

    Args:
        sounds: (clips, samples) float32 at 44.1 kHz: one batch.
        filled: as many sounds without any silence, for the smooth faces, which are slower on them.
        repetitions: turns of each contestant.
        tick: called after every turn.
        original: Python of the environment that `timbral_models` is installed in; it measures the same sounds as wav
            files, in one process and in as many as there are threads, each on one core. None = leave it out.

    Returns:
        "clips", "samples", "cores" and "clips_per_second": contestant -> cores (as text) -> median over the turns.

    Raises:
        CreativeMLError: the original cannot be started or fails.
    """
    most = torch.get_num_threads()
    tasks: dict[tuple[str, int], Callable[[], object]] = {}
    with ExitStack() as stack:
        if original is not None:
            crew = stack.enter_context(_Original.start(original, sounds, most))
            for cores in sorted({1, most}):
                tasks["original", cores] = lambda cores=cores: crew.run(cores)
        for name, work, heard in (
            ("exact", _exact, sounds),
            ("smooth", _smooth, sounds),
            ("smooth with gradient", _smooth_with_gradient, sounds),
            ("smooth, no silence", _smooth, filled),
            ("smooth with gradient, no silence", _smooth_with_gradient, filled),
        ):
            for cores in sorted({1, most}):
                tasks[name, cores] = lambda work=work, heard=heard, cores=cores: _on(cores, work, heard)
        named = {json.dumps(key): task for key, task in tasks.items()}
        seconds = in_turns(named, repetitions, 1, tick)
    rates: dict[str, dict[str, float]] = {}
    for key, taken in seconds.items():
        name, cores = json.loads(key)
        rates.setdefault(name, {})[str(cores)] = len(sounds) / float(np.median(taken))
    return {"clips": len(sounds), "samples": sounds.shape[-1], "cores": most, "clips_per_second": rates}


def turns(original: bool) -> int:
    """How many tasks take turns: ticks per repetition."""
    return len({1, torch.get_num_threads()}) * (6 if original else 5)


def _on(cores: int, work: Callable[[Tensor], object], sounds: Tensor) -> None:
    with threads(cores):
        work(sounds)


def _exact(sounds: Tensor) -> None:
    describe(sounds, SAMPLE_RATE, TIMBRE)


@torch.no_grad()
def _smooth(sounds: Tensor) -> None:
    describe(sounds, SAMPLE_RATE, TIMBRE, smooth=True)


def _smooth_with_gradient(sounds: Tensor) -> None:
    leaf = sounds.clone().requires_grad_()
    torch.stack(list(describe(leaf, SAMPLE_RATE, TIMBRE, smooth=True).values())).sum().backward()


class _Original:
    """Processes of the original, and the files they measure."""

    def __init__(self, python: Path, files: list[str], folder: Path) -> None:
        self._python, self._files, self._folder = python, files, folder
        self._processes: list[subprocess.Popen[str]] = []

    @classmethod
    @contextmanager
    def start(cls, python: Path, sounds: Tensor, count: int) -> Iterator[_Original]:
        """So many processes that have loaded the package; they end with the context."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = [str(folder / f"{number}.wav") for number in range(len(sounds))]
            for path, sound in zip(files, sounds, strict=True):
                write_wav(path, sound.numpy(), SAMPLE_RATE)
            crew = cls(python, files, folder)
            try:
                for number in range(count):
                    crew._spawn(number)
                for number in range(count):
                    crew._answer(number)
                yield crew
            finally:
                crew._end()

    def run(self, cores: int) -> None:
        """All files, dealt out to so many processes; returns when the last has answered."""
        for number in range(cores):
            self._tell(number, self._files[number::cores])
        for number in range(cores):
            self._answer(number)

    def _spawn(self, number: int) -> None:
        # One core each: more processes than cores would only disturb each other.
        alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        # Paths meant for this interpreter would give it packages of the wrong versions.
        inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        try:
            with self._log(number).open("w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [str(self._python), "-c", _ORIGINAL],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=self._folder,
                    env=inherited | alone,
                )
        except OSError as error:
            raise CreativeMLError(
                f"the original cannot be started: {self._python}: {error.strerror or error}; name the Python of an "
                "environment with timbral_models, such as ENV/bin/python"
            ) from error
        self._processes.append(process)

    def _log(self, number: int) -> Path:
        return self._folder / f"{number}.log"

    def _tell(self, number: int, files: list[str]) -> None:
        stdin = self._processes[number].stdin
        try:
            print(json.dumps(files), file=stdin, flush=True)
        except BrokenPipeError:
            # It has ended; why, its log tells when the answer is asked for.
            return

    def _answer(self, number: int) -> None:
        stdout = self._processes[number].stdout
        if stdout is None or not stdout.readline():
            self._processes[number].wait()
            lines = self._log(number).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise CreativeMLError(
                f"the original stopped: {lines[-1] if lines else 'no message'}; {self._python} must have "
                "timbral_models and the versions that tests/audio/descriptors/make_reference.py names"
            )

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
