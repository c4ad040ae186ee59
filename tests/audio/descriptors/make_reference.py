"""Regenerate `reference.csv`: the seven values of the original AudioCommons code for the sounds of the starter pack.

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

import timbral_models

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


def value(name: str, path: Path) -> str:
    """One value as text with four decimals, or nothing if the original raises."""
    try:
        return f"{float(FUNCTIONS[name](str(path))):.4f}"
    except Exception as error:
        print(f"{path.name}: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return ""


def main() -> None:
    """Write the table."""
    warnings.simplefilter("ignore")
    with (HERE / "reference.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", *FUNCTIONS])
        for path in sorted(STARTER.glob("*/*.flac")):
            writer.writerow([path.relative_to(STARTER).as_posix(), *(value(name, path) for name in FUNCTIONS)])


if __name__ == "__main__":
    main()
