"""Tar shards of the starter pack: what is in them, that they are read as the folder is, and what is refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from creativeml.cli import run
from creativeml.data import shard_reader
from creativeml.data.one_shots import DatasetError, OneShotDataset
from creativeml.data.samplers import ClassBalancedSampler, sampling_classes
from creativeml.data.shard_format import MEMBER, Entry, Shard, write_index, write_shard
from creativeml.data.shard_reader import ShardedOneShots, kinds_at, open_sounds
from creativeml.data.shards import write_shards
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes

LENGTH = 8192
PREPARE = ("prepare", "starter", "--length", str(LENGTH), "--shards")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "data"
    assert run([*PREPARE, "--shard-sounds", "10", "--out", str(out)]) == 0
    return out


@pytest.fixture
def copied(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "data")


def shards_of(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "shards").iterdir())}


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_sounds_are_those_of_the_folder_to_the_bit(made, split):
    folder, shards = OneShotDataset(made, split), open_sounds(made, split)
    assert isinstance(shards, ShardedOneShots)
    assert len(shards) == len(folder) and shards.kinds == folder.kinds == kinds_at(made)
    assert shards.fingerprints() == folder.fingerprints()
    place = {row["sha256"][:12]: n for n, row in enumerate(folder.rows)}
    order = [place[member["fingerprint"].tobytes().hex()] for member in shards._members]
    assert sorted(order) == list(range(len(folder)))
    sounds, labels = shards.batch(range(len(shards)))
    expected, expected_labels = folder.batch(order)
    assert torch.equal(sounds, expected) and torch.equal(labels, expected_labels)
    some = shards.subset([3, 0, 1])
    assert torch.equal(some.batch([0, 2])[0], sounds[[3, 1]]) and some.labels.tolist() == labels[[3, 0, 1]].tolist()


def test_kinds_can_be_chosen_as_from_the_folder(made):
    chosen = open_sounds(made, "train", ("snare", "kick"))
    folder = OneShotDataset(made, "train", ("snare", "kick"))
    assert torch.equal(chosen.labels.bincount(), folder.labels.bincount()) and chosen.kinds == ("snare", "kick")
    assert chosen.fingerprints() == folder.fingerprints()
    with pytest.raises(DatasetError, match="no kind 'gong'"):
        open_sounds(made, "train", ("gong",))


def test_the_webdataset_library_reads_them(made):
    webdataset = pytest.importorskip("webdataset", reason="needs webdataset: pip install webdataset")
    names = sorted(str(path) for path in (made / "shards").glob("train-*.tar"))
    found = {}
    for sample in webdataset.WebDataset(names, shardshuffle=False, empty_check=False):
        about = json.loads(sample["json"])
        assert sha256_bytes(sample["flac"]) == about["sha256"]
        assert f"-{about['class']}-" in sample["__url__"]
        found[about["sha256"]] = about, sample["flac"]
    rows = {row["sha256"]: row for row in OneShotDataset(made, "train").rows}
    assert found.keys() == rows.keys()
    for key, (about, flac) in found.items():
        for name in ("class", "group", "original_path", "licence", "credit"):
            assert about.get(name, "") == rows[key][name]
        assert about["duration_s"] == float(rows[key]["duration_s"])
        stored, _ = soundfile.read(made / rows[key]["path"], dtype="int32")
        assert np.array_equal(soundfile.read(io.BytesIO(flac), dtype="int32")[0], stored)


def test_descriptors_travel_with_the_sounds(copied):
    from creativeml.data.descriptor_table import TABLE, describe_dataset

    # The validation split alone, as measuring takes a while.
    manifest = copied / "manifest.csv"
    head, *lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if ",validation," in line][:4]
    manifest.write_text("".join([head, *kept]), encoding="utf-8")
    describe_dataset(copied)
    assert (copied / TABLE).is_file()
    packed = write_shards(copied)
    abouts = []
    for path in packed.folder.glob("*.tar"):
        with tarfile.open(path) as tar:
            abouts += [json.load(tar.extractfile(m)) for m in tar if m.name.endswith(".json")]
    assert len(abouts) == packed.sounds > 1 and all(about["descriptors"]["brightness"] > 0 for about in abouts)
    assert {p.name.split("-")[0] for p in packed.folder.glob("*.tar")} == {"validation"}, "the old ones are gone"


def test_one_kind_a_shard_plain_members_and_equal_bytes_each_time(made, copied):
    for path in (made / "shards").glob("*.tar"):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            kinds = {json.load(tar.extractfile(m))["class"] for m in members if m.name.endswith(".json")}
        assert len(kinds) == 1 and len(members) <= 20
        for member in members:
            assert member.isreg() and member.mtime == member.uid == member.gid == 0 and member.uname == ""
    before = shards_of(copied)
    shutil.rmtree(copied / "shards")
    write_shards(copied, 10)
    assert shards_of(copied) == before


def test_each_sound_once_in_a_pass_whatever_the_shares(made):
    data = open_sounds(made, "train")
    for shares in ("equal", "root", "data"):
        classes = sampling_classes(data.labels, shares, in_stretches=True)
        sampler = ClassBalancedSampler(classes, 6, 1, blocks=data.blocks())
        times = np.zeros(len(data), int)
        for batch in islice(sampler, 200):
            np.add.at(times, batch, 1)
            for label in np.unique(classes):
                assert np.ptp(times[classes == label]) <= 1


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_read_ahead_are_the_sampler_s_and_a_return_is_noticed(made, threads, monkeypatch):
    monkeypatch.setattr(shard_reader, "_threads", lambda: threads)
    data = open_sounds(made, "train")
    one, two, plain = (ClassBalancedSampler(data.labels, 7, 3, blocks=data.blocks()) for _ in range(3))
    for _ in range(5):
        assert torch.equal(data.draw(one)[0][0], data.batch(next(plain))[0])
    state = one.state_dict()
    for _ in range(3):
        data.draw(one)
    one.load_state_dict(state)
    two.load_state_dict(json.loads(json.dumps(state)))
    for _ in range(3):
        indices = next(two)
        [(sounds, labels)] = data.draw(one)
        assert torch.equal(sounds, data.batch(indices)[0]) and torch.equal(labels, data.labels[indices])
    data.close()


@pytest.mark.parametrize("shared", [((0,), (1,), (2,)), ((0, 1, 2),), ((0,), (1, 2))])
def test_replicas_draw_different_sounds_however_processes_share_them(made, shared):
    data = [open_sounds(made, "train") for _ in shared]
    classes = sampling_classes(data[0].labels, "data")
    own = [ClassBalancedSampler(classes, 6, 0, replicas=3, blocks=one.blocks()) for one in data]
    alone = ClassBalancedSampler(classes, 6, 0, blocks=data[0].blocks())
    heard: Counter[int] = Counter()
    for _ in range(len(data[0]) // 18):
        for one, sampler, places in zip(data, own, shared, strict=True):
            drawn = one.draw(sampler, places)
            assert len(drawn) == len(places)
            for sounds, labels in drawn:
                expected = next(alone)
                heard.update(expected)
                assert torch.equal(sounds, one.batch(expected)[0]) and torch.equal(labels, one.labels[expected])
    assert max(heard.values()) == 1 and sum(heard.values()) == len(data[0]) // 18 * 18
    for one in data:
        one.close()


def test_a_part_for_estimates_is_even_over_kinds_and_always_the_same(made):
    data = open_sounds(made, "train")
    part = data.reduced(30)
    counts, most = part.labels.bincount(), data.labels.bincount()
    fair = next(n for n in range(100) if most.clamp(max=n).sum() >= 30)
    assert len(part) == 30 and bool((counts <= most.clamp(max=fair)).all())
    assert bool((counts >= most.clamp(max=fair - 1)).all())
    assert part.fingerprints() == open_sounds(made, "train").reduced(30).fingerprints()
    assert data.reduced(10_000) is data


def test_damaged_and_missing_shards_are_named(copied):
    path = copied / "shards" / "train-kick-000001.tar"
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 1
    path.write_bytes(spoilt)
    data = open_sounds(copied, "train")
    kick = data.kinds.index("kick")
    with pytest.raises(DatasetError, match=r"train-kick-000001\.tar is damaged \(wrong checksum\).*--shards") as caught:
        data.batch(torch.nonzero(data.labels == kick).flatten())
    assert "\n" not in str(caught.value)
    assert len(data.batch(torch.nonzero(data.labels == data.kinds.index("snare")).flatten())[0]) > 5
    path.write_bytes(whole[:-512])
    with pytest.raises(DatasetError, match=rf"train-kick-000001\.tar has {len(whole) - 512} bytes instead of"):
        open_sounds(copied, "train")
    path.unlink()
    with pytest.raises(DatasetError, match=r"train-kick-000001\.tar is missing"):
        open_sounds(copied, "train")


def changed(root: Path, **changes) -> Path:
    path = root / "shards" / "index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    for dotted, value in changes.items():
        *way, last = dotted.split("__")
        place = index
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value
    path.write_text(json.dumps(index), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "changes",
    [
        {"splits__train__shards__0__name": "../../secret.tar"},
        {"splits__train__shards__0__name": "train-kick-000000.tar/../../x.tar"},
        {"splits__train__members__name": "/etc/passwd"},
        {"splits__train__members__bytes": 18},
        {"splits__train__shards__0__sha256": "abc"},
        {"splits__train__shards__0__bytes": 1 << 40},
        {"splits__train__shards__0__sounds": -1},
        {"splits__train__shards__0__sounds": 1e9},
        {"splits__train__shards__0__kind": "gong"},
        {"splits__train__shards__0__more": 1},
        {"splits__train__shards": 7},
        {"splits": []},
        {"sample_rate": "fast"},
        {"format": 2},
    ],
)
def test_an_index_that_lies_is_refused_in_one_line(copied, changes):
    with pytest.raises(DatasetError, match=r"index\.json (is damaged|has format 2)") as caught:
        open_sounds(changed(copied, **changes), "train")
    assert "\n" not in str(caught.value)


def test_no_index_no_json_and_other_places_are_refused(copied):
    places = copied / "shards" / "train.index"
    data = np.frombuffer(places.read_bytes(), MEMBER).copy()
    places.write_bytes(data[::-1].tobytes())
    with pytest.raises(DatasetError, match=r"train\.index is not the file"):
        open_sounds(copied, "train")
    for field, value in (("offset", 2**64 - 1), ("offset", 0), ("size", 2**32 - 1)):
        lying = data.copy()
        lying[field][0] = value
        places.write_bytes(lying.tobytes())
        changed(copied, splits__train__members__sha256=sha256_bytes(lying.tobytes()))
        with pytest.raises(DatasetError, match="outside their shards"):
            open_sounds(copied, "train")
    (copied / "shards" / "index.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="damaged"):
        open_sounds(copied, "train")


@pytest.mark.parametrize("trick", ["symlink", "name", "size", "device"])
def test_what_is_no_plain_sound_in_a_tar_is_refused(made, tmp_path, trick):
    flac = next((made / "audio" / "kick").glob("*.flac")).read_bytes()
    member = tarfile.TarInfo("../../.bashrc" if trick == "name" else "000000-kick.flac")
    member.size = len(flac)
    header = member.tobuf(tarfile.USTAR_FORMAT)
    if trick in ("symlink", "device"):
        member.type, member.linkname = (tarfile.SYMTYPE, "/etc/passwd") if trick == "symlink" else (tarfile.CHRTYPE, "")
        header = member.tobuf(tarfile.USTAR_FORMAT)
    content = header + flac + bytes(-len(flac) % 512) + bytes(1024)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "train-kick-000000.tar").write_bytes(content)
    shard = Shard("train-kick-000000.tar", len(content), sha256_bytes(content), "kick", 1)
    size = len(flac) - 1 if trick == "size" else len(flac)
    members = np.array([(512, size, list(bytes.fromhex(sha256_bytes(flac)[:12])))], MEMBER)
    write_index(tmp_path, 44_100, LENGTH, ("kick",), {"train": [(shard, members)]})
    with pytest.raises(DatasetError, match="something else than a sound"):
        open_sounds(tmp_path, "train").batch([0])


def packed_alone(root: Path, data: bytes) -> ShardedOneShots:
    """A dataset of one sound, whose file is `data`."""
    (root / "shards").mkdir(exist_ok=True)
    entry = Entry("000000-kick", data, {"class": "kick"})
    written = write_shard(root / "shards" / "train-kick-000000.tar", "kick", [entry])
    write_index(root, 44_100, LENGTH, ("kick",), {"train": [written]})
    return open_sounds(root, "train")


def test_a_file_in_a_shard_that_is_not_as_prepared_is_refused(made, tmp_path):
    sound, _ = soundfile.read(next((made / "audio" / "kick").glob("*.flac")), dtype="float32")

    def file(samples: np.ndarray, rate: int = 44_100, kind: str = "FLAC", subtype: str = "PCM_16") -> bytes:
        made = io.BytesIO()
        soundfile.write(made, samples, rate, format=kind, subtype=subtype)
        return made.getvalue()

    assert len(packed_alone(tmp_path, file(sound)).batch([0])[0]) == 1
    whole = file(sound)
    for data, reason in (
        (file(sound, kind="WAV"), "is WAV, not FLAC"),
        (file(sound, kind="WAV", subtype="MS_ADPCM"), "not read"),
        (file(np.tile(sound, 100)), "too large to decode"),
        (file(np.stack([sound, sound], 1)), "2 channels, more than 1"),
        (file(sound[:100]), "is 100 samples at 44100 Hz instead of 8192"),
        (file(sound, rate=48_000), "at 48000 Hz"),
        (file(0 * sound), "is silent"),
        (whole[: len(whole) // 2], "train-kick-000000"),
        (b"fLaC" + bytes(600), "train-kick-000000"),
        (b"", "something else than a sound|train-kick"),
    ):
        with pytest.raises(DatasetError, match=reason) as caught:
            packed_alone(tmp_path, data).batch([0])
        assert "\n" not in str(caught.value) and "--shards again" in str(caught.value)


def test_shards_of_another_manifest_and_changed_sounds_are_refused(copied):
    with (copied / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(DatasetError, match="made from another manifest"):
        open_sounds(copied, "train")
    assert run(["prepare", str(copied), "--out", str(copied), "--shards"]) == 0
    assert len(open_sounds(copied, "train")) == len(OneShotDataset(copied, "train"))
    with pytest.raises(CreativeMLError, match="between 1 and"):
        write_shards(copied, 0)
    flac = next((copied / "audio" / "kick").glob("*.flac"))
    flac.write_bytes(flac.read_bytes() + b"x")
    with pytest.raises(DatasetError, match="not the file that the manifest lists"):
        write_shards(copied)
    flac.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        write_shards(copied)


def test_a_finished_dataset_gets_shards_and_without_its_audio_is_enough(copied, capsys):
    again = ["prepare", str(copied), "--out", str(copied), "--shards", "--json"]
    assert run(again) == 1
    assert "already holds a dataset with shards" in capsys.readouterr().err
    before = shards_of(copied)
    shutil.rmtree(copied / "shards")
    assert run([*again, "--shard-sounds", "10"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["shards"]["sounds"] == 191 and "note" not in said.err
    assert shards_of(copied) == before
    for name in ("audio", "manifest.csv"):
        path = copied / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert open_sounds(copied, "train").batch([0])[0].abs().max() > 0.8


def test_overwriting_a_dataset_takes_its_shards_away(copied):
    (copied / "shards" / "notes.txt").write_text("mine", encoding="utf-8")
    assert run(["prepare", "starter", "--length", "4096", "--out", str(copied), "--overwrite"]) == 0
    assert [path.name for path in (copied / "shards").iterdir()] == ["notes.txt"]
    assert open_sounds(copied, "train").length_samples == 4096


def test_a_killed_preparation_goes_on_where_it_was(copied):
    before = shards_of(copied)
    shutil.rmtree(copied / "shards")
    command = [sys.executable, "-m", "creativeml", *PREPARE, "--shard-sounds", "10", "--out", str(copied)]
    journal = copied / "shards" / "prepare-journal.jsonl"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(6000):
            if journal.is_file() and journal.read_text(encoding="utf-8").count("\n") > 3:
                break
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was finished before it could be killed"
    with pytest.raises(DatasetError):
        ShardedOneShots(*half_written(copied))
    kept = {path.name: path.stat().st_mtime_ns for path in (copied / "shards").glob("train-*.tar")}
    for name in (".train-kick-000000.abcd1234.tmp.tar", ".train.abcd_234.tmp.index", ".index.abcd1234.tmp.json"):
        (copied / "shards" / name).write_bytes(b"half")
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    packed = json.loads(done.stdout)["shards"]
    assert packed["kept"] >= 3 and "not read" in done.stderr
    assert shards_of(copied) == before
    same = [name for name, when in kept.items() if (copied / "shards" / name).stat().st_mtime_ns == when]
    assert len(same) >= packed["kept"]


def half_written(root: Path):
    from creativeml.data.shard_sources import FolderSource, read_index

    source = FolderSource(root)
    return source, read_index(source)
