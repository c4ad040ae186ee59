"""How the starter pack was made: the CC0 sounds of four recipes, silent ends cut off, else as they came.

    python datasets/starter/build.py CACHE

CACHE is a folder for the packages that the recipes fetch (some 500 MB). Running it again writes the same
files.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from creativeml.data.recipes.library import load_recipe
from creativeml.data.sources import SourceSound
from creativeml.files import atomic_path, atomic_write_bytes

HERE = Path(__file__).resolve().parent
RECIPES = ("sonic_pi_samples", "hydrogen_drumkits", "fluid_soundfont", "supersonic_samples")
COLUMNS = ("path", "class", "group", "licence", "source", "credit", "original")
# Sounds that are, but for level or length, one of the others.
REPEATED = frozenset({"tabla_tun3"})
SILENCE = 10 ** (-84 / 20)
KEPT_AFTER_S = 0.005


def main(cache: Path) -> None:
    """Write the sounds and `manifest.csv` beside this file."""
    rows = []
    for stem, sound in _chosen(cache):
        samples, sample_rate, subtype = _read(sound)
        path = f"{sound.kind}/{re.sub(r'[^A-Za-z0-9_.-]', '_', stem)}.flac"
        with atomic_path(HERE / path) as temporary:
            soundfile.write(temporary, _without_silent_end(samples, sample_rate), sample_rate, subtype=subtype)
        values = (
            path,
            sound.kind,
            sound.group,
            sound.licence,
            sound.source,
            sound.credit,
            Path(sound.name).name,
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: str(row["path"])))
    atomic_write_bytes(HERE / "manifest.csv", table.getvalue().encode("utf-8"))
    print(f"{len(rows)} sounds in {HERE}")


def _chosen(cache: Path) -> Iterator[tuple[str, SourceSound]]:
    seen: set[str] = set(REPEATED)
    for name in RECIPES:
        for sound in load_recipe(name, HERE.parent).fetch(cache, print):
            stem = Path(sound.name).stem if sound.samples is None else Path(sound.name).name.replace(" ", "_")
            if sound.licence == "CC0-1.0" and sound.kind is not None and stem not in seen:
                seen.add(stem)
                yield stem, sound


def _read(sound: SourceSound) -> tuple[np.ndarray, int, str]:
    """Samples (n, channels), their rate in Hz, and a FLAC subtype that loses nothing."""
    if sound.samples is not None and sound.sample_rate is not None:
        samples = sound.samples() if callable(sound.samples) else sound.samples
        return samples.reshape(-1, 1), sound.sample_rate, "PCM_16"
    info = soundfile.info(str(sound.path))
    samples, sample_rate = soundfile.read(sound.path, dtype="float64", always_2d=True)
    return samples, sample_rate, "PCM_24" if info.subtype == "PCM_24" else "PCM_16"


def _without_silent_end(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    audible = np.flatnonzero(np.abs(samples).max(axis=1) > SILENCE)
    return samples[: int(audible[-1]) + 1 + int(KEPT_AFTER_S * sample_rate)]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {Path(__file__).name} CACHE")
    main(Path(sys.argv[1]))
