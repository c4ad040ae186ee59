"""Files on their way to a page, within their bounds; some are asked for again."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

import pytest


@pytest.fixture
def shelf(apps_folder, tmp_path):
    return importlib.import_module("_shared.shelf").FileShelf(tmp_path / "shelf", 3, 250)


def names(shelf) -> list[str]:
    return sorted(path.name for path in shelf.folder.rglob("*") if path.is_file())


def test_what_is_used_stays_and_the_oldest_goes(shelf):
    for name in "abc":
        shelf.place(f"{name}.wav", name.encode() * 100)
    assert names(shelf) == ["b.wav", "c.wav"] and shelf.find("a.wav") is None
    found = shelf.find("b.wav")
    assert found["orig_name"] == "b.wav" and Path(found["path"]).read_bytes() == b"b" * 100
    shelf.place("d.wav", bytes(100))  # b was asked for last, so c goes
    assert names(shelf) == ["b.wav", "d.wav"]
    shelf.place("b.wav", b"b" * 100)  # placed again, so d goes next
    shelf.place("e.wav", b"e" * 100)
    assert names(shelf) == ["b.wav", "e.wav"]
    shelf.place("large.wav", bytes(1000))  # the newest always stays
    assert names(shelf) == ["large.wav"] and len(list(shelf.folder.iterdir())) == 1


def test_so_many_stay(shelf):
    for name in "abcd":
        shelf.place(f"{name}.wav", b"x")
    assert names(shelf) == ["b.wav", "c.wav", "d.wav"]


def test_only_its_own_files_are_found_or_dropped(shelf):
    shelf.place("a.wav", b"x")
    (shelf.folder.parent / "other.wav").write_bytes(b"y")
    assert shelf.find("../other.wav") is None
    shelf.drop("../other.wav")
    assert (shelf.folder.parent / "other.wav").is_file()
    shelf.drop("a.wav")
    assert names(shelf) == [] and shelf.find("a.wav") is None
    shelf.drop("a.wav")


def test_files_of_one_name_do_not_meet_and_the_newest_is_found(shelf):
    first, second = shelf.place("a.wav", b"1"), shelf.place("a.wav", b"2")
    assert [Path(file["path"]).read_bytes() for file in (first, second)] == [b"1", b"2"]
    assert shelf.find("a.wav") == second
    shelf.drop("a.wav")
    assert Path(first["path"]).is_file() and not Path(second["path"]).exists()


def test_a_file_that_somebody_removed_is_written_again(shelf):
    path = Path(shelf.place("a.wav", b"1")["path"])
    path.unlink()
    assert shelf.find("a.wav") is None
    assert Path(shelf.place("a.wav", b"1")["path"]).read_bytes() == b"1"


def test_many_at_once_leave_whole_files_within_the_bounds(shelf):
    failed = []

    def work(turn: int) -> None:
        for number in range(100):
            try:
                shelf.place(f"{(number + turn) % 7}.wav", b"%d" % (number % 5) * 60)
            except OSError as error:
                failed.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and 1 <= len(names(shelf)) <= 3 and not list(shelf.folder.rglob("*.part"))
