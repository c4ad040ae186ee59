"""Recipe: the starter pack beside this file, 192 public-domain sounds. Nothing is fetched."""

from __future__ import annotations

import csv
from pathlib import Path

from creativeml.data.sources import Progress, SourceSound
from creativeml.errors import CreativeMLError

NAME = "starter"
LICENCE = "CC0-1.0"


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """The sounds that `manifest.csv` names; `cache` is not used."""
    folder = Path(__file__).resolve().parent
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise CreativeMLError(f"the starter pack is incomplete ({error}); install creativeml again") from error
    missing = [row["path"] for row in rows if not (folder / row["path"]).is_file()]
    if missing:
        raise CreativeMLError(
            f"the starter pack lacks {len(missing)} sounds, first {missing[0]}; install creativeml again"
        )
    progress(f"starter pack: {len(rows)} sounds, {LICENCE}")
    return [
        SourceSound(
            path=folder / row["path"],
            kind=row["class"],
            group=row["group"],
            licence=row["licence"],
            tier="A",
            source=row["source"],
            credit=row["credit"],
            name=f"starter/{row['path']}",
        )
        for row in rows
    ]
