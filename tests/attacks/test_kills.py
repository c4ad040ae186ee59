"""A few of the kills of kill_prepare.py and kill_autosave.py; each of them also runs by itself, a hundred times."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds children in /proc")


@pytest.fixture(scope="module", autouse=True)
def programs() -> Iterator[None]:
    """They are scripts, and import each other as such."""
    sys.path.insert(0, str(Path(__file__).parent))
    yield
    sys.path.remove(str(Path(__file__).parent))


def test_a_preparation_killed_at_random_moments_ends_in_the_bytes_of_a_quiet_one(tmp_path):
    outcome = importlib.import_module("kill_prepare").kill_prepare(3, 1, 101, tmp_path)
    assert outcome.faults == [] and outcome.kills == 3 and outcome.rounds >= 1


def test_a_kit_survives_writers_that_are_killed_while_they_save(tmp_path):
    program = importlib.import_module("kill_autosave")
    outcome = program.kill_autosave(5, 0, 1, tmp_path)
    program.clear(tmp_path, outcome)
    assert outcome.faults == [] and outcome.kills == 5 and outcome.acknowledged > 5


def test_a_kit_survives_a_studio_that_is_killed_while_it_saves(tmp_path):
    pytest.importorskip("gradio", reason="needs the pages: pip install 'creativeml[apps]'")
    outcome = importlib.import_module("kill_autosave").kill_autosave(1, 1, 3, tmp_path)
    assert outcome.faults == [] and outcome.acknowledged >= 1
