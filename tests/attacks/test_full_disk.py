"""Disks that are full or read-only: one clear line, nothing half written, and what was there before stays.

Real ones: a small file system of its own where this machine lets tests mount one, a limit on the size of files that the
system keeps, and a file system mounted read-only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from creativeml.data.folders import Found, NamingRules, scan_folder
from creativeml.data.prepare import PrepareOptions, prepare_dataset
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder
from creativeml.kits.project import PadPlan, Project
from creativeml.kits.store import ProjectStore
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.request import Request

STARTER = project_folder("datasets") / "starter"
KICK, SNARE = str(STARTER / "kick" / "bd_808.flac"), str(STARTER / "snare" / "sn_dolf.flac")
BEFORE = "what was there before"
NAME = "0123456789abcdef0123456789abcdef"
# Verb, its arguments, bytes of the disk: enough to begin, too few to end.
VERBS: dict[str, tuple[Callable[[Path, Path], list[str]], int]] = {
    "prepare": (lambda disk, _: ["prepare", str(STARTER), "--out", str(disk / "data"), "--length", "8192"], 400_000),
    "generate": (
        lambda disk, _: ["generate", "--kind", "kick", "--count", "3", "--out", str(disk / "sounds")],
        300_000,
    ),
    "kit archive": (lambda disk, _: ["kit", "--out", str(disk / "kit.zip")], 300_000),
    "kit folder": (lambda disk, _: ["kit", "--out", str(disk / "kit")], 500_000),
    "map page": (lambda disk, own: ["map", str(STARTER / "tom"), "--out", str(disk / "m.html"), *cache(own)], 40_000),
    "map cache": (lambda disk, own: ["map", str(STARTER / "tom"), "--out", str(own / "m.html"), *cache(disk)], 40_000),
    "transfer": (
        lambda disk, _: ["transfer", KICK, SNARE, "--method", "spectral", "--out", str(disk / "t.wav")],
        20_000,
    ),
    "describe": (lambda disk, _: ["describe", "--data", str(disk / "data")], 0),
    "evaluate": (
        lambda disk, own: [
            *("evaluate", "drums", "--data", str(own / "data"), "--count", "2", "--resamples", "2", "--no-controls"),
            *("--out", str(disk / "report")),
        ],
        60_000,
    ),
}


def cache(folder: Path) -> list[str]:
    return ["--cache", str(folder / "cache")]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Prepared drums of two kinds."""
    found = Found([])
    for kind in ("kick", "snare"):
        part = scan_folder(STARTER / kind, kind, NamingRules("auto", "sounds", "CC0-1.0", "A"))
        found.sounds += part.sounds[:3]
    out = tmp_path_factory.mktemp("prepared") / "data"
    prepare_dataset(found, out, PrepareOptions())
    return out


@pytest.fixture
def mounted(tmp_path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system of so many bytes, and unmounts it afterwards."""
    places: list[Path] = []

    def mount(size: int, *, read_only: bool = False) -> Path:
        place = tmp_path / f"disk-{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={-(-size // 4096) * 4096}", "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a file system of its own")
        places.append(place)
        (place / "before.txt").write_text(BEFORE)
        if read_only:
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], check=True)


def run(arguments: list[str], *, most_bytes: int | None = None) -> tuple[int, list[str]]:
    """Exit code and lines of the standard error."""
    command = [sys.executable, "-m", "creativeml", *arguments]
    if most_bytes is not None:
        command = ["sh", "-c", f'ulimit -f {most_bytes // 512}; exec "$0" "$@"', *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith(("note:", "descriptor"))]


def half_written(folder: Path) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.name.startswith(".") or ".tmp" in p.name or p.suffix == ".part"]


def fill(disk: Path) -> None:
    """Until nothing more goes on it."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def told(code: int, lines: list[str], disk: Path, reason: str) -> str:
    """The one line, after a look at what is on the disk."""
    assert code == 1 and len(lines) == 1 and lines[0].startswith("error: "), lines
    assert reason in lines[0] and str(disk) in lines[0] and ";" in lines[0], lines
    assert half_written(disk) == []
    assert (disk / "before.txt").read_text() == BEFORE
    return lines[0]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "evaluate"])  # which takes a minute before
def test_a_full_disk_is_told_in_a_line_and_nothing_stays_half_written(verb, mounted, dataset, tmp_path):
    arguments, size = VERBS[verb]
    own = tmp_path / "own"
    shutil.copytree(dataset, own / "data")
    if verb == "describe":
        disk = mounted(sum(p.stat().st_size + 8192 for p in dataset.rglob("*") if p.is_file()))
        shutil.copytree(dataset, disk / "data")
        fill(disk)
    else:
        disk = mounted(size)
    print(told(*run(arguments(disk, own)), disk, "full" if verb == "map cache" else "No space left"))


@pytest.mark.parametrize("verb", ["prepare", "generate", "kit archive", "map page", "evaluate"])
def test_a_disk_that_may_only_be_read_is_told_in_a_line(verb, mounted, dataset, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(dataset, own / "data")
    disk = mounted(4096 * 4, read_only=True)
    print(told(*run(VERBS[verb][0](disk, own)), disk, "Read-only"))


def test_what_grows_beyond_what_the_system_allows_is_told_in_a_line(tmp_path):
    (tmp_path / "before.txt").write_text(BEFORE)
    arguments = VERBS["prepare"][0](tmp_path, tmp_path)
    print(told(*run(arguments, most_bytes=8192), tmp_path, "File too large"))
    # With room again, the same command goes on.
    assert run(arguments) == (0, [])
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [
        *("audio", "dataset.json", "manifest.csv", "report.json", "report.txt")
    ]


def test_a_kit_that_finds_no_room_stays_as_it_was(mounted):
    info = ModelRecord("drums", "0" * 64, "CC0-1.0")
    pads = (PadPlan("Kick", "kick", Request("kick", 7)), *[PadPlan()] * 15)
    disk = mounted(100_000)
    store = ProjectStore(disk / "kept")
    assert store.save(NAME, Project(info, pads, name="One"), 0) == 1
    fill(disk)
    for _ in range(2):
        with pytest.raises(CreativeMLError, match=r"cannot be written \(No space left on device\); make room there"):
            store.save(NAME, Project(info, pads, name="Two"), 1)
    found = ProjectStore(disk / "kept").open(NAME)
    assert found.revision == 1 and found.project.name == "One" and found.notes == ()
    assert half_written(disk) == []
    (disk / "filler").unlink()
    assert store.save(NAME, Project(info, pads, name="Two"), 1) == 2
