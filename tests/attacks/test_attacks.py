"""The attacks that found something, and those that must never: each with the very reason for which it is refused."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import zipfile

import foreign_cases
import numpy as np
import pytest
import soundfile
import torch
from archive_mutations import mutated_zip
from mutations import nested
from sound_cases import checked_page, encoded, ogg_pages

from creativeml import models
from creativeml.audio.io import AudioFileError, decode_audio
from creativeml.config import ConfigError, read_json
from creativeml.data.journal import Journal
from creativeml.data.one_shots import DatasetError, OneShotDataset, read_dataset
from creativeml.data.recipes.soundfont import read_soundfont
from creativeml.data.shaping import OUTCOME
from creativeml.errors import CreativeMLError, one_line, quoted
from creativeml.evaluation.outside.checkpoint_files import read_checkpoint
from creativeml.files import sha256_bytes
from creativeml.kits import sfz
from creativeml.kits.archive import zip_bytes
from creativeml.kits.formats import read_kit
from creativeml.kits.midi import read_midi
from creativeml.models.outline import SPARE_BYTES, TooMuch, check_numbers, misfit
from creativeml.training.recorder import last_line_with
from creativeml.training.state import latest_state, load_state, save_state

RATE = 44_100


def refused(act, match: str, kind: type[CreativeMLError] = CreativeMLError) -> str:
    with pytest.raises(kind, match=match) as caught:
        act()
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    return str(caught.value)


# Sounds ---------------------------------------------------------------------------------------------------------------


def vorbis_without_codebooks() -> bytes:
    """A Vorbis stream of which the page with the codebooks has a wrong checksum: the decoder passes over it."""
    rng = np.random.default_rng(0)
    pages = ogg_pages(encoded("OGG", "VORBIS", (0.1 * rng.standard_normal(RATE // 8)).astype(np.float32), RATE))
    return b"".join([pages[0], pages[1][:-1] + bytes([pages[1][-1] ^ 1]), *pages[2:]])


def test_a_vorbis_stream_without_codebooks_is_not_sought_in():
    """libsndfile 1.2.2 opens it, and dies by SIGSEGV where it is sought in."""
    for start in (0.0, 0.05):
        refused(lambda s=start: decode_audio(vorbis_without_codebooks(), "a.ogg", start_s=s), "a.ogg: ", AudioFileError)


def test_a_stretch_of_ogg_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    data = encoded("OGG", "VORBIS", (0.1 * rng.standard_normal(RATE // 2)).astype(np.float32), RATE)
    whole = decode_audio(data, "a.ogg").samples
    part = decode_audio(data, "a.ogg", start_s=0.1, end_s=0.3).samples
    assert np.array_equal(part, whole[:, 4410:13230])


@pytest.mark.parametrize("place", [1 << 62, 1 << 40, 1 << 31, 1 << 26])
def test_an_ogg_page_whose_valid_checksum_covers_a_lie_gives_no_more_than_there_is(place):
    pages = ogg_pages(encoded("OGG", "VORBIS", np.zeros(RATE // 8, np.float32), RATE))
    last = bytearray(pages[-1])
    last[6:14] = place.to_bytes(8, "little")
    audio = decode_audio(b"".join([*pages[:-1], checked_page(bytes(last))]), "a.ogg")
    # The last block may be shown whole, where the place of its end said how much of it to show.
    assert RATE // 8 <= audio.samples.shape[1] < RATE // 8 + 2048


@pytest.mark.parametrize("form", [("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_hours_of_silence_in_a_few_kilobytes_take_memory_once(form):
    """Twenty minutes are read; they used to lie in memory three times over, which was more than a gigabyte."""
    tracemalloc = pytest.importorskip("tracemalloc")
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 48_000, 1, format=form[0], subtype=form[1]) as out:
        for _ in range(300):
            out.write(np.zeros(1 << 16, np.float32))
    tracemalloc.start()
    audio = decode_audio(file.getvalue(), "silence")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert audio.samples.shape == (1, 300 << 16) and peak < 1.2 * audio.samples.nbytes
    assert len(file.getvalue()) < 100_000


@pytest.mark.parametrize("code", [b"\x00\x00\x00\x00", b"\x1b[2J", b"a\nb\r"])
def test_a_name_of_an_encoding_is_no_order_to_the_terminal(code):
    data = bytearray(encoded("CAF", "PCM_16", np.zeros(400, np.float32), RATE))
    at = data.index(b"desc") + 4 + 8 + 8
    data[at : at + 4] = code
    refused(lambda: decode_audio(bytes(data), "a.caf"), "its encoding, CAF", AudioFileError)


def test_many_thousand_chunks_are_passed_quickly():
    data = encoded("WAV", "PCM_16", np.ones(400, np.float32) / 2, RATE)
    crowded = data[:12] + (b"LIST" + bytes(4)) * 100_000 + data[12:]
    try:
        assert decode_audio(crowded, "a.wav").samples.shape == (1, 400)
    except AudioFileError as error:
        assert "a.wav" in str(error)


# Models ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A small model of which any part can be changed."""
    torch.manual_seed(0)
    models.save_pretrained(models.build("mlp", classes=3, width=8, positions=4), tmp_path / "m")
    return tmp_path / "m"


def rewritten(folder, header=None, body=None, sha=True, **config) -> None:
    """The folder with another header or content of its weights, and other fields of its configuration."""
    path = folder / "model.safetensors"
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    text = data[8 : 8 + size] if header is None else header
    path.write_bytes(struct.pack("<Q", len(text)) + text + (data[8 + size :] if body is None else body))
    about = json.loads((folder / "config.json").read_text())
    about["config"].update(config)
    about["sha256"] = sha256_bytes(path.read_bytes()) if sha else about["sha256"]
    (folder / "config.json").write_text(json.dumps(about))


def header_of(folder) -> dict:
    data = (folder / "model.safetensors").read_bytes()
    return json.loads(data[8 : 8 + struct.unpack_from("<Q", data)[0]])


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("width", 1 << 40, "'width' is 1099511627776, which is more than"),
        ("width", 60_000, "does not fit the model 'mlp'"),
        ("depth", 1 << 20, "'depth' is 1048576, which is more than 16"),
        ("depth", 1 << 4, "does not fit"),
        ("positions", 1 << 14, "does not fit"),
        ("classes", 10**400, "a number of very many digits"),
        ("width", -8, "width must be at least 1"),
    ],
)
def test_a_network_of_terabytes_is_never_built(folder, monkeypatch, field, value, match):
    """Its shapes are compared with those of the file; torch is asked for nothing."""
    rewritten(folder, **{field: value})
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", None)
    refused(lambda: models.from_pretrained(folder), match)


def test_what_is_no_weight_counts_too():
    """A window of gigabytes that follows from the configuration alone, and a loop of millions of layers."""
    assert "MiB to build" in misfit(lambda: _Windows(SPARE_BYTES), {"weight": (1,)})
    assert "steps" in misfit(lambda: _Windows(4, count=10**7), {"weight": (1,)})
    assert misfit(lambda: _Windows(4), {"weight": (1,)}) == ""
    refusals = (
        {"a": [0] * 2000},
        {"layers": 17},
        {"x": {"y": 1 << 30}},
        {"z": float("nan")},
        {"t": [*nested(50), 1e9]},
    )
    for values in refusals:
        with pytest.raises(TooMuch):
            check_numbers(values, {"weight": (1,)})
    check_numbers({"length_samples": 1 << 20, "kinds": ["x"] * 500, "layers": 16}, {"weight": (1,)})


class _Windows(torch.nn.Module):
    def __init__(self, size: int, count: int = 1) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        for _ in range(count):
            self.register_buffer("window", torch.hann_window(size), persistent=False)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"data_offsets": [0, 1 << 40]}, "not a readable safetensors file"),
        ({"data_offsets": [-8, 8]}, "not a readable safetensors file"),
        ({"shape": [1 << 31, 1 << 31]}, "not a readable safetensors file"),
        ({"dtype": "PICKLE"}, "not a readable safetensors file"),
    ],
)
def test_headers_of_weights_that_lie(folder, change, match):
    header = header_of(folder)
    name = next(n for n in header if n != "__metadata__")
    header[name].update(change)
    rewritten(folder, json.dumps(header).encode())
    refused(lambda: models.from_pretrained(folder), match)


def test_weights_whose_header_is_endless_or_deep(folder):
    rewritten(folder, b"[" * 100_000)
    refused(lambda: models.from_pretrained(folder), "not a readable safetensors file")
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 90 << 20) + path.read_bytes()[8:])
    rewritten(folder, header=b"")
    path.write_bytes(struct.pack("<Q", 90 << 20) + b"{}")
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**about, "sha256": None}))
    refused(lambda: models.from_pretrained(folder), "a header of 94371840 bytes")


def test_weights_that_are_no_numbers(folder):
    data = (folder / "model.safetensors").read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    rewritten(folder, body=data[8 + size : -4] + struct.pack("<f", float("nan")))
    refused(lambda: models.from_pretrained(folder), "holds NaN or infinity")


@pytest.mark.parametrize("name", ["x" * 9000, "a\nb", "\x1b[31m", "../../etc", 7, None, ["mlp"]])
def test_names_of_models_that_are_none(folder, name):
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**about, "model": name}))
    refused(lambda: models.from_pretrained(folder), "no model is called|not the configuration")


@pytest.mark.parametrize(
    "data", [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 5000, b"\xff\xfe{}", b"", b" " * (17 << 20), b"[1"],
    ids=["deep list", "deep object", "long number", "utf-16", "empty", "huge", "cut"],
)  # fmt: skip
def test_json_that_means_harm(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    refused(lambda: read_json(tmp_path / "a.json"), "a.json: (not readable as JSON|larger than)", ConfigError)


# Runs and datasets ----------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    """The state of a step of Adam, and what it is of."""
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    path = save_state(tmp_path, 4, {"net": network}, {"net": optimizer}, {"seconds": 1.0})
    return path, {"net": network}, {"net": optimizer}


def test_a_state_is_read_back_and_its_damage_is_told(state):
    path, modules, optimizers = state
    assert load_state(path, modules, optimizers) == (4, {"seconds": 1.0})
    for values, match in (({"step": -1}, "not the state"), ({"step": "4"}, "not the state"), ([], "not the state")):
        whole = json.loads(path.read_text())
        changed = {**whole, **values} if isinstance(values, dict) else values
        path.write_text(json.dumps(changed))
        refused(lambda: load_state(path, modules, optimizers), match)
        path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"optimizer/net/0/exp_avg_sq", b"optimizer/net/9/exp_avg_sq", "does not fit this run"),
        (b"optimizer/net/0/exp_avg_sq", b"optimizer/net/x/exp_avg_sq", "does not fit this run"),
        (b"optimizer/net/0/exp_avg_sq", b"optimizer/net/0/exp_avg_sx", "lacks a part"),
        (b"module/net/bias", b"module/net/bios", "does not fit this run's configuration"),
        (b'"shape":[2,3]', b'"shape":[3,2]', "does not fit this run"),
    ],
)
def test_a_state_that_was_tampered_with(state, old, new, match):
    path, modules, optimizers = state
    weights = path.with_suffix(".safetensors")
    data = weights.read_bytes()
    assert old in data and len(old) == len(new)
    weights.write_bytes(data.replace(old, new))
    refused(lambda: load_state(path, modules, optimizers), match)


def test_states_with_endless_complaints_are_a_line(tmp_path):
    for number in range(30):
        (tmp_path / f"step-{number:08d}.json").write_bytes(b"[" * 100_000)
    refused(lambda: latest_state(tmp_path), "no checkpoint to resume from")


def test_a_log_with_damaged_lines_is_read_past_them(tmp_path):
    lines = ['{"step": 1, "a": 5}', '{"step": [], "a": 6}', "[" * 100_000, "\ufeff{}", '{"step": 9, "a": 7}', "{"]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    assert last_line_with(tmp_path, "a", 4) == {"step": 1, "a": 5}


def test_a_dataset_reads_no_file_outside_of_it(tmp_path):
    root = tmp_path / "data"
    root.mkdir()
    secret = tmp_path / "secret.flac"
    soundfile.write(secret, 0.1 * np.ones(400), RATE)
    (root / "dataset.json").write_text(json.dumps({"sample_rate": RATE, "length_samples": 400, "kinds": ["kick"]}))
    for path in ("../secret.flac", str(secret), "a/../../secret.flac"):
        (root / "manifest.csv").write_text(f"path,class,split,duplicate_of\n{path},kick,train,\n")
        refused(lambda: OneShotDataset(root), "which is not in the dataset", DatasetError)
    (root / "manifest.csv").write_text(f"path,class,split,duplicate_of\n{'ﷺ' * 300},kick,train,\n")
    refused(lambda: OneShotDataset(root), r"manifest.csv names .ﷺ+\.{3}.*which is missing", DatasetError)
    (root / "dataset.json").write_bytes(b"[" * 100_000)
    refused(lambda: read_dataset(root), "is damaged", DatasetError)


def test_a_journal_forgets_what_it_cannot_trust(tmp_path):
    good = {"key": "a", "outcome": {"reason": "silent", "remedy": "none"}}
    stored = dict(sha256="0" * 64, encoding="x", duration_s=1, peak=1, loudness_lufs=-9, rate=1, channels=1, notes=[])
    bad = [
        {"key": 7, "outcome": {}}, {"outcome": 1}, [], {"key": "b", "outcome": {"stored": 5}},
        {"key": "c", "outcome": {**stored, "stored": "../../etc/passwd"}},
        {"key": "d", "outcome": {**stored, "stored": "/etc/passwd"}},
        {"key": "e", "outcome": {**stored, "stored": "a.flac", "rate": True}},
    ]  # fmt: skip
    lines = [{"settings": {"rate": 1}}, good, *bad]
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines) + "[" * 100_000 + "\n"
    (tmp_path / "prepare-journal.jsonl").write_text(text)
    journal = Journal(tmp_path, {"rate": 1}, OUTCOME)
    assert journal.get("a") == good["outcome"]
    assert all(journal.get(key) is None for key in "bcde")
    journal.close(remove=False)
    assert len((tmp_path / "prepare-journal.jsonl").read_text().splitlines()) == 2


# Files of other programs ----------------------------------------------------------------------------------------------


def test_zones_of_a_soundfont_that_go_back_and_forth(tmp_path):
    """A quarter of a megabyte that stands for 65,536 times 65,536 generators."""
    data = foreign_cases.banks()["bank.sf2"]
    for name, record in ((b"ibag", struct.pack("<HH", 0xFFFF, 0) + bytes(4)), (b"igen", None)):
        at = data.index(name)
        size = struct.unpack_from("<I", data, at + 4)[0]
        new = record * 30_000 if record else b"".join(struct.pack("<HH", n, 1) for n in range(65_536))
        data = data[: at + 4] + struct.pack("<I", len(new)) + new + data[at + 8 + size :]
    tables = data.index(b"LIST", data.index(b"smpl"))
    data = data[: tables + 4] + struct.pack("<I", len(data) - tables - 8) + data[tables + 8 :]
    (tmp_path / "a.sf2").write_bytes(data)
    refused(lambda: read_soundfont(tmp_path / "a.sf2"), r"a\.sf2: its SoundFont tables are damaged .*zones overlap")


def test_a_thousand_tensors_of_one_storage(tmp_path):
    base = torch.zeros(1 << 16)
    torch.save({f"t{n}": base.view(256, 256) for n in range(4)}, tmp_path / "few.pt")
    assert len(read_checkpoint(tmp_path / "few.pt")) == 4
    torch.save({f"t{n}": base[:-1] if n % 2 else base[1:] for n in range(1000)}, tmp_path / "many.pt")
    refused(lambda: read_checkpoint(tmp_path / "many.pt"), "many times what it stores; nothing of it was executed")


def test_a_pickle_that_is_a_bomb(tmp_path):
    long = b"\x80\x04" + b"\x8e" + struct.pack("<Q", 64 << 20) + bytes(64 << 20) + b"."
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("a/data.pkl", long)
    refused(lambda: read_checkpoint(tmp_path / "a.pt"), "it is compressed, which torch never does")


def test_names_of_tensorflow_that_grow_with_every_entry(tmp_path):
    """Each shares all of the one before: their lengths add up to the square of the file's."""
    entry = b"".join(_varint(len_) + b"\x01" + b"\x00" + b"a" for len_ in range(8000))
    block = entry + struct.pack("<I", 0)
    index = b"\x00\x01\x0b" + b"k" + _varint(0) + _varint(len(block)).ljust(10, b"\0") + struct.pack("<I", 0)
    footer = (b"\0\0" + _varint(len(block) + 1) + _varint(len(index))).ljust(40, b"\0")
    data = block + b"\0" + index + b"\0" + footer + struct.pack("<Q", 0xDB4775248B80FB57)
    (tmp_path / "x.index").write_bytes(data)
    (tmp_path / "x.data-00000-of-00001").write_bytes(b"")
    refused(lambda: read_checkpoint(tmp_path / "x.index"), "a name is too long")


def _varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + (_varint(value >> 7) if value > 0x7F else b"")


# Kits -----------------------------------------------------------------------------------------------------------------


def kick() -> bytes:
    return encoded("WAV", "PCM_24", 0.5 * np.ones(400, np.float32), RATE)


def test_a_refusal_names_the_file_it_is_about(tmp_path):
    entry = {"file": "a.wav", "sha256": sha256_bytes(kick()), "name": "a"}
    pads = [{"note": 36, "name": "Kick", "kind": "kick", "layers": [{"low": 1, "high": 3, "takes": [entry]}]}]
    about = {"format": 1, "name": "K", "sample_rate": RATE, "pads": pads}
    (tmp_path / "k.zip").write_bytes(zip_bytes({"kit.json": json.dumps(about).encode(), "a.wav": kick()}))
    refused(lambda: read_kit(tmp_path / "k.zip"), r"k\.zip: the layers of pad 36 must take up velocities 1 to 127")


def test_entries_of_a_zip_that_lie_over_one_another():
    """One compressed stream for many entries is how small archives become huge ones."""
    files = {f"{n}.sfz": b"x" * 999 for n in range(4)}
    for number in range(400):
        data, how = mutated_zip(random.Random(number), files)
        if how == "overlap":
            break
    refused(lambda: read_kit(data, "over.zip"), "over.zip: damaged|holds")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bombs_of_every_packing(packing):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as bundle:
        bundle.writestr("a.sfz", bytes(48 << 20))
    refused(lambda: read_kit(archive.getvalue(), "bomb.zip"), "bomb.zip: unpacks to more than 200 times its size")


def test_words_that_define_one_another_come_to_an_end():
    text = "".join(f"#define $A{n} $A{n + 1}$A{n + 1}\n" for n in range(200)) + "<region> key=36 sample=$A0.wav\n" * 50
    refused(lambda: sfz.read({"a.sfz": text.encode()}, "a"), "a: ")


def test_midi_with_notes_that_there_are_not():
    track = b"\x00\x99\xff\x7f" + b"\x00\xff\x2f\x00"
    data = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(track)) + track
    refused(lambda: read_midi(data, "a.mid"), "a.mid: ")


# Lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\u202eb", "a\ud800b", "a\x00b", "a\u2028b", "a\tb", "\n"]
)
def test_an_error_is_one_line_whatever_it_quotes(text):
    said = str(CreativeMLError(f"file: {text}"))
    assert said.isprintable() and said.startswith("file:")
    said.encode("utf-8")
    assert one_line(said) == said


def test_a_wrong_value_is_quoted_short_however_large_and_deep_it_is():
    endless: list = []
    endless.append(endless)
    for value in (nested(900), endless, 10**5000, "x" * 10**6, list(range(10**6)), {"a": nested(900)}, b"x" * 10**6):
        assert len(quoted(value)) <= 60 and re.match(r"[\[{'ab]", quoted(value))
    assert quoted(8) == "8" and quoted("8") == "'8'" and quoted([1, "a"]) == "[1, 'a']"
