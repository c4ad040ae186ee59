"""How closely both faces follow the original on your own sounds, in one run.

    python tests/audio/descriptors/accuracy.py SOUNDS REFERENCE.csv

SOUNDS is a folder, REFERENCE.csv a table with a column `path` (below that folder) and a column for each of the seven
descriptors, as `make_reference.py` writes it. It prints, per descriptor and face, over all sounds and per kind (the
first folder of a path): the coefficient of determination R² against the reference, and the median, 90 % and largest
absolute error in points. Values that are missing or infinite in the table are left out and counted, and so are sounds
shorter than 10 ms, which have no descriptors. For the starter pack:

    python tests/audio/descriptors/accuracy.py datasets/starter tests/audio/descriptors/reference.csv
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from creativeml.audio.descriptors import TIMBRE, describe
from creativeml.audio.io import read_audio
from creativeml.errors import CreativeMLError

FACES = ("exact", "smooth")
Row = dict[str, object]


def main() -> int:
    """Measure, print, and write the rows if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sounds", type=Path, help="folder of the sounds")
    parser.add_argument("reference", type=Path, help="CSV: path and the seven values of the original")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th row only")
    parser.add_argument("--without", type=Path, metavar="FILE", help="text file of paths to leave out, one a line")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write reference and both faces of every sound (CSV)")
    given = parser.parse_args()
    with given.reference.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    left_out = set(given.without.read_text(encoding="utf-8").splitlines()) if given.without else set()
    table = [row for row in table if row["path"] not in left_out][:: given.every]
    rows = list(measured(given.sounds, tqdm(table, unit="sound", disable=None)))
    if not rows:
        print("no sound to measure", file=sys.stderr)
        return 1
    if given.rows:
        with given.rows.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    report(rows)
    return 0


def measured(folder: Path, table: Iterator[dict[str, str]]) -> Iterator[Row]:
    """Of every sound its path, kind, reference values (NaN: none) and those of both faces."""
    for entry in table:
        audio = read_audio(folder / entry["path"])
        samples = torch.from_numpy(audio.samples).mean(0)
        try:
            exact = describe(samples, audio.sample_rate, TIMBRE)
        except CreativeMLError as error:
            print(f"{entry['path']}: {error}", file=sys.stderr)
            continue
        with torch.no_grad():
            smooth = describe(samples, audio.sample_rate, TIMBRE, smooth=True)
        row: Row = {"path": entry["path"], "kind": entry["path"].split("/")[0]}
        for name in TIMBRE:
            reference = float(entry[name] or "nan")
            row[name] = reference if math.isfinite(reference) else math.nan
            row[f"{name} exact"], row[f"{name} smooth"] = float(exact[name]), float(smooth[name])
        yield row


def report(rows: list[Row]) -> None:
    """Print the tables."""
    print(f"{len(rows)} sounds: " + ", ".join(f"{k} {n}" for k, n in Counter(r["kind"] for r in rows).items()))
    for face in FACES:
        print(f"\n| {face} | sounds | R² | median | 90 % | largest | at |\n|---|---|---|---|---|---|---|")
        for name in TIMBRE:
            reference, error = errors(rows, name, face)
            used = [row for row in rows if not math.isnan(row[name])]
            worst = used[int(error.argmax())]["path"]
            print(f"| {name} | {len(error)} | {figures(reference, error)} | {error.max():.2f} | {worst} |")
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    for face in FACES:
        print(f"\n| {face}: median / 90 % | " + " | ".join(kinds) + " |\n" + "|---" * (len(kinds) + 1) + "|")
        for name in TIMBRE:
            cells = []
            for kind in kinds:
                _, error = errors([row for row in rows if row["kind"] == kind], name, face)
                cells.append(f"{np.median(error):.2f} / {np.quantile(error, 0.9):.2f}" if len(error) else "–")
            print(f"| {name} | " + " | ".join(cells) + " |")


def errors(rows: list[Row], name: str, face: str) -> tuple[np.ndarray, np.ndarray]:
    """Reference values and absolute errors of the sounds that have a reference value."""
    pairs = np.array([[row[name], row[f"{name} {face}"]] for row in rows], dtype=np.float64).reshape(-1, 2)
    pairs = pairs[~np.isnan(pairs[:, 0])]
    return pairs[:, 0], np.abs(pairs[:, 1] - pairs[:, 0])


def figures(reference: np.ndarray, error: np.ndarray) -> str:
    """R², median and 90 % as cells of a table."""
    spread = ((reference - reference.mean()) ** 2).sum()
    determined = 1 - (error**2).sum() / spread if spread else math.nan
    return f"{determined:.4f} | {np.median(error):.3f} | {np.quantile(error, 0.9):.2f}"


if __name__ == "__main__":
    sys.exit(main())
