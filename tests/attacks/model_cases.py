"""Mutated models, runs to resume, datasets and indexes of training sets."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from lightning_fabric import Fabric
from mutations import EDGES, TEXTS, json_bytes, mutate_json, mutated
from watched import Area, Case

from creativeml import models as library
from creativeml.audio.descriptors.registry import DESCRIPTORS
from creativeml.data.descriptor_table import FORMAT as DESCRIPTOR_FORMAT
from creativeml.data.descriptor_table import read_descriptors
from creativeml.data.journal import Journal
from creativeml.data.one_shots import OneShotDataset, read_dataset
from creativeml.data.shaping import OUTCOME
from creativeml.evaluation.training_index import load_index
from creativeml.files import project_folder, sha256_bytes
from creativeml.models.gans.critics import CriticConfig, SpectralView
from creativeml.models.gans.style_wavegan import StyleWaveGANConfig
from creativeml.synthesis.catalog import find_model
from creativeml.training.config import GANTrainingConfig, ReconstructionConfig
from creativeml.training.recorder import Recorder
from creativeml.training.run import FitOptions, begin, open_run, restore

ROOT = Path(__file__).resolve().parents[1]
LENGTH = 8192
KINDS = ("kick", "snare")
Files = dict[str, bytes]


def tiny_models() -> dict[str, Files]:
    """A small untrained folder of every model of the registry, and a shipped one."""
    found: dict[str, Files] = {}
    with tempfile.TemporaryDirectory() as place:
        for path in sorted((ROOT / "models").glob("tiny*.py")):
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec and spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, (overrides, _) in module.TINY.items():
                folder = Path(place) / name
                library.save_pretrained(library.build(name, **overrides), folder, info={"licence": "CC0-1.0"})
                found[name] = files_of(folder)
    shipped = Path(library.__file__).parents[1] / "weights" / "ear"
    return {**found, "ear": {n: (shipped / n).read_bytes() for n in ("config.json", "model.safetensors")}}


def files_of(folder: Path) -> Files:
    """All files below a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def split_weights(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and content of a safetensors file."""
    size = struct.unpack_from("<Q", data)[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def mutated_weights(rng: random.Random, data: bytes) -> tuple[bytes, str]:
    """Offsets, types, shapes, names and lengths of a safetensors file that are not so; or NaN in it."""
    header, body = split_weights(data)
    how = rng.choice(("header", "header", "offsets", "shape", "length", "twice", "nan", "bytes", "text", "many"))
    names = [name for name in header if name != "__metadata__"]
    name = rng.choice(names)
    if how == "bytes":
        return mutated(rng, data)
    if how == "nan":
        numbers = np.frombuffer(body[: len(body) // 4 * 4], np.float32).copy()
        numbers[rng.randrange(len(numbers))] = rng.choice((math.nan, math.inf, -math.inf))
        return data[: len(data) - len(body)] + numbers.tobytes() + body[len(body) // 4 * 4 :], how
    if how == "header":
        changed, what = mutate_json(rng, header)
        text = json_bytes(rng, changed)
        return struct.pack("<Q", len(text)) + text + body, f"{how}: {what}"
    if how == "offsets":
        header[name]["data_offsets"] = rng.choice(
            (
                [0, 0],
                [0, len(body)],
                [len(body), 0],
                [-8, 8],
                [0, 1 << 62],
                [1 << 63, 1 << 64],
                [8],
                ["0", "8"],
                [0.5, 9],
            )
        )
    elif how == "shape":
        header[name]["shape"] = rng.choice(
            ([], [0], [1 << 31, 1 << 31], [1 << 62, 4], [-1, -1], [1] * 200, [1 << 20] * 3, [True], ["4"], [None])
        )
        header[name]["dtype"] = rng.choice((header[name]["dtype"], "F16", "BF16", "I64", "BOOL", "F8_E4M3", "X", 7))
    elif how == "many":
        header |= {f"more{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(20_000)}
    text = json.dumps(header).encode()
    if how == "twice":
        text = text[:-1] + b"," + json.dumps({name: header[name]}).encode()[1:]
    if how == "text":
        text = rng.choice((b"{}", b"", b"[]", b"{" * 100_000, b"null", text + b" " * 9, b'{"__metadata__":{"a":1}}'))
    size = len(text) if how != "length" else rng.choice((*EDGES, len(text) + 1, len(data), 1 << 63, 99_000_000))
    return struct.pack("<Q", size % (1 << 64)) + text + body, how


def larger(rng: random.Random, config: Any) -> tuple[Any, str]:
    """A configuration with numbers so large that its network would take terabytes, or hours."""
    changed = json.loads(json.dumps(config))
    numbers = [(k, v) for k, v in changed.items() if isinstance(v, int) and not isinstance(v, bool)]
    lists = [(k, v) for k, v in changed.items() if isinstance(v, list) and v]
    how = rng.random()
    if numbers and how < 0.6:
        for key, value in rng.sample(numbers, min(len(numbers), rng.choice((1, 1, 2)))):
            changed[key] = rng.choice(
                (value * 64, value * 1000, 1 << 20, (1 << 24) - 1, 1 << 24, 1 << 30, 1 << 62, -value)
            )
    elif lists:
        key, value = rng.choice(lists)
        changed[key] = rng.choice(
            (value * 50, value * 5000, [1 << 20 if isinstance(v, int) else v for v in value], value[:1])
        )
    return changed, "larger"


def model_case(rng: random.Random, known: dict[str, Files]) -> Case:
    """A model's folder whose configuration or weights were changed; the hash is mostly put right."""
    name = rng.choice(sorted(known))
    files = dict(known[name])
    about = json.loads(files["config.json"])
    how = rng.choice(("weights", "weights", "config", "config", "larger", "larger", "another", "bytes"))
    detail = ""
    if how == "weights":
        files["model.safetensors"], detail = mutated_weights(rng, files["model.safetensors"])
    elif how == "larger":
        about["config"], detail = larger(rng, about["config"])
    elif how == "another":
        other = rng.choice(sorted(known))
        about["model"] = rng.choice((other, other, *TEXTS))
        about["config"] = rng.choice((about["config"], json.loads(known[other]["config.json"])["config"]))
    if rng.random() < 0.85:
        about["sha256"] = sha256_bytes(files["model.safetensors"])
    if rng.random() < 0.3:
        about["sha256"] = None
    data = json.dumps(about).encode()
    if how == "config":
        place = rng.choice(("config", "config", None))
        if place:
            about[place], detail = mutate_json(rng, about[place])
        else:
            about, detail = mutate_json(rng, about)
        data = json_bytes(rng, about)
    elif how == "bytes":
        data, detail = mutated(rng, data)
    files["config.json"] = data
    return Case(f"model {how}", f"{name} {detail}", files, library.from_pretrained)


def catalog_case(rng: random.Random) -> Case:
    """A model's folder as the pages look at it, without torch."""
    shipped = Path(library.__file__).parents[1] / "weights" / "drums"
    about, how = mutate_json(rng, json.loads((shipped / "config.json").read_text(encoding="utf-8")))

    def opened(folder: Path) -> object:
        return find_model(folder / "m").ranges

    return Case("model catalog", how, {"m/config.json": json_bytes(rng, about), "m/model.safetensors": b"x"}, opened)


def dataset_folder(root: Path, *, validation: bool = True) -> None:
    """Kicks and snares of the starter pack, cut to 8,192 samples, as `creativeml prepare` lays them down."""
    rows = []
    for kind in KINDS:
        for n, source in enumerate(sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[:8]):
            samples, _ = soundfile.read(source, dtype="float32", always_2d=True)
            sound = np.zeros(LENGTH, np.float32)
            part = samples[:LENGTH].mean(1)
            sound[: len(part)] = part
            file = io.BytesIO()
            soundfile.write(file, sound, 44_100, subtype="PCM_24", format="FLAC")
            path = root / f"audio/{kind}/{n}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.getvalue())
            split = "train" if n < 4 else "validation" if validation and n < 6 else "test"
            row = {"path": f"audio/{kind}/{n}.flac", "class": kind, "group": f"{kind}{n}", "split": split}
            rows.append({**row, "duplicate_of": "", "sha256": sha256_bytes(file.getvalue())})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    (root / "manifest.csv").write_text(text.getvalue(), encoding="utf-8")
    about = {"format": 1, "sample_rate": 44_100, "length_samples": LENGTH, "kinds": list(KINDS), "sources": []}
    (root / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["sha256", "path", "format", *DESCRIPTORS])
    table.writerows([row["sha256"], row["path"], DESCRIPTOR_FORMAT, *[0.5] * len(DESCRIPTORS)] for row in rows)
    (root / "descriptors.csv").write_text(text.getvalue(), encoding="utf-8")
    lines = [{"settings": {"rate": 1}}, *({"key": str(n), "outcome": {"refused": "silent"}} for n in range(5))]
    stored = {"stored": rows[0]["path"], "sha256": rows[0]["sha256"]}
    lines.append({"key": "stored", "outcome": stored})
    (root / "prepare-journal.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf-8")


def mutated_lines(rng: random.Random, data: bytes) -> bytes:
    """A file of a JSON value in each line, one of which was changed."""
    lines = data.split(b"\n")
    at = rng.randrange(max(1, len(lines) - 1))
    try:
        lines[at] = json_bytes(rng, mutate_json(rng, json.loads(lines[at]))[0]).replace(b"\n", b" ")
    except ValueError:
        lines[at] = mutated(rng, lines[at] or b"x")[0]
    return b"\n".join(lines)


def mutated_table(rng: random.Random, data: bytes) -> bytes:
    """A CSV table with other cells, columns and rows."""
    if rng.random() < 0.3:
        return mutated(rng, data)[0]
    rows = list(csv.reader(io.StringIO(data.decode())))
    for _ in range(rng.choice((1, 2, 8))):
        row = rng.choice(rows)
        if not row:
            continue
        at = rng.randrange(len(row))
        how = rng.randrange(5)
        if how < 3:
            row[at] = rng.choice(
                (*TEXTS, "nan", "1e999", "/etc/hostname", "../../x.flac", "audio", rng.choice(rows[-1] or [""]))
            )
        elif how == 3:
            del row[at]
        else:
            row += ["more"] * rng.choice((1, 500))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows * rng.choice((1, 1, 1, 50)))
    return text.getvalue().encode("utf-8", "surrogatepass")


def dataset_case(rng: random.Random, files: Files) -> Case:
    """A prepared dataset whose descriptions or sounds were changed."""
    files = dict(files)
    name = rng.choice(
        ("dataset.json", "manifest.csv", "manifest.csv", "descriptors.csv", "prepare-journal.jsonl", "audio")
    )
    if name == "audio":
        name = rng.choice([n for n in files if n.endswith(".flac")])
        files[name] = mutated(rng, files[name])[0]
    elif name == "dataset.json":
        files[name] = json_bytes(rng, mutate_json(rng, json.loads(files[name]))[0])
    elif name.endswith("csv"):
        files[name] = mutated_table(rng, files[name])
    else:
        files[name] = mutated_lines(rng, files[name])

    def opened(folder: Path) -> None:
        info = read_dataset(folder)
        data = OneShotDataset(folder, "train")
        data.batch(range(min(4, len(data))))
        read_descriptors(info, data.rows, ("brightness",))
        journal = Journal(folder, {"rate": 1}, OUTCOME)
        try:
            for key in ("0", "stored"):
                journal.get(key)
        finally:
            journal.close(remove=False)

    return Case(f"dataset {name.split('.')[0].split('/')[0]}", "", files, opened)


def small_training() -> GANTrainingConfig:
    """Of a few channels."""
    critic = CriticConfig(
        2, views=(SpectralView(512, 128, 32, 64),), spectral_channels=(8, 8), wave_channels=(8, 8, 8), feature_dim=8
    )
    generator = StyleWaveGANConfig(
        kinds=KINDS, length_samples=LENGTH, latent_dim=4, style_dim=8, channels=(8, 8, 8), hop_samples=64, modes=4,
        convs_per_level=1,
    )  # fmt: skip
    return GANTrainingConfig(
        "fast",
        generator=generator,
        critic=critic,
        reconstruction=ReconstructionConfig(pretrain_steps=4, every=3),
        batch_size=4,
    )


def run_of(data: Path, place: Path) -> tuple[Files, Callable[[Path], object]]:
    """Files of a run that was saved before its first step, and what resumes it."""
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    run = open_run(small_training(), data, place, fabric, FitOptions(20))
    for optimizer in run.gan.optimizers().values():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    begin(run)
    lines = [{"step": n, "loss": 0.5, "alarms": []} for n in range(3)]
    (place / "log.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines), encoding="utf-8")

    def resumed(folder: Path) -> None:
        again = open_run(small_training(), data, folder, fabric, FitOptions(20, resume=True))
        restore(again)
        Recorder(folder, from_step=again.gan.step, tensorboard=False).close()
        next(again.sampler)

    return files_of(place), resumed


def run_case(rng: random.Random, files: Files, resumed: Callable[[Path], object]) -> Case:
    """A run whose state or descriptions were changed; the state's hash is mostly put right."""
    files = dict(files)
    name = rng.choice([n for n in files if not n.startswith("tensorboard")])
    state = next(n for n in files if n.endswith(".safetensors"))
    described = state.replace(".safetensors", ".json")
    how = ""
    if name == state:
        files[name], how = mutated_weights(rng, files[name])
    elif name.endswith(".json"):
        value, how = mutate_json(rng, json.loads(files[name]))
        files[name] = json_bytes(rng, value)
    else:
        files[name] = mutated_lines(rng, files[name])
    if rng.random() < 0.8 and name == state:
        files[described] = json.dumps({**json.loads(files[described]), "sha256": sha256_bytes(files[state])}).encode()
    return Case(f"run {Path(name).suffix[1:]}", f"{name} {how}", files, resumed)


def index_case(rng: random.Random, data: bytes) -> Case:
    """The index of a training set."""
    header, body = split_weights(data)
    how = "header"
    if rng.random() < 0.5:
        about, how = mutate_json(rng, json.loads(header["__metadata__"]["training_index"]))
        header["__metadata__"]["training_index"] = json_bytes(rng, about).decode("utf-8", "replace")
        text = json.dumps(header).encode()
        changed = struct.pack("<Q", len(text)) + text + body
    else:
        changed, how = mutated_weights(rng, data)

    def opened(folder: Path) -> None:
        found = load_index(folder / "training_index.safetensors")
        found.nearest(torch.zeros(1, LENGTH) + torch.linspace(-0.5, 0.5, LENGTH))

    return Case("training index", how, {"training_index.safetensors": changed}, opened)


def models() -> Area:
    """Cases of models, runs, datasets and indexes."""
    known = tiny_models()
    place = Path(tempfile.mkdtemp(prefix="attack-data-"))
    dataset_folder(place / "data")
    data = files_of(place / "data")
    # Without validation sounds, which would take most of the time.
    dataset_folder(place / "heard", validation=False)
    run, resumed = run_of(place / "heard", place / "run")
    index = (Path(library.__file__).parents[1] / "weights" / "drums" / "training_index.safetensors").read_bytes()

    def case(rng: random.Random) -> Case:
        what = rng.random()
        if what < 0.5:
            return model_case(rng, known)
        if what < 0.55:
            return catalog_case(rng)
        if what < 0.7:
            return run_case(rng, run, resumed)
        return dataset_case(rng, data) if what < 0.93 else index_case(rng, index)

    return case
