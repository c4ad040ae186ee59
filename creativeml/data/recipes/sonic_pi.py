"""The drum samples of Sonic Pi: which files are single hits, their kind, their drum, who recorded them.

Two packages carry them: sonic-pi-samples (Debian) and supersonic-scsynth-samples (npm, with later additions).
Both name the groups alike, so that the sounds they share stay together.
"""

from __future__ import annotations

import re
from pathlib import Path

from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError

LICENCE = "CC0-1.0"

_BY_PREFIX = {
    "bd": "kick",
    "sn": "snare",
    "hat": "hat_closed",
    "ride": "ride",
    "perc": "perc",
    "tabla": "perc",
}
_BY_NAME = {
    "hat_len": "hat_open",
    "drum_bass_hard": "kick",
    "drum_bass_soft": "kick",
    "drum_heavy_kick": "kick",
    "drum_cowbell": "cowbell",
    "drum_cymbal_closed": "hat_closed",
    "drum_cymbal_pedal": "hat_closed",
    "drum_cymbal_open": "hat_open",
    "drum_cymbal_hard": "crash",
    "drum_cymbal_soft": "crash",
    "drum_splash_hard": "crash",
    "drum_splash_soft": "crash",
    "drum_snare_hard": "snare",
    "drum_snare_soft": "snare",
    **{f"drum_tom_{size}_{force}": "tom" for size in ("hi", "mid", "lo") for force in ("hard", "soft")},
    **dict.fromkeys(("elec_snare", "elec_hi_snare", "elec_mid_snare", "elec_lo_snare", "elec_filt_snare"), "snare"),
    **dict.fromkeys(("elec_soft_kick", "elec_hollow_kick"), "kick"),
    **dict.fromkeys(("elec_bell", "elec_bong", "elec_flip", "elec_pop", "elec_tick", "elec_twip", "elec_wood"), "perc"),
    "elec_triangle": "perc",
    "elec_cymbal": "crash",
    "elec_fuzz_tom": "tom",
    **{f"glitch_perc{number}": "perc" for number in range(1, 6)},
    **dict.fromkeys(("tbd_perc_blip", "tbd_perc_tap_1", "tbd_perc_tap_2"), "perc"),
    "tbd_perc_hat": "hat_closed",
}
# Percussive by name, but no hit of a drum.
_LEFT_OUT = frozenset({"perc_door", "perc_swash", "perc_swoosh"})
_TAKES = re.compile(r"_(hard|soft)$|(?<=_ghe|_tas|_tun)\d$|(?<=_ke|_te)\d$|(?<=_tap)_\d$")
_CREDIT = re.compile(
    r"`:?(\w+)`\s*-\s*\**\s*https?://(?:www\.)?freesound\.org/people/([^/]+)/sounds/(\d+)", re.IGNORECASE
)


def kind_of_sample(name: str) -> str | None:
    """Kind of a Sonic Pi sample by its name without ending; None for loops, tones and noises."""
    if name in _LEFT_OUT:
        return None
    return _BY_NAME.get(name) or _BY_PREFIX.get(name.split("_")[0])


def sonic_pi_sounds(folder: Path, credits_file: Path, source: str) -> list[SourceSound]:
    """The hits among the FLAC files of `folder`.

    Args:
        credits_file: the package's list of who recorded what.
        source: name of the source for the manifest.

    Raises:
        CreativeMLError: the folder holds none.
    """
    credits = read_credits(credits_file)
    sounds = []
    for path in sorted(folder.glob("*.flac")):
        kind = kind_of_sample(path.stem)
        if kind is not None:
            sounds.append(
                SourceSound(
                    path=path,
                    kind=kind,
                    group=f"sonic-pi/{_TAKES.sub('', path.stem)}",
                    licence=LICENCE,
                    tier="A",
                    source=source,
                    credit=credits.get(path.stem, "Sonic Pi"),
                    name=f"{source}/{path.name}",
                )
            )
    if not sounds:
        raise CreativeMLError(f"{folder}: holds none of Sonic Pi's samples; delete the cache folder and fetch again")
    return sounds


def read_credits(path: Path) -> dict[str, str]:
    """Who recorded each sample, from the list that the package brings along; empty if it is missing."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    credits = {}
    for name, person, number in _CREDIT.findall(text):
        # The list writes "perc_impact_1" for the file perc_impact1.
        credits[name] = credits[re.sub(r"_(?=\d$)", "", name)] = (
            f"{person.replace('%20', ' ')}, freesound.org sound {number}"
        )
    for name in re.findall(r"`(tbd_\w+)`\s*-\s*Donated by The Black Dog", text):
        credits[name] = "The Black Dog"
    return credits
