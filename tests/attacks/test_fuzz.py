"""A few of the cases of `fuzz.py`, which are the same every time; and the watchdog itself, by cases that must fail."""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("needs /proc, fork and limits of addresses", allow_module_level=True)

import fuzz
from watched import MOST_BYTES, Case, Watched

from creativeml.errors import CreativeMLError


def test_mutated_files_become_sounds_or_one_line(capfd):
    status = fuzz.main(
        ["--audio", "400", "--models", "40", "--projects", "40", "--kits", "40", "--foreign", "40", "--seed", "7"]
    )
    said = capfd.readouterr().out
    assert status == 0, said
    counted = next(line for line in said.splitlines() if line.startswith("all ")).split()
    # Not everything is refused: what is still a sound is read.
    assert counted[1] == "560" and int(counted[2]) > 60 and int(counted[3]) > 250


def test_a_case_is_the_same_whenever_it_is_drawn():
    cases = fuzz.AREAS["audio"]()
    assert fuzz.draw("audio", 11, 3, cases).files == fuzz.draw("audio", 11, 3).files
    assert fuzz.draw("audio", 11, 3, cases).files != fuzz.draw("audio", 12, 3, cases).files


def refusal(folder):
    raise CreativeMLError(f"{folder}: refused")


def multi(folder):
    raise CreativeMLError(f"{folder}: " + "long " * 200)


def unnamed(folder):
    raise CreativeMLError("something is wrong somewhere")


def busy(folder):
    begun = time.process_time()
    while time.process_time() - begun < 0.7:
        pass


def endless(folder):
    while True:
        pass


def hungry(folder):
    return bytearray(b"x" * (MOST_BYTES + (64 << 20)))


FAULTS = {
    "crashed: SIGSEGV": lambda folder: os.kill(os.getpid(), signal.SIGSEGV),
    "left with exit code 3": lambda folder: os._exit(3),
    "KeyError": lambda folder: {}["x"],
    "MiB beyond": hungry,
    "a line of": multi,
    "does not name": unnamed,
    "MemoryError": lambda folder: bytearray(1 << 40),
}


def test_every_kind_of_fault_is_seen_and_belongs_to_its_case(monkeypatch):
    """Or a fuzz without faults would prove nothing."""
    acts = [refusal, *FAULTS.values(), busy, lambda folder: time.sleep(60), endless, refusal]

    def cases(rng: random.Random) -> Case:
        number = next(numbers)
        return Case("fault", str(number), {}, acts[number])

    verdicts = []
    for place in range(len(acts)):
        numbers = iter([place])
        short = len(FAULTS) < place < len(acts) - 1
        monkeypatch.setattr("watched.MOST_SECONDS", 0.5 if short else 5.0)
        monkeypatch.setattr("watched.MOST_WAIT", 3.0 if place == len(acts) - 3 else 60.0)
        verdicts += Watched(cases, "x", 0).run(range(place, place + 1))
    assert [v.kind for v in verdicts] == ["refused", *["FAULT"] * (len(acts) - 2), "refused"]
    for verdict, said in zip(
        verdicts[1:], (*FAULTS, "0.7 s", "hung: no answer after 0.", "hung: no answer after 1."), strict=False
    ):
        assert said in verdict.line
