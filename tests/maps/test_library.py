"""What is found in a folder: kinds from names alone where names speak of a drum, and nothing dropped in silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.cli.map import map_
from creativeml.errors import CreativeMLError
from creativeml.maps.library import read_library
from creativeml.maps.make import MapOptions, make_map
from creativeml.maps.survey import survey

from .conftest import starter_files


def test_names_of_files_and_folders_say_the_kind_and_other_folders_do_not(tmp_path):
    (kick,) = starter_files("kick", 1)
    for name in ("Snares/a.flac", "Vengeance Vol 2/b.flac", "Vengeance Vol 2/HH open 3.flac", "c.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(kick, tmp_path / name)
    (tmp_path / "notes.txt").write_text("no sound")
    library = read_library(tmp_path)
    found = {file.name: file.kind for file in library.files}
    assert found == {
        "Snares/a.flac": "snare",
        "Vengeance Vol 2/b.flac": None,
        "Vengeance Vol 2/HH open 3.flac": "hat_open",
        "c.flac": None,
    }
    assert library.ignored == 1


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "there is no such folder"), ("empty", "no audio files")])
def test_a_folder_that_cannot_be_mapped_is_named(tmp_path, name, reason):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CreativeMLError, match=reason):
        read_library(tmp_path / name)


def test_a_name_that_is_no_text_is_mapped_and_its_address_leads_to_it(tmp_path, cache):
    (kick,) = starter_files("kick", 1)
    name = b"kick \xff.flac"
    try:
        shutil.copy(kick, os.path.join(os.fsencode(tmp_path), name))  # noqa: PTH118
    except (OSError, UnicodeError):
        pytest.skip("this file system knows text only")
    out = tmp_path / "map.html"
    for _ in range(2):
        made = make_map(tmp_path, out, MapOptions(cache=cache), lambda *step: None)
        assert made["sounds"] == 1
    assert '"addresses":{"0":"kick%20%FF.flac"}' in out.read_text(encoding="utf-8")


def test_a_library_whose_own_name_is_no_text_is_mapped(tmp_path, cache, capsys):
    (kick,) = starter_files("kick", 1)
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/lib \xff"))
    try:
        root.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system knows text only")
    with pytest.raises(CreativeMLError, match="lib \N{REPLACEMENT CHARACTER}: no audio files"):
        read_library(root)
    shutil.copy(kick, root / "kick.flac")
    out = root / "map.html"
    # As a program: what it prints has to be text as well.
    assert map_(root, out=out, cache=cache) == 0
    assert f"lib \N{REPLACEMENT CHARACTER}{os.sep}map.html: 1 sounds" in capsys.readouterr().out
    made = make_map(root, tmp_path / "map.html", MapOptions(cache=cache), lambda *step: None)
    assert made["sounds"] == 1
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "<title>Map of lib \N{REPLACEMENT CHARACTER}</title>" in page
    assert '"base":"./lib%20%FF/"' in page


def test_what_cannot_be_read_is_named_with_its_reason_every_time(tmp_path, store):
    (kick,) = starter_files("kick", 1)
    shutil.copy(kick, tmp_path / "good.flac")
    whole = kick.read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut again.flac").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "empty.wav").touch()
    soundfile.write(tmp_path / "silent.wav", np.zeros(5000), 44100)
    soundfile.write(tmp_path / "short.wav", np.ones(40) * 0.5, 44100)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    for _ in range(2):  # measured, and known from before
        library = read_library(tmp_path)
        (sound,) = survey(library, store, on_step=lambda *step: None)
        assert sound.file.name == "good.flac"
        reasons = {refused.name: refused.reason for refused in library.refused}
        assert list(reasons) == sorted({path.name for path in tmp_path.iterdir()} - {"good.flac"})
        for name, word in {
            "cut.flac": "cannot be decoded",
            "cut again.flac": "cannot be decoded",
            "text.wav": "not an audio",
            "empty.wav": "empty",
            "silent.wav": "silent",
            "short.wav": "too short",
            "pipe.wav": "pipe",
            "link.wav": "link to nowhere",
        }.items():
            assert word in reasons[name]
        assert all(refused.remedy for refused in library.refused)
