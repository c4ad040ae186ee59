"""Recipe: what the shipped models were trained on, all open corpora, no copyleft beyond CC-BY-SA."""

from __future__ import annotations

from pathlib import Path

from creativeml.data.recipes.library import load_recipe
from creativeml.data.sources import Progress, SourceSound

NAME = "open-drums"
LICENCE = "per sound: CC0-1.0, MIT, BSD-3-Clause, CC-BY-3.0, CC-BY-SA-3.0, CC-BY-SA-4.0; as a whole CC-BY-SA-4.0"

PARTS = (
    "sonic_pi_samples",
    "supersonic_samples",
    "scratch",
    "fluid_soundfont",
    "hydrogen_drumkits",
    "avldrums",
    "opl3_soundfont",
)
TIERS = frozenset({"A", "S"})


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """The sounds of tiers A and S of all parts; a part that cannot be had fails the whole."""
    folder = Path(__file__).resolve().parent.parent
    sounds = []
    for name in PARTS:
        found = load_recipe(name, folder).fetch(cache, progress)
        kept = [sound for sound in found if sound.tier in TIERS]
        left = f", {len(found) - len(kept)} of other licences left out" if len(found) > len(kept) else ""
        progress(f"{name}: {len(kept)} sounds{left}")
        sounds += kept
    return sounds
