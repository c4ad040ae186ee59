"""Cases in a child process that is watched: whatever it does, what it did is known, and to which case it belongs."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from creativeml.errors import CreativeMLError
from creativeml.memory import give_back

MOST_SECONDS = 5.0
"""Of the processor: what other programs take of it is no fault of a case."""
MOST_WAIT = 60.0
"""Seconds by the clock, for a case that waits and does nothing."""
MOST_BYTES = 1 << 30
LONGEST_LINE = 500
"""Characters, the folder not counted: a dataset names up to five of its sounds that cannot be used."""
_BACKSTOP_BYTES = 4 << 30
"""Of addresses beyond those of the process at rest: far more than may be used, and still no danger to the machine."""


@dataclass(frozen=True)
class Case:
    """One attack.

    Attributes:
        form: by which cases are counted.
        how: what was done to the files.
        files: by path below an empty folder.
        open: what reads them.
        names: a refusal names one of these, or the folder.
        prepare: called with the folder before the clock runs, e.g. to make links.
    """

    form: str
    how: str
    files: dict[str, bytes]
    open: Callable[[Path], object]
    names: tuple[str, ...] = ()
    prepare: Callable[[Path], object] = field(default=lambda folder: None)


@dataclass(frozen=True)
class Verdict:
    """What became of a case: sound, refused or FAULT; its line, seconds, and bytes beyond the process at rest."""

    number: int
    form: str
    how: str
    kind: str
    line: str = ""
    seconds: float = 0.0
    peak: int = 0


Area = Callable[[random.Random], Case]


def judged(case: Case, folder: Path) -> tuple[str, str]:
    """(kind, line) of a case whose files are laid down in an empty folder."""
    for name, data in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    case.prepare(folder)
    try:
        case.open(folder)
    except CreativeMLError as error:
        line = str(error)
        shown = line.replace(str(folder), "")
        if not line.isprintable():
            return "FAULT", f"more than a line, or what a terminal obeys: {line[:300]!r}"
        if not 0 < len(shown) <= LONGEST_LINE:
            return "FAULT", f"a line of {len(shown)} characters: {line[:300]}"
        if str(folder) not in line and not any(name in line for name in case.names):
            return "FAULT", f"does not name the file: {line[:300]}"
        return "refused", line
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-8:]
        at = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(where))
        return "FAULT", f"{type(error).__name__}: {str(error)[:200]!r} at {at}"
    return "sound", ""


def _work(pipe: Connection, cases: Area, area: str, seed: int) -> None:
    """The child: a case for every number that it is sent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.disable()
    # What libraries print belongs to no verdict.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    rest = _status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (rest + _BACKSTOP_BYTES, rest + _BACKSTOP_BYTES))
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        case = cases(random.Random(f"{seed} {area} {number}"))
        folder = Path(tempfile.mkdtemp(prefix="attack-"))
        try:
            pipe.send((case.form, case.how, str(folder)))
            # What drawing the case took and freed: the case must not live on it unseen.
            give_back()
            Path("/proc/self/clear_refs").write_text("5")
            before, begun = _status("VmRSS"), time.process_time()
            kind, line = judged(case, folder)
            seconds, peak = time.process_time() - begun, _status("VmHWM") - before
            if kind != "FAULT" and seconds > MOST_SECONDS:
                kind, line = "FAULT", f"{seconds:.1f} s"
            if kind != "FAULT" and peak > MOST_BYTES:
                kind, line = "FAULT", f"{peak >> 20} MiB beyond the process at rest"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        pipe.send(Verdict(number, case.form, case.how, kind, line, seconds, peak))


def _busy(child: multiprocessing.process.BaseProcess) -> float:
    """Seconds of the processor that a child has had."""
    try:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended, which its pipe tells
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(name: str) -> int:
    """Bytes, by the kernel's own account."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"the kernel does not tell {name}")


class Watched:
    """A child process that is begun anew whenever a case ends it.

    Args:
        cases: draws a case.
        area: name of the cases, for the random numbers.
        seed: of all cases.
    """

    def __init__(self, cases: Area, area: str, seed: int) -> None:
        self._arguments = (cases, area, seed)
        self._child: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def run(self, numbers: Iterator[int] | range) -> Iterator[Verdict]:
        """The verdict on each case."""
        try:
            for number in numbers:
                yield self._one(number)
        finally:
            self._end()

    def _one(self, number: int) -> Verdict:
        child, pipe = self._ready()
        begun, form, how, folder = time.perf_counter(), "?", "?", ""
        try:
            pipe.send(number)
            # Drawing a case may take its time; that is our own work.
            if not pipe.poll(60):
                raise TimeoutError("the case could not be drawn")
            form, how, folder = pipe.recv()
            begun, busy = time.perf_counter(), _busy(child)
            while time.perf_counter() - begun < MOST_WAIT and _busy(child) - busy < 2 * MOST_SECONDS:
                if pipe.poll(0.25):
                    return pipe.recv()
            line = f"hung: no answer after {_busy(child) - busy:.1f} s of work in {time.perf_counter() - begun:.1f} s"
        except (EOFError, ConnectionError):
            child.join(10)
            code = child.exitcode or 0
            line = f"crashed: {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
        self._end()
        shutil.rmtree(folder, ignore_errors=True)
        return Verdict(number, form, how, "FAULT", line, time.perf_counter() - begun)

    def _ready(self) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        if self._child is None or self._pipe is None:
            # By fork: what was imported, and the files from which cases are made, are there at once.
            context = multiprocessing.get_context("fork")
            self._pipe, theirs = context.Pipe()
            self._child = context.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
            self._child.start()
            theirs.close()
            if not self._pipe.poll(120) or self._pipe.recv() != "ready":
                self._end()
                sys.exit("the process for the cases could not be begun")
        return self._child, self._pipe

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join()
        if self._pipe is not None:
            self._pipe.close()
        self._child = self._pipe = None
