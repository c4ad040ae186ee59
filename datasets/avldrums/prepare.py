"""Recipe: the five acoustic kits of AVL Drumkits, from the Debian package avldrums.lv2-soundfont."""

from __future__ import annotations

import re
from pathlib import Path

from creativeml.data.recipes.kits import Bank, sample_sounds
from creativeml.data.recipes.naming import kind_of_name
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.soundfont import read_soundfont
from creativeml.data.sources import Progress, SourceSound
from creativeml.errors import CreativeMLError

NAME = "avldrums"
LICENCE = "CC-BY-SA-3.0"

# Debian 12 has 0.5.2 with fewer kits, so Debian 13 is asked first.
PACKAGE = Package(
    client="apt",
    name="avldrums.lv2-soundfont",
    version="0.7.3-1",
    sha256="c5879904287dafd5c580412a09ff534032b22e7e57746352ed000919d4add468",
    licence=LICENCE,
    suite="trixie",
)
# "42-HatClosed-03": key, drum, velocity layer.
_NAME = re.compile(r"^(\d\d)-([A-Za-z0-9]+(?:-[LR])?)-(\d+)$")
_LEFT_OUT = re.compile(r"Choke|FootStomp|BellTree")
_KIND = {
    "StickClick": "perc",
    # The bell of a cymbal, as on a ride.
    "CymbalBell": "ride",
    # The shank of the stick on the ride crashes it: above 2 kHz the first 60 ms lie -6 to +13 dB over what follows
    # (0.2 to 0.7 s), as with the crashes of these kits (-9 to +10), not 9 to 27 dB as with tip and bell.
    "RideShank": "crash",
}
# Played with other sticks, but the same drums.
_SAME_DRUMS = {"Blonde_Bop_HR": "Blonde_Bop"}
# Left and right hand on one drum.
_SAME_KEY = {"47": "45", "43": "41", "40": "38"}


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """650 hits, up to ten velocity layers a drum; kits that lend each other drums repeat them."""
    folder = fetch_package(PACKAGE, cache, progress) / "usr" / "share" / "sounds" / "sf2"
    sounds = []
    for path in sorted(folder.glob("*.sf2")):
        kit = path.stem.removesuffix("_LV2")
        bank = Bank(read_soundfont(path), f"avl-{kit}", LICENCE, "S", "Glen MacArthur, AVL Drumkits")
        sounds += sample_sounds(bank, lambda name, kit=kit: _choose(kit, name))
    if not sounds:
        raise CreativeMLError(f"{folder}: holds no kits; delete the cache folder and fetch again")
    return sounds


def _choose(kit: str, name: str) -> tuple[str, str] | None:
    parsed = _NAME.match(name)
    if parsed is None or _LEFT_OUT.search(name):
        return None
    key, drum = parsed[1], parsed[2]
    kind = _KIND.get(drum) or kind_of_name(drum) or "perc"
    home = _SAME_DRUMS.get(kit, kit)
    hand = _SAME_KEY.get(key, key) if drum.endswith(("-L", "-R")) else key
    return kind, f"avldrums/{home}/{hand}"
