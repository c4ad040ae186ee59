"""SIGTERM and Ctrl-C in trainings: all processes agree, what was ignored stays so, nobody need read what is said."""

import os
import signal
import sys
from pathlib import Path

import pytest
from lightning_fabric import Fabric

from creativeml.training.recorder import tell
from creativeml.training.stopping import Stoppable
from tests.training.small_runs import finish_in_two_processes

SCRIPT = Path(__file__).parent / "asked_in_two_processes.py"


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def test_processes_agree_when_a_signal_comes_to_one_that_waits_for_the_other(tmp_path):
    finish_in_two_processes(SCRIPT, tmp_path)
    told = [(tmp_path / f"{rank}.txt").read_text(encoding="utf-8") for rank in (0, 1)]
    assert told == ["[False, True] SIGTERM"] * 2


def test_a_second_ctrl_c_ends_at_once_and_handlers_are_put_back(fabric):
    mine = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with pytest.raises(KeyboardInterrupt), Stoppable() as stop:
            assert not stop.asked(fabric)
            signal.raise_signal(signal.SIGINT)
            assert stop.asked(fabric) and stop.by == "SIGINT"
            signal.raise_signal(signal.SIGINT)
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    finally:
        signal.signal(signal.SIGINT, mine)


def test_a_ctrl_c_that_is_ignored_stays_so(fabric):
    mine = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stoppable() as stop:
            signal.raise_signal(signal.SIGINT)
            assert not stop.asked(fabric)
            signal.raise_signal(signal.SIGTERM)
            assert stop.asked(fabric) and stop.by == "SIGTERM"
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, mine)


def test_what_nobody_reads_stops_no_training(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    nobody = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stderr", nobody)
    tell("x" * 100_000)
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        nobody.close()


def test_what_cannot_be_said_in_the_middle_of_a_write_stops_no_training(monkeypatch):
    reading, writing = os.pipe()
    slow = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", slow)
    before = signal.signal(signal.SIGALRM, lambda number, frame: (tell("again"), os.read(reading, 1 << 20)))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
        tell("x" * 200_000)  # more than a pipe holds, so that this waits until the handler has read
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    monkeypatch.undo()
    slow.close()
    os.close(reading)
