"""What is found in a folder: sounds with kind and group, files passed over, files refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from creativeml.audio.io import write_wav
from creativeml.data.folders import Found, NamingRules, scan_folder
from creativeml.data.gather import folder_of, gather
from creativeml.data.listed import read_manifest, scan_listed
from creativeml.errors import CreativeMLError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(root / name, np.array([0.0, 0.5]), 44_100)
    return root


def kinds(found: Found) -> dict[str, str | None]:
    return {s.name.partition("/")[2]: s.kind for s in found.sounds}


def groups(found: Found) -> dict[str, str]:
    return {s.name.partition("/")[2]: s.group for s in found.sounds}


def test_kinds_from_folders_names_and_both(tmp_path):
    touch(
        tmp_path,
        "Kicks/Boom.wav",
        "Kicks/Deep/a snare-like kick.wav",
        "Hats/Open/01.wav",
        "Hats/HH open 2.wav",
        "Hats/x.wav",
        "TR-808/BD.wav",
        "TR-808/SD.wav",
        "TR-808/mystery.wav",
        "Percussion/Cowbell.wav",
        "Percussion/thing.wav",
        "Glitch Art/one.wav",
        "Unlabelled/kick.wav",
        "Snare 1.wav",
        "odd.wav",
    )
    auto = kinds(scan_folder(tmp_path, "pack", NamingRules()))
    assert auto == {
        "Kicks/Boom.wav": "kick",
        "Kicks/Deep/a snare-like kick.wav": "kick",
        "Hats/Open/01.wav": "hat_open",
        "Hats/HH open 2.wav": "hat_open",
        "Hats/x.wav": "hat_closed",
        "TR-808/BD.wav": "kick",
        "TR-808/SD.wav": "snare",
        "TR-808/mystery.wav": None,
        "Percussion/Cowbell.wav": "cowbell",
        "Percussion/thing.wav": "perc",
        "Glitch Art/one.wav": "glitch_art",
        "Unlabelled/kick.wav": "kick",
        "Snare 1.wav": "snare",
        "odd.wav": None,
    }
    by_folder = kinds(scan_folder(tmp_path, "pack", NamingRules(kinds_from="folder")))
    assert by_folder["TR-808/BD.wav"] == "tr_808" and by_folder["Snare 1.wav"] is None
    assert by_folder["Unlabelled/kick.wav"] is None
    by_name = kinds(scan_folder(tmp_path, "pack", NamingRules(kinds_from="filename")))
    assert by_name["Kicks/Boom.wav"] is None and by_name["TR-808/BD.wav"] == "kick"


def test_the_folders_own_name_tells_the_kind_of_what_lies_in_it(tmp_path):
    root = touch(tmp_path / "My Claps", "a.wav", "b.wav")
    assert set(kinds(scan_folder(root, "claps", NamingRules())).values()) == {"clap"}


def test_layers_and_takes_of_one_drum_are_one_group(tmp_path):
    touch(tmp_path, *(f"snare/Maple_v{v}_rr{r}.wav" for v in (1, 64, 127) for r in (1, 2)), "snare/Brass_v1.wav")
    touch(tmp_path, "kick/Maple_v1.wav")
    assert sorted(set(groups(scan_folder(tmp_path, "pack", NamingRules())).values())) == [
        "pack/kick/maple",
        "pack/snare/brass",
        "pack/snare/maple",
    ]


def test_numbers_are_takes_until_one_drum_would_be_most_of_a_kind(tmp_path):
    touch(tmp_path, *(f"kick/Kick {n:02}.wav" for n in range(12)))
    touch(tmp_path, *(f"snare/{name} {n}.wav" for name in ("wood", "steel", "brass") for n in (1, 2)))
    found = scan_folder(tmp_path, "pack", NamingRules())
    by_name = groups(found)
    assert len({g for n, g in by_name.items() if n.startswith("kick")}) == 12
    assert len({g for n, g in by_name.items() if n.startswith("snare")}) == 3
    assert len(found.notes) == 1 and "kick" in found.notes[0] and "--numbers takes" in found.notes[0]
    takes = scan_folder(tmp_path, "pack", NamingRules(numbers="takes"))
    assert len(set(groups(takes).values())) == 4 and not takes.notes
    assert len(set(groups(scan_folder(tmp_path, "pack", NamingRules(numbers="sounds"))).values())) == 18


def test_what_is_not_meant_as_sound_is_passed_over_by_name(tmp_path):
    touch(tmp_path, "kick.wav", "sound without ending", "__MACOSX/kick.wav")
    (tmp_path / "readme.txt").write_text("words")
    (tmp_path / "._kick.wav").write_bytes(b"\0\5\x16\7")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "folder.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere")
    found = scan_folder(tmp_path, "pack", NamingRules())
    assert [s.name for s in found.sounds] == ["pack/gone.wav", "pack/kick.wav", "pack/sound without ending"]
    assert {r.name for r in found.ignored} == {
        "pack/readme.txt",
        "pack/._kick.wav",
        "pack/__MACOSX",
        "pack/linked",
    }
    assert [r.name for r in found.rejected] == ["pack/folder.wav"]


def manifest(root: Path, *lines: str) -> list[dict[str, str]]:
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = read_manifest(root / "manifest.csv")
    assert rows is not None
    return rows


def test_a_manifest_says_it_all(tmp_path):
    touch(tmp_path, "oneshots/kick/a.wav", "oneshots/b.wav", "c.wav", "unlisted.wav", "audio/Snare v1.wav")
    rows = manifest(
        tmp_path,
        "path,class,group,licence,tier,source,credit",
        "kick/a.wav,kick,g1,CC0-1.0,A,somebody,Jane",
        "b.wav,unlabelled,g2,GPL-2,G,other,",
        "c.wav,My Noises,,,,,",
        "../outside.wav,kick,g,,,,",
        "lost.wav,kick,g,,,,",
    )
    touch(tmp_path.parent, "outside.wav")
    found = scan_listed(tmp_path, "set", rows, NamingRules(licence="CC-BY-4.0", tier="A"))
    first, second, third = found.sounds
    assert (first.kind, first.group, first.licence, first.tier) == ("kick", "g1", "CC0-1.0", "A")
    assert (first.source, first.credit, first.name) == ("somebody", "Jane", "set/kick/a.wav")
    assert second.kind is None and second.tier == "G"
    assert (third.kind, third.group, third.licence) == ("my_noises", "set/c", "CC-BY-4.0")
    assert [r.name for r in found.rejected] == ["set/../outside.wav", "set/lost.wav"]
    assert {r.name for r in found.ignored} == {"set/unlisted.wav", "set/audio/Snare v1.wav"}


def test_without_a_class_column_names_tell_the_kind(tmp_path):
    touch(tmp_path, "Snare v1.wav")
    assert (
        scan_listed(tmp_path, "set", manifest(tmp_path, "path", "Snare v1.wav"), NamingRules()).sounds[0].kind
        == "snare"
    )


def test_some_other_table_is_not_a_manifest_and_a_broken_one_is_an_error(tmp_path):
    (tmp_path / "manifest.csv").write_text("name,price\nhammer,3\n")
    assert read_manifest(tmp_path / "manifest.csv") is None
    (tmp_path / "manifest.csv").write_bytes(b"path\n\xff\xfe\xff")
    with pytest.raises(CreativeMLError, match="cannot be read as a table"):
        read_manifest(tmp_path / "manifest.csv")


def test_sources_are_folders_recipes_or_a_plain_error(tmp_path, monkeypatch):
    touch(tmp_path, "pack/kick.wav", "other/pack/kick.wav")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    found = gather(["pack", "other/pack"], NamingRules(), tmp_path / "cache", print)
    assert [s.name for s in found.sounds] == ["pack/kick.wav", "pack-2/kick.wav"]
    assert folder_of("sonic_pi_samples") is None
    starter = folder_of("starter")
    assert starter is None or (starter / "manifest.csv").is_file()
    for name, said in (
        ("nowhere", "no such folder"),
        ("pack/kick.wav", "is a file"),
        ("empty", "no audio files"),
    ):
        with pytest.raises(CreativeMLError, match=said):
            gather([name], NamingRules(), tmp_path / "cache", print)
