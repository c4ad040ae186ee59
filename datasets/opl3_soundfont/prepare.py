"""Recipe: the drum kit of the OPL-3 frequency-modulation chip, from the Debian package opl3-soundfont."""

from __future__ import annotations

from pathlib import Path

from creativeml.data.recipes.kits import Bank, kit_sounds
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.soundfont import read_soundfont
from creativeml.data.sources import Progress, SourceSound

NAME = "opl3-soundfont"
LICENCE = "CC-BY-SA-4.0"

PACKAGE = Package(
    client="apt",
    name="opl3-soundfont",
    version="1.0-4",
    sha256="d0534cc07a536e1cfa05b1d0c0befb8586840c8d0e163ef24c536ca1bb5c9aff",
    licence=LICENCE,
)


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """One kit, played key by key."""
    folder = fetch_package(PACKAGE, cache, progress)
    font = read_soundfont(folder / "usr" / "share" / "sounds" / "sf2" / "OPL-3_FM_128M.sf2")
    return kit_sounds([Bank(font, "opl3", LICENCE, "S", "Zandro Reveille, OPL-3 FM 128M")], family="opl3")
