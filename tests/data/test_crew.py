"""Work over processes: in order, bounded, and none of it lost when a worker is killed."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import popen_spawn_posix, resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from creativeml.audio.io import read_audio
from creativeml.data import crew as crew_module
from creativeml.data import descriptor_table
from creativeml.data import prepare as preparing
from creativeml.data.crew import Died, Hired, Piece, Processes, in_order
from creativeml.data.descriptor_table import TABLE, describe_dataset
from creativeml.data.folders import Found, NamingRules, scan_folder
from creativeml.data.prepare import PrepareOptions, prepare_dataset
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_file
from tests.attacks.killing import left_behind, members

OPTIONS = PrepareOptions(length_samples=16_384, workers=2)
STARTER = project_folder("datasets") / "starter"


@pytest.fixture(scope="module")
def found() -> Found:
    """Forty recordings of the starter pack; two of them read by a function, two given as samples."""
    sounds = scan_folder(STARTER, "starter", NamingRules("auto", "auto", "CC0-1.0", "A")).sounds[::4][:40]
    for place in (3, 17, 22, 30):
        audio = read_audio(sounds[place].path)
        samples = (lambda kept=audio.samples: kept) if place < 20 else audio.samples
        sounds[place] = replace(sounds[place], samples=samples, sample_rate=audio.sample_rate, encoding="FLAC PCM_16")
    return Found(sounds)


@pytest.fixture(scope="module")
def by_threads(found, tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("threads") / "data"
    prepare_dataset(found, out, OPTIONS)
    return contents(out)


@pytest.fixture
def many(monkeypatch) -> None:
    """Forty are many."""
    monkeypatch.setattr(preparing, "FEW_SOUNDS", 0)


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256_file(p) for p in folder.rglob("*") if p.is_file()}


def test_processes_make_the_bytes_that_threads_make(found, by_threads, many, tmp_path):
    seen: set[int] = set()

    def step(what: str, done: int, total: int) -> None:
        seen.update(child.pid for child in multiprocessing.active_children() if child.pid)

    prepare_dataset(found, tmp_path / "data", OPTIONS, on_step=step)
    assert contents(tmp_path / "data") == by_threads and len(seen) == 2
    assert not seen & {child.pid for child in multiprocessing.active_children()}


@pytest.mark.parametrize("during", ["reading", "comparing"])
def test_a_worker_that_is_killed_costs_nothing(found, by_threads, many, tmp_path, during):
    notes: list[str] = []

    def step(what: str, done: int, total: int) -> None:
        if (what, done) == (during, 9):
            os.kill(max(child.pid or 0 for child in multiprocessing.active_children()), signal.SIGKILL)

    prepare_dataset(found, tmp_path / "data", OPTIONS, on_step=step, on_note=notes.append)
    assert contents(tmp_path / "data") == by_threads
    names = [sound.name for sound in found.sounds]
    assert all(line.split(":")[0] in names and "killed by signal 9" in line for line in notes) and len(notes) < 3


def test_what_kills_its_worker_twice_is_named_and_the_rest_is_done():
    notes: list[str] = []
    pieces = [Piece(f"number {n}", abs, (-n,)) for n in range(30)]
    pieces[11] = Piece("the bad one", signal.raise_signal, (signal.SIGKILL,))
    crew = Processes(2)
    try:
        results = list(in_order(crew, pieces, notes.append))
    finally:
        crew.close()
    assert results[:11] + results[12:] == [n for n in range(30) if n != 11]
    assert isinstance(results[11], Died) and "signal 9" in results[11].how
    (note,) = notes
    assert note.startswith("the bad one: ") and "signal 9" in note


def test_a_fault_of_the_work_comes_when_its_turn_comes():
    crew, results = Processes(2), []
    try:
        with pytest.raises(ZeroDivisionError):
            for result in in_order(crew, [Piece("", divmod, (7, n)) for n in (3, 2, 0, 1)], print):
                results.append(result)
    finally:
        crew.close()
    assert results == [(2, 1), (3, 1)]


def test_only_a_few_pieces_are_ever_under_way():
    begun = 0

    def pieces():
        nonlocal begun
        for number in range(100):
            begun += 1
            yield Piece("", abs, (number,))

    with ThreadPoolExecutor(3) as pool:
        for done, result in enumerate(in_order(Hired(pool, 3), pieces(), print)):
            assert result == done and begun <= done + 12


def test_executors_of_others_are_used_and_a_broken_one_is_told(found, by_threads, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        prepare_dataset(found, tmp_path / "data", OPTIONS, executor=pool)
        assert pool.submit(abs, -1).result() == 1  # it is not shut down
    assert contents(tmp_path / "data") == by_threads
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as broken:
        assert isinstance(broken.submit(signal.raise_signal, signal.SIGKILL).exception(), Exception)
        with pytest.raises(CreativeMLError, match="run the same command again"):
            prepare_dataset(found, tmp_path / "other", OPTIONS, executor=broken)
        with ThreadPoolExecutor(2) as pool:
            prepare_dataset(found, tmp_path / "other", OPTIONS, executor=pool)
    assert contents(tmp_path / "other") == by_threads


def children() -> set[str]:
    """Living child processes of this one."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.skipif(not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="finds children in /proc")
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2])
def test_an_interruption_while_a_process_is_started_leaves_none_behind(nth, after, capfd, monkeypatch):
    resource_tracker.ensure_running()
    known, starts, launch = children(), 0, popen_spawn_posix.Popen._launch

    def interrupted(self, process):
        nonlocal starts
        starts += 1
        if starts == nth and not after:
            os.kill(os.getpid(), signal.SIGINT)
        launch(self, process)
        if starts == nth and after:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(popen_spawn_posix.Popen, "_launch", interrupted)
    gc.collect()
    gc.disable()  # Python swallows an interruption of a finalizer
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            crew = Processes(2)
            try:
                for future in [crew.submit(Piece("", time.sleep, (0.05,))) for _ in range(30)]:
                    future.result()
            finally:
                crew.close()
    finally:
        signal.signal(signal.SIGINT, before)
        gc.enable()
    until = time.monotonic() + 10
    while children() - known and time.monotonic() < until:
        time.sleep(0.02)
    assert children() <= known and starts == nth and capfd.readouterr().err == ""


def processes() -> list[int]:
    """Ids of the worker processes that live."""
    return sorted(child.pid for child in multiprocessing.active_children() if child.pid)


@pytest.fixture
def faults(monkeypatch) -> list[str]:
    """What threads failed at."""
    found: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: found.append(repr(fault.exc_value)))
    return found


@pytest.mark.timeout(120)
def test_a_worker_that_dies_while_others_are_started_costs_nothing(faults):
    for after_ms in (0, 10, 20):
        notes: list[str] = []
        crew = Processes(8)
        pieces = [Piece("bad", death, (after_ms / 1000,)), *(Piece("", time.sleep, (0.005,)) for _ in range(24))]
        try:
            first, *others = in_order(crew, pieces, notes.append)
        finally:
            crew.close()
        assert isinstance(first, Died) and others == [None] * 24 and len(notes) == 1
    assert faults == [] and processes() == []


def death(seconds: float) -> None:
    """Of the process, a while after it has begun."""
    time.sleep(seconds)
    signal.raise_signal(signal.SIGKILL)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_that_dies_with_nothing_to_do_is_replaced_in_silence(which, faults):
    crew, notes = Processes(2), []
    pieces = [Piece("", time.sleep, (0.05,)) for _ in range(8)]
    assert list(in_order(crew, pieces, notes.append)) == [None] * 8
    gone, living = processes()[which], processes()[1 - which]
    os.kill(gone, signal.SIGKILL)
    while gone in processes():
        time.sleep(0.01)
    assert list(in_order(crew, pieces, notes.append)) == [None] * 8
    assert notes == [] and living in processes() and gone not in processes() and len(processes()) == 2
    os.kill(living, signal.SIGKILL)
    crew.close()
    assert processes() == [] and faults == []


def test_a_worker_that_dies_after_the_rest_was_given_up_is_taken_in_silence(faults):
    crew = Processes(2)
    results = in_order(crew, [Piece("", abs, (-1,)), *(Piece("", time.sleep, (1,)) for _ in range(9))], print)
    assert next(results) == 1
    while len(processes()) < 2:
        time.sleep(0.01)
    results.close()
    for process in processes():
        os.kill(process, signal.SIGKILL)
    crew.close()
    assert faults == [] and processes() == []


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_what_nobody_waits_for_is_cancelled_unless_that_harms_the_pool(kind, tmp_path):
    """The own thread of Python's process pool fails if a process dies while a cancelled piece waits."""
    pieces = [Piece("", abs, (-1,)), *(Piece("", time.sleep, (0.2,)) for _ in range(5))]
    pieces += [Piece("", Path.touch, (tmp_path / str(number),)) for number in range(4)]
    with kind(1) if kind is ThreadPoolExecutor else kind(1, multiprocessing.get_context("spawn")) as pool:
        results = in_order(Hired(pool, 2), pieces, print)
        assert next(results) == 1
        results.close()
    assert len(list(tmp_path.iterdir())) == (0 if kind is ThreadPoolExecutor else 2)


def test_what_cannot_travel_is_told_and_the_worker_goes_on():
    crew = Processes(1)
    try:
        (worker,) = processes()
        with pytest.raises((TypeError, AttributeError), match="lambda"):
            crew.submit(Piece("", abs, (lambda: 0,))).result()
        with pytest.raises(FileNotFoundError, match="absent"):
            crew.submit(Piece("", abs, (Absent(),))).result()
        for made in ("generator", "list"):
            with pytest.raises(TypeError, match=f"{made} cannot leave its process"):
                crew.submit(Piece("", not_to_be_sent, (made,))).result()
        with pytest.raises(EOFError, match="short") as caught:
            crew.submit(Piece("", short)).result()
        assert "in short\n" in str(caught.value.__cause__)
        assert crew.submit(Piece("", os.getpid)).result() == worker
    finally:
        crew.close()


class Absent:
    """Whoever receives it fails."""

    def __reduce__(self) -> Any:
        return os.stat, ("/absent",)


def not_to_be_sent(kind: str) -> Any:
    """What no process can send: a generator, or a list in a list in a list."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep if kind == "list" else (number for number in (1,))


def short() -> None:
    """As of a file that is."""
    raise EOFError("short")


def test_a_new_worker_that_is_killed_as_it_starts_is_started_again(monkeypatch, faults):
    crew, launch, killed = Processes(2), popen_spawn_posix.Popen._launch, []

    def kill_two(self, process):
        launch(self, process)
        if len(killed) < 2:
            os.kill(self.pid, signal.SIGKILL)
            killed.append(self.pid)

    monkeypatch.setattr(popen_spawn_posix.Popen, "_launch", kill_two)
    notes: list[str] = []
    try:
        assert list(in_order(crew, [Piece("", abs, (-n,)) for n in range(30)], notes.append)) == list(range(30))
    finally:
        crew.close()
    assert len(killed) == 2 and notes == faults == [] and processes() == []


def test_a_piece_is_tried_once_more_when_nothing_else_is_under_way(tmp_path):
    crew, notes = Processes(2), []
    pieces = [Piece("", marked, (tmp_path / str(number),)) for number in range(6)]
    pieces.insert(2, Piece("bad", fatal_beside, (tmp_path,)))
    try:
        assert list(in_order(crew, pieces, notes.append)) == [None] * 2 + ["alone"] + [None] * 4
    finally:
        crew.close()
    assert len(notes) == 1


def marked(path: Path) -> None:
    """While it is under way there is a file."""
    path.touch()
    time.sleep(0.6)
    path.unlink()


def fatal_beside(folder: Path) -> str:
    """Kills its process the first time, and whenever something is under way beside it."""
    died = folder / "died"
    if not died.exists():
        died.touch()
        signal.raise_signal(signal.SIGKILL)
    time.sleep(0.1)
    if list(folder.iterdir()) != [died]:
        signal.raise_signal(signal.SIGKILL)
    return "alone"


def test_closing_waits_for_what_is_under_way_alone_and_kills_what_does_not_end(monkeypatch):
    monkeypatch.setattr(crew_module, "_ENDING_S", 0.5)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    crew = Processes(1)
    assert crew.submit(Piece("", os.getenv, ("OMP_NUM_THREADS",))).result() == "1"
    crew.submit(Piece("", loiter)).result()
    (worker,) = multiprocessing.active_children()
    futures = [crew.submit(Piece("", time.sleep, (0.2,))) for _ in range(100)]
    while not futures[0].running():
        time.sleep(0.01)
    crew.close()
    assert futures[0].result() is None and all(future.cancelled() for future in futures[5:])
    assert worker.exitcode == -signal.SIGKILL


def loiter() -> None:
    """From now on the process does not end by itself."""
    threading.Thread(target=time.sleep, args=(600,)).start()


PROGRAM = """
import signal, sys, time
from creativeml.data.crew import Piece, Processes, in_order
if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    print("begun", flush=True)
    for _ in range(4):
        crew = Processes(4)
        print(len(list(in_order(crew, [Piece("", time.sleep, (0.05,))] * 12, print))), flush=True)
        crew.close()
    crew = Processes(1)
    print("long", flush=True)
    list(in_order(crew, [Piece("", time.sleep, (600,))], print))
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
@pytest.mark.timeout(120)
def test_workers_never_hear_of_ctrl_c_and_leave_when_their_parent_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    command, told = [sys.executable, str(tmp_path / "program.py")], tmp_path / "told"
    with (
        told.open("w") as output,
        subprocess.Popen(command, start_new_session=True, stdout=output, stderr=subprocess.PIPE, text=True) as process,
    ):
        try:
            while "long" not in told.read_text() and process.poll() is None:
                if "begun" in told.read_text():
                    os.killpg(process.pid, signal.SIGINT)
                time.sleep(0.005)
            assert told.read_text().split() == ["begun", *["12"] * 4, "long"] and len(members(process.pid)) > 2
            process.kill()
            assert process.communicate()[1] == ""
            assert left_behind(process.pid) == {}
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_no_further_process_can_be_started(faults, tmp_path):
    crew, before = Processes(2), multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(str(tmp_path / "absent"))
    try:
        pieces = [Piece("good", time.sleep, (0.1,)), Piece("next", time.sleep, (0.1,))]
        with pytest.raises(CreativeMLError, match=r"^next: a new worker process .*; run the same command again$"):
            list(in_order(crew, pieces, print))
    finally:
        multiprocessing.set_executable(before)
        crew.close()
    assert faults == [] and processes() == []


def test_a_program_without_the_guard_is_done_by_threads_and_nothing_is_harmed(found, by_threads, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from pathlib import Path\nfrom creativeml.data import prepare\n"
        "from creativeml.data.folders import Found, NamingRules, scan_folder\n"
        "prepare.FEW_SOUNDS = 0\n"
        f"found = scan_folder(Path({str(STARTER)!r}), 'starter', NamingRules('auto', 'auto', 'CC0-1.0', 'A'))\n"
        "options = prepare.PrepareOptions(length_samples=16384, workers=2)\n"
        f"out = Path({str(tmp_path / 'data')!r})\n"
        "report = prepare.prepare_dataset(Found(found.sounds[:8]), out, options, overwrite=True, on_note=print)\n"
        "print(len(report.rows), 'rows')\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "threads do it" in done.stdout and done.stdout.count("8 rows") == 1, done.stderr
    assert len(list((tmp_path / "data" / "audio").rglob("*.flac"))) == 8


def test_descriptors_over_processes_are_those_of_one_process(found, tmp_path, monkeypatch):
    out = tmp_path / "data"
    prepare_dataset(Found(found.sounds[:6]), out, OPTIONS)
    assert describe_dataset(out).new == 6
    table = (out / TABLE).read_bytes()
    (out / TABLE).unlink()
    monkeypatch.setattr(descriptor_table, "FEW_SOUNDS", 0)
    monkeypatch.setattr(descriptor_table, "_BATCH", 2)
    killed = []

    def step(what: str, done: int, total: int) -> None:
        if not killed:
            killed.append(max(child.pid or 0 for child in multiprocessing.active_children()))
            os.kill(killed[0], signal.SIGKILL)

    outcome = describe_dataset(out, workers=2, on_step=step)
    assert (outcome.new, outcome.refused) == (6, ()) and killed
    assert (out / TABLE).read_bytes() == table
    values = np.genfromtxt(out / TABLE, delimiter=",", skip_header=1)[:, 3:]
    assert np.isfinite(values).all()
