"""Atomic writing: a failure leaves the old file, and no litter."""

import json
import subprocess
import sys
import time

import pytest

from creativeml.files import (
    atomic_path,
    atomic_write_json,
    atomic_write_text,
    project_folder,
    sha256_bytes,
    sha256_file,
)


def test_failure_keeps_the_old_content_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "a.txt"
    atomic_write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range"):
        atomic_write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_hashes_agree(tmp_path):
    (tmp_path / "a").write_bytes(b"abc" * 1_000_000)
    assert sha256_file(tmp_path / "a") == sha256_bytes(b"abc" * 1_000_000)


def test_folders_that_travel_with_the_package_are_found():
    assert (project_folder("datasets") / "starter" / "manifest.csv").is_file()
    assert (project_folder("apps") / "drum_generator.py").is_file()


WRITER = """
import sys
from creativeml.files import atomic_write_json
n = 0
while True:
    n += 1
    atomic_write_json(sys.argv[1], {"n": n, "text": "x" * 200_000})
    if n == 1:
        print("ready", flush=True)
"""


def test_killed_while_writing_the_file_is_whole(tmp_path):
    path = tmp_path / "state.json"
    for pause in (0.0, 0.013, 0.029, 0.05):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == b"ready\n"
                time.sleep(pause)
            finally:
                process.kill()
        state = json.loads(path.read_text())
        assert state["n"] >= 1 and len(state["text"]) == 200_000
