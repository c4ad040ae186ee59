"""Files that can be asked for again, within their bounds."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def store(apps_folder, tmp_path):
    return importlib.import_module("_shared.store").FileStore(tmp_path / "store", 3, 250)


def names(store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_what_is_used_stays_and_the_oldest_goes(store):
    for name in "abc":
        store.place(f"{name}.wav", bytes(100))
    assert names(store) == ["b.wav", "c.wav"] and store.find("a.wav") is None
    found = store.find("b.wav")
    assert found["orig_name"] == "b.wav" and Path(found["path"]).read_bytes() == bytes(100)
    store.place("d.wav", bytes(100))  # b was asked for last, so c goes
    assert names(store) == ["b.wav", "d.wav"]
    store.place("large.wav", bytes(1000))  # the newest always stays
    assert names(store) == ["large.wav"]


def test_so_many_stay(store):
    for name in "abcd":
        store.place(f"{name}.wav", b"x")
    assert names(store) == ["b.wav", "c.wav", "d.wav"]


def test_only_its_own_files_are_found_or_dropped(store):
    store.place("a.wav", b"x")
    (store.folder.parent / "other.wav").write_bytes(b"y")
    assert store.find("../other.wav") is None
    store.drop("../other.wav")
    assert (store.folder.parent / "other.wav").is_file()
    store.drop("a.wav")
    assert names(store) == [] and store.find("a.wav") is None
    store.drop("a.wav")
