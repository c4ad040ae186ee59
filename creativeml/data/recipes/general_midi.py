"""The percussion map of General MIDI (MMA, 1991; keys above 81 as in GS): the kind of drum on a key."""

from __future__ import annotations

_BY_KIND = {
    "kick": (35, 36),
    "rim": (37,),
    "snare": (38, 40),
    "clap": (39,),
    "tom": (41, 43, 45, 47, 48, 50),
    "hat_closed": (42, 44),
    "hat_open": (46,),
    "crash": (49, 52, 55, 57),
    "ride": (51, 53, 59),
    "cowbell": (56,),
    # Whistles (71, 72) and the bell tree (84) are left out: no drum, no single hit.
    "perc": (54, 58, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, *range(73, 84), 85, 86, 87),
}

KIND_OF_KEY: dict[int, str] = {key: kind for kind, keys in _BY_KIND.items() for key in keys}


def kind_of_key(key: int, kit: str = "") -> str | None:
    """Kind of drum on a key, None where no single hit is. Brush kits have a slapped snare on 39."""
    if key == 39 and "brush" in kit.lower():
        return "snare"
    return KIND_OF_KEY.get(key)
