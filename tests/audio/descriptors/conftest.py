"""Sounds of the starter pack with the values that the original AudioCommons code gives them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from creativeml.audio.io import read_audio

HERE = Path(__file__).resolve().parent
STARTER = HERE.parents[2] / "datasets" / "starter"


class Sound(NamedTuple):
    path: str
    samples: Tensor
    rate: int
    reference: dict[str, float]


@pytest.fixture(scope="session")
def starter() -> Callable[[int], list[Sound]]:
    """`starter(step)`: every `step`-th sound of the pack (sorted by kind), one channel, float32."""

    def load(step: int) -> list[Sound]:
        with (HERE / "reference.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = []
        for row in rows[::step]:
            audio = read_audio(STARTER / row["path"])
            values = {name: float(value) for name, value in row.items() if name != "path" and value}
            found.append(Sound(row["path"], torch.from_numpy(audio.samples).mean(0), audio.sample_rate, values))
        return found

    return load
