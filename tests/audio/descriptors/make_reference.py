"""Regenerate `reference.csv` and `reference_changed.csv`: the seven values of the original AudioCommons code for the
sounds of the starter pack, and for changed copies of some of them (`changed.py`).

Needs an environment of its own, since the original runs with old libraries only (Python 3.9 to 3.11):

    pip install numpy==1.23.5 librosa==0.9.2 scipy==1.11.4 numba==0.58.1 scikit-learn==1.3.2 "setuptools<81"
    pip install pyloudnorm soundfile six
    pip install --no-deps timbral_models==0.4.0
    python tests/audio/descriptors/make_reference.py

A value that the original cannot compute is left empty.
"""

from __future__ import annotations

import csv
import sys
import warnings
from pathlib import Path

import numpy as np
import soundfile
import timbral_models
from changed import CHANGES, SOUNDS, changed

HERE = Path(__file__).resolve().parent
STARTER = HERE.parents[2] / "datasets" / "starter"
FUNCTIONS = {
    "brightness": timbral_models.timbral_brightness,
    "depth": timbral_models.timbral_depth,
    "warmth": timbral_models.timbral_warmth,
    "hardness": timbral_models.timbral_hardness,
    "roughness": timbral_models.timbral_roughness,
    "sharpness": timbral_models.timbral_sharpness,
    "boominess": timbral_models.timbral_booming,
}


def value(name: str, label: str, sound: str | np.ndarray, sample_rate: int = 0) -> str:
    """One value, of a file or of samples, as text with four decimals, or nothing if the original raises."""
    try:
        return f"{float(FUNCTIONS[name](sound, fs=sample_rate)):.4f}"
    except Exception as error:
        print(f"{label}: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return ""


def write(name: str, rows: list[list[str]], keys: list[str]) -> None:
    """A table beside this file."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([[*keys, *FUNCTIONS], *rows])


def main() -> None:
    """Write both tables."""
    warnings.simplefilter("ignore")
    rows = []
    for path in sorted(STARTER.glob("*/*.flac")):
        rows.append([path.relative_to(STARTER).as_posix(), *(value(name, path.name, str(path)) for name in FUNCTIONS)])
    write("reference.csv", rows, ["path"])
    rows = []
    for name in SOUNDS:
        samples, sample_rate = soundfile.read(STARTER / name, always_2d=True)
        for change in CHANGES:
            copy, rate = changed(samples.mean(1), sample_rate, change)
            # The functions write into what they are given.
            values = [value(descriptor, f"{name}, {change}", copy.copy(), rate) for descriptor in FUNCTIONS]
            rows.append([name, change, *values])
    write("reference_changed.csv", rows, ["path", "change"])


if __name__ == "__main__":
    main()
