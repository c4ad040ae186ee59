"""A small prepared dataset folder with synthesised hits, for tests of what reads such folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

SAMPLE_RATE = 44100
LENGTH = 16384
COUNTS = {"kick": 5, "snare": 3, "hat_closed": 4}


def hit(kind: str, number: int) -> np.ndarray:
    """One drum-like sound (LENGTH,) with its own pitch, decay and level, ending in silence."""
    time = np.arange(LENGTH) / SAMPLE_RATE
    noise = np.random.default_rng([number, len(kind)]).uniform(-1, 1, LENGTH)
    decay = np.exp(-time * (15 + 4 * number))
    if kind == "kick":
        sound = np.sin(2 * np.pi * (50 + 7 * number) * time + 3 * np.exp(-60 * time)) * decay
    elif kind == "snare":
        sound = (0.5 * np.sin(2 * np.pi * 190 * time) + 0.5 * noise) * decay
    else:
        sound = np.diff(noise, prepend=0.0) * np.exp(-time * 60)
    sound[int(LENGTH * 0.8) :] = 0
    return (sound / np.abs(sound).max() * (0.3 + 0.05 * number)).astype(np.float32)


def write_dataset(root: Path, extra_rows: tuple[dict[str, str], ...] = ()) -> Path:
    """Write the folder that `creativeml prepare` would make: 12 sounds in train, three in validation."""
    rows = list(extra_rows)
    for kind, count in COUNTS.items():
        for number in range(count + 1):
            path = f"audio/{kind}/{kind}_{number}.flac"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / path, hit(kind, number), SAMPLE_RATE, subtype="PCM_24")
            split = "validation" if number == count else "train"
            rows.append({"path": path, "class": kind, "split": split, "group": f"{kind}{number}"})
    description = {
        "format": 1,
        "sample_rate": SAMPLE_RATE,
        "length_samples": LENGTH,
        "kinds": [*COUNTS, "cowbell", "unlabelled"],
        "sources": [],
    }
    (root / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "class", "group", "split", "duplicate_of"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return root


@pytest.fixture
def dataset_writer() -> Callable[..., Path]:
    return write_dataset


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder that tests only read."""
    return write_dataset(tmp_path_factory.mktemp("dataset"))
