"""Kept projects: two writers, damaged files, what is cleared away, and what is not."""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kits import project as projects
from creativeml.kits import store as stores
from creativeml.kits.archive import read_archive, zip_bytes
from creativeml.kits.project import PadPlan, Project, project_file, read_project_file
from creativeml.kits.store import ProjectStore
from creativeml.kits.wave import plain_wav, wav_of
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.request import Request

NAME = "0123456789abcdef0123456789abcdef"
DAY = 86400


@pytest.fixture
def store(tmp_path) -> ProjectStore:
    return ProjectStore(tmp_path / "kept")


@pytest.fixture
def plain() -> Project:
    pads = (PadPlan("Kick", "kick", Request("kick", 7)), *[PadPlan()] * 15)
    return Project(ModelRecord("drums", "0" * 64, "CC0-1.0"), pads)


def hit(recording: np.ndarray, turn: int = 0) -> bytes:
    return wav_of(recording[: 4001 + turn], 44100)


def playing(plain: Project, own: str) -> Project:
    return replace(plain, pads=(PadPlan("Mine", "snare", own=own), *plain.pads[1:]))


def aged(path, days: float) -> None:
    when = time.time() - days * DAY
    os.utime(path, (when, when))


def test_of_many_who_save_at_once_one_wins(store, plain):
    store.save(NAME, plain, 0)
    told, start = [], threading.Barrier(8)

    def save(number: int) -> None:
        start.wait()
        try:
            told.append(store.save(NAME, replace(plain, name=f"Kit {number}"), 1))
        except CreativeMLError as error:
            told.append(str(error))

    threads = [threading.Thread(target=save, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count(2) == 1
    assert all(text.startswith("This kit was changed in another window") for text in told if text != 2)
    assert store.open(NAME).revision == 2


def test_projects_of_the_first_days_are_read(store, plain):
    store.save(NAME, plain)
    path = store.folder / f"{NAME}.json"
    values = json.loads(path.read_text())
    del values["revision"]
    path.write_text(json.dumps(values))
    found = store.open(NAME)
    assert found.project == plain and found.revision == 0 and found.notes == ()
    assert store.save(NAME, plain, 0) == 1


def test_a_save_after_damage_leaves_the_sound_copy_alone(store, plain):
    for number in range(3):
        store.save(NAME, replace(plain, name=f"Kit {number}"), number)
    path = store.folder / f"{NAME}.json"
    path.write_bytes(b"{")
    # The page that has the kit open goes on: what it was told of is gone, so it is asked.
    with pytest.raises(CreativeMLError, match=r"^This kit was changed in another window"):
        store.save(NAME, replace(plain, name="Later"), 3)
    assert store.open(NAME).project.name == "Kit 1" and store.open(NAME).revision == 2
    assert store.save(NAME, replace(plain, name="Later"), -1) == 3
    path.write_bytes(b"{")
    assert store.open(NAME).project.name == "Kit 1"


def test_recordings_are_not_read_to_save(store, plain, recording, monkeypatch):
    mine = playing(plain, store.keep(hit(recording)))
    monkeypatch.setattr(store, "recording", lambda name: pytest.fail("read"))
    store.save(NAME, mine)
    assert store.open(NAME).project == mine


def test_only_old_recordings_that_nobody_names_are_cleared_away(store, plain, recording):
    played, before, damaged, lost, young, again = (store.keep(hit(recording, turn)) for turn in range(6))
    store.save(NAME, playing(plain, before))
    store.save(NAME, playing(plain, played))
    (store.folder / f"{'a' * 32}.damaged-1").write_text(f'{{"own": "{damaged}", "cut sho')
    for name in (played, before, damaged, lost, again):
        aged(store._recording(name), 8)
    aged(store._recording(young), 6)
    store.keep(hit(recording, 5))  # put in again just now
    begun = ProjectStore(store.folder)
    assert {name for name in (played, before, damaged, lost, young, again) if not begun.has(name)} == {lost}
    assert begun._bytes == sum(len(begun.recording(name)) for name in (played, before, damaged, young, again))


def test_only_old_projects_make_room_and_only_beyond_the_bound(store, plain, monkeypatch):
    names = [f"{number:032x}" for number in range(5)]
    for number, name in enumerate(names):
        store.save(name, plain)
        store.save(name, plain)
        aged(store.folder / f"{name}.json", 100 - 25 * number)
    monkeypatch.setattr(stores, "MOST_PROJECTS", 5)
    assert all(ProjectStore(store.folder).open(name) for name in names)
    store.save("f" * 32, plain)  # only one of them is three months old
    assert [store.open(name) is not None for name in names] == [False, True, True, True, True]
    assert not (store.folder / f"{names[0]}.before").exists()
    with pytest.raises(CreativeMLError, match="holds 5 kits, which is the most"):
        store.save("e" * 32, plain)
    store.save(names[1], plain)  # one that is there may always change


def test_recordings_of_a_project_file_are_checked_before_any_is_kept(plain, recording, monkeypatch):
    good = hit(recording)
    data = project_file(playing(plain, sha256_bytes(good)), lambda name: good)
    assert read_project_file(data, "mine")[1] == {sha256_bytes(good): good}

    def with_recording(wav: bytes) -> bytes:
        files = read_archive(data)
        text = files["project.json"].replace(sha256_bytes(good).encode(), sha256_bytes(wav).encode())
        return zip_bytes({"project.json": text, f"recordings/{sha256_bytes(wav)}.wav": wav})

    rate = struct.pack("<I", 44100)
    wrong = {
        "not a wav": b"<html>" * 100,
        "16 bits": good.replace(struct.pack("<HH", 3, 24), struct.pack("<HH", 2, 16)),
        "more in it": good + b"evil" + struct.pack("<I", 4) + b"data",
        "its rate": plain_wav(good.replace(rate, struct.pack("<I", 300), 1)),
        "longer than": wav_of(np.zeros(8000 * 61, np.float32), 8000),
        "without samples": good[:44],
    }
    for reason, wav in wrong.items():
        with pytest.raises(CreativeMLError, match=reason) as caught:
            read_project_file(with_recording(wav), "theirs.cmlproject")
        assert str(caught.value).startswith("theirs.cmlproject") and "\n" not in str(caught.value)
    monkeypatch.setattr(projects, "MOST_RECORDED", len(good) - 1)
    with pytest.raises(CreativeMLError, match="of recordings; it is refused"):
        read_project_file(data, "mine")
