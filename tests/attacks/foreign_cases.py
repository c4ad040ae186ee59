"""Mutated files of other programs: SoundFonts and Gravis patches, weights as torch, numpy and TensorFlow keep them."""

from __future__ import annotations

import importlib.util
import io
import pickle
import random
import struct
from pathlib import Path

import numpy as np
import torch
from archive_mutations import mutated_zip
from mutations import mutated
from watched import Area, Case

from creativeml.data.recipes.gus_patch import read_patch
from creativeml.data.recipes.soundfont import read_soundfont
from creativeml.data.recipes.soundfont_voice import render, voices_of
from creativeml.evaluation.outside.checkpoint_files import read_checkpoint

ROOT = Path(__file__).resolve().parents[1]


def banks() -> dict[str, bytes]:
    """Small SoundFonts, plain and compressed, and a patch."""
    spec = importlib.util.spec_from_file_location("bank_writer", ROOT / "data" / "bank_writer.py")
    assert spec and spec.loader
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    fall = np.exp(-np.arange(3000) / 400) * np.random.default_rng(0).standard_normal(3000)
    stored = (8000 * fall).astype(np.int16)
    samples = {"Kick": (stored, 36), "Hat": (stored[::-1].copy(), 42)}
    zones = [("Kick", {43: 36 | 36 << 8, 48: 20, 17: -100}), ("Hat", {43: 42 | 42 << 8, 54: 1, 8: 6000, 38: -2000})]
    return {
        "bank.sf2": writer.soundfont(samples, {"Kit": zones, "Other": zones}, loop=(100, 2000)),
        "bank.sf3": writer.soundfont(samples, {"Kit": zones}, vorbis=True),
        "drum.pat": writer.gravis_patch(stored, 32_000),
    }


def weights() -> dict[str, bytes]:
    """The same small tensors as torch writes them, now and formerly, and as numpy does."""
    tree = {"step": 3, "state": {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5).half()}, "rates": [0.1, 2]}
    found = {}
    for name, zipped in (("new.pt", True), ("old.pt", False)):
        file = io.BytesIO()
        torch.save(tree, file, _use_new_zipfile_serialization=zipped)
        found[name] = file.getvalue()
    file = io.BytesIO()
    np.save(file, {"a": np.arange(12.0), "b": {"c": np.int64(4)}}, allow_pickle=True)  # type: ignore[arg-type]
    return {**found, "net.npy": file.getvalue()}


class _Order:
    """What is called when it is unpickled."""

    def __reduce__(self) -> tuple:
        return (Path("/tmp/attacked").write_text, ("it was executed",))


def hostile_pickle(rng: random.Random) -> bytes:
    """Pickles that call, that hold themselves, and that are deep."""
    deep: list = []
    for _ in range(rng.choice((60, 300))):
        deep = [deep]
    endless: list = []
    endless.append(endless)
    values = (_Order(), deep, endless, b"x" * (1 << 20), {"a": _Order()}, 10**5000, Path("/etc/passwd"), print)
    return pickle.dumps(rng.choice(values), rng.choice((2, 4, 5)))


def bank_case(rng: random.Random, known: dict[str, bytes]) -> Case:
    """A bank whose notes are played."""
    name = rng.choice(sorted(known))
    data, how = mutated(rng, known[name], (pairs_mutated,) if name != "drum.pat" else ())

    def opened(folder: Path) -> None:
        if name == "drum.pat":
            read_patch(folder / name)
            return
        with read_soundfont(folder / name) as font:
            for preset in font.presets[:2]:
                for key in (36, 42):
                    render(font, voices_of(font, preset, key, 100), key, 100)

    return Case(f"bank {name[-3:]}", how, {name: data}, opened)


def pairs_mutated(rng: random.Random, data: bytes) -> bytes:
    """The tables of a SoundFont, which lie at its end: numbers of zones, generators and samples that are not so."""
    at = data.find(b"pdta")
    at = rng.randrange(at, len(data) - 4) if 0 <= at < len(data) - 5 else rng.randrange(max(1, len(data) - 4))
    at += at % 2
    return data[:at] + struct.pack("<H", rng.choice((0, 1, 2, 0x7FFF, 0xFFFF, rng.randrange(65536)))) + data[at + 2 :]


def weights_case(rng: random.Random, known: dict[str, bytes]) -> Case:
    """Foreign weights; nothing of them is executed."""
    name = rng.choice(sorted(known))
    if name == "new.pt" and rng.random() < 0.3:
        pkl = hostile_pickle(rng)
        data, how = mutated_zip(
            rng, {"archive/data.pkl": pkl, "archive/byteorder": b"little", "archive/data/0": b"x" * 48}
        )
    elif name == "net.npy" and rng.random() < 0.3:
        data, how = known[name][:128] + hostile_pickle(rng), "pickle"
    else:
        data, how = mutated(rng, known[name])

    def opened(folder: Path) -> None:
        read_checkpoint(folder / name)
        if Path("/tmp/attacked").exists():
            raise AssertionError("a pickle was executed")

    return Case(f"weights {name}", how, {name: data}, opened)


def tensorflow_case(rng: random.Random, index: bytes, numbers: bytes) -> Case:
    """A checkpoint of TensorFlow."""
    changed, how = mutated(rng, index)
    if len(changed) > 48 and rng.random() < 0.5:
        changed = changed[:-48] + index[-48:]
    files = {"x.index": changed, "x.data-00000-of-00001": numbers if rng.random() < 0.9 else mutated(rng, numbers)[0]}
    return Case("weights tensorflow", how, files, lambda folder: read_checkpoint(folder / "x.index"))


def foreign() -> Area:
    """Cases of other programs' files."""
    known, stored = banks(), weights()
    place = ROOT / "evaluation" / "outside" / "tensorflow"
    index, numbers = (place / "tiny.index").read_bytes(), (place / "tiny.data-00000-of-00001").read_bytes()

    def case(rng: random.Random) -> Case:
        what = rng.random()
        if what < 0.45:
            return bank_case(rng, known)
        return weights_case(rng, stored) if what < 0.8 else tensorflow_case(rng, index, numbers)

    return case
