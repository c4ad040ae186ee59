"""SIGTERM while a verb works: it ends in order, says so, leaves no process behind, and goes on the next time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from creativeml.cli import run
from creativeml.files import project_folder
from tests.attacks.killing import members

STARTER = project_folder("datasets") / "starter"
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds children in /proc")


def catches(process: int, number: int) -> bool:
    """Whether a process handles a signal itself."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split(maxsplit=1)[0], 16)
    return bool(caught >> (number - 1) & 1)


def terminated(
    arguments: list[str], when: Callable[[float], bool], *, whole_session: bool = False, reader_gone: bool = False
) -> tuple[int, str]:
    """Exit code and standard error of a verb that gets SIGTERM at a moment, told by the seconds since it handles it."""
    command = [sys.executable, "-m", "creativeml", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, env=environment, **pipes) as process:
        try:
            begun = None
            while begun is None or not when(time.monotonic() - begun):
                assert process.poll() is None, process.communicate()
                if begun is None and catches(process.pid, signal.SIGTERM):
                    begun = time.monotonic()
                time.sleep(0.01)
            if reader_gone:
                assert process.stderr is not None
                process.stderr.close()
            (os.killpg if whole_session else os.kill)(process.pid, signal.SIGTERM)
            told = process.communicate(timeout=60)[1] or ""
            until = time.monotonic() + 5
            while members(process.pid) and time.monotonic() < until:
                time.sleep(0.02)
            assert members(process.pid) == {}
        finally:  # leaving the block waits for it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, told


def program(work: str, run: str = "cli.main(['work'])\n") -> list[str]:
    """Command of a program that runs a verb, the function `work` of a text."""
    begin = (
        "import atexit, os, signal, sys, threading, time, types, weakref\n"
        "from creativeml import cli, interruptions\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    )
    verb = (
        "sys.modules['working'] = working = types.SimpleNamespace(work=work)\n"
        "cli.VERBS['work'] = cli.Verb('working:work', 'work')\n"
    )
    return [sys.executable, "-c", begin + work + verb + run]


def test_what_never_ends_is_left_behind_after_a_while():
    command = program(
        "def work():\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    print('ready', flush=True)\n"
        "    threading.Event().wait()\n"
        "interruptions.PATIENCE_S = 2.0\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            process.terminate()
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 143 and told == "interrupted\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_is_loaded_to_its_end_before_a_verb_ends(tmp_path, number):
    """Interrupted half way, some abort the process, others are broken until it ends. Pressed thrice it comes once."""
    (tmp_path / "slow_library.py").write_text(
        "import time\nprint('loading', flush=True)\n"
        "for _ in range(100):\n    time.sleep(0.01)\nprint('loaded', flush=True)\n"
    )
    command = program(
        "def work():\n"
        "    import slow_library\n"
        "    try:\n"
        "        threading.Event().wait()\n"
        "    finally:\n"
        "        time.sleep(0.3)\n"
        "        print('tidied')\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "loading\n"
            for _ in range(3):
                process.send_signal(number)
                time.sleep(0.1)
            told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert told == ("loaded\ntidied\n", "interrupted\n") and process.returncode == 128 + number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("how", "finished"),
    [
        ("__del__(self): end(self)", True),
        ("__del__(self): end(self); hang()", True),
        ("__init__(self): weakref.finalize(self, end, 0)", True),
        ("__init__(self): kept.append(weakref.ref(self, end))", False),
    ],
)
def test_a_signal_in_a_finalizer_is_not_lost(how, finished, number):
    """Python swallows what is raised there; and what is left half way is not begun again."""
    command = program(
        "kept = []\n"
        "def hang():\n"
        "    interruptions.PATIENCE_S = 1.0\n"
        "    threading.Event().wait()\n"
        "def end(reference):\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    for _ in range(10): time.sleep(0.001)\n"
        "    print('finished')\n"
        "class Left:\n"
        f"    def {how}\n"
        "def work():\n"
        "    Left()\n"
        "    threading.Event().wait()\n"
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=25)
    assert (done.returncode, done.stderr) == (128 + number, "interrupted\n")
    assert done.stdout == ("finished\n" if finished else "")


@pytest.mark.parametrize(
    ("end", "code"), [("return 3", 3), ("raise SystemExit(4)", 4), ("raise ValueError", 1), ("interrupt()", 130)]
)
def test_a_process_ends_in_order_while_a_thread_computes(end, code):
    """Else the thread aborts it, or what was printed is lost."""
    command = program(
        "def interrupt():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(5)\n"
        "def finish():\n"
        "    time.sleep(0.3)\n"
        "    print('finished')\n"
        "def work():\n"
        "    import torch\n"
        "    begun, sound = threading.Event(), torch.randn(1, 1, 65_536)\n"
        "    kernel = torch.randn(1, 1, 4096)\n"
        "    def compute():\n"
        "        while True:\n"
        "            torch.nn.functional.conv1d(sound, kernel)\n"
        "            begun.set()\n"
        "    threading.Thread(target=compute, daemon=True).start()\n"
        "    threading.Thread(target=finish).start()\n"
        "    begun.wait()\n"
        "    atexit.register(print, 'tidied')\n"
        f"    {end}\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert (done.returncode, done.stdout) == (code, "finished\ntidied\n"), done.stderr
    last = {1: "ValueError", 130: "interrupted"}.get(code, "")
    assert done.stderr.strip().endswith(last) and "terminate" not in done.stderr


def test_a_further_signal_does_not_disturb_the_unwinding():
    """And one that was put off by the last that a verb does is answered all the same."""
    command = program(
        "def end():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(5)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.1)\n"
        "        print('tidied')\n"
        "class Left: pass\n"
        "def put_off():\n"
        "    left = Left()\n"
        "    weakref.finalize(left, os.kill, os.getpid(), signal.SIGTERM)\n"
        "    del left\n"
        "    return 0\n"
        "work = None\n",
        "interruptions.start_helper()\nfor working.work in (end, put_off):\n    print(cli.run(['work']))\n",
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=25)
    assert (done.returncode, done.stdout) == (0, "tidied\n143\n143\n"), done.stderr
    assert done.stderr == "interrupted\n" * 2


@pytest.mark.parametrize("whole_session", [False, True])
def test_prepare_ends_in_order_and_goes_on(tmp_path, capsys, whole_session):
    out = tmp_path / "data"
    arguments = ["prepare", str(STARTER), "--out", str(out), "--length", "8192", "--workers", "2"]
    journal = out / "prepare-journal.jsonl"
    code, told = terminated(
        arguments,
        lambda _: journal.is_file() and journal.read_bytes().count(b"\n") > 30,
        whole_session=whole_session,
    )
    assert code == 143 and told.splitlines()[-1] == "interrupted; run the same command again", told
    assert "Traceback" not in told
    text = journal.read_bytes()
    assert text.endswith(b"\n") and text.count(b"\n") > 30
    if not whole_session:  # workers that are asked to end leave what they write
        assert not list(out.rglob("*.part"))
    stored = {path: path.stat().st_mtime_ns for path in (out / "audio").rglob("*.flac")}
    assert run(arguments) == 0
    assert sum(path.stat().st_mtime_ns == when for path, when in stored.items()) > 28
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.0, 4.0])  # first while libraries are loaded
def test_describe_ends_in_order(tmp_path, capsys, after_s):
    out = tmp_path / "data"
    assert run(["prepare", str(STARTER), "--out", str(out), "--length", "8192"]) == 0
    code, told = terminated(["describe", "--data", str(out)], lambda seconds: seconds > after_s)
    assert code == 143 and told.splitlines()[-1] == "interrupted; run the same command again", told
    assert "Traceback" not in told and sorted(p.name for p in out.glob(".*")) == []


def test_map_ends_in_order_and_leaves_no_page(tmp_path):
    cache, page = tmp_path / "cache", tmp_path / "map.html"
    arguments = ["map", str(STARTER), "--out", str(page), "--cache", str(cache)]

    def listening(_: float) -> bool:
        return any(path.stat().st_size > 100_000 for path in cache.glob("*-wal"))

    code, told = terminated(arguments, listening)
    assert code == 143 and told.splitlines()[-1] == "interrupted; run the same command again", told
    assert "Traceback" not in told and not page.exists() and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("reader_gone", [False, True])
def test_a_classifier_in_training_is_kept_and_goes_on(tmp_path, capsys, reader_gone):
    """Also if who read what it says, as in `... 2>&1 | tee log`, has ended."""
    data, out = tmp_path / "data", tmp_path / "run"
    assert run(["prepare", str(STARTER), "--out", str(data), "--length", "8192"]) == 0
    arguments = ["train", "classifier", "--model", "drum_classifier", "--data", str(data), "--out", str(out)]
    arguments += ["--accelerator", "cpu", "--set", "members=1", "--batch-size", "8", "--validate-every", "2"]
    log = out / "log.jsonl"
    code, told = terminated(
        [*arguments, "--steps", "100000"],
        lambda _: log.is_file() and log.stat().st_size > 0,
        reader_gone=reader_gone,
    )
    assert code == 0, told
    step = max(int(path.stem.removeprefix("step-")) for path in (out / "checkpoints").glob("*.json"))
    assert not (out / "report.json").exists()
    if not reader_gone:
        assert told.splitlines()[-2:] == [f"stopped by SIGTERM at step {step}, which is kept", "continue with --resume"]
    assert run([*arguments, "--steps", str(step + 2), "--resume"]) == 0
    assert (out / "report.json").exists()
