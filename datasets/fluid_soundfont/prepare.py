"""Recipe: the drum kits of FluidR3, FluidR3Mono and MuseScore General, and its marching drumline."""

from __future__ import annotations

import re
from pathlib import Path

from creativeml.data.recipes.kits import Bank, kit_sounds, sample_sounds
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.soundfont import SoundFont, read_soundfont
from creativeml.data.sources import Progress, SourceSound

NAME = "fluid-soundfont"
LICENCE = "MIT (marching drumline CC0-1.0)"

FLUID = Package(
    client="apt",
    name="fluid-soundfont-gm",
    version="3.1-5.3",
    sha256="6f531493ac4e4d9772fd96b2488ea1790af81c196135fbdd25997da0781fc60e",
    licence="MIT",
)
MUSESCORE = Package(
    client="apt",
    name="musescore-general-soundfont-lossless",
    version="0.2.1-1",
    sha256="ece0ce63dc4d4d44fecbd3ee6761b328e66c189892b2b369cbd8e79b4411a82b",
    licence="MIT, parts CC0-1.0 or public domain",
)
MONO = Package(
    client="apt",
    name="fluidr3mono-gm-soundfont",
    version="2.315-7",
    sha256="4098301bf29f4253c2f5799a844f42dd4aa733d91a210071ad16d7757dea51d6",
    licence="MIT",
)
_DRUMLINE = (
    (r"^MBass-\d hit", "kick"),
    (r"^MSnr-(hit|rim shot|stick shot|backstick)", "snare"),
    (r"^(MSnr-rim \d|(MTnr-\w+|MBass-\d) rim)", "rim"),
    (r"^(MSnr-(shell|stick click)|MTnr-mallet)", "perc"),
    (r"^MTnr-\w+ (hit|mute)", "tom"),
    (r"^MCym1 crash", "crash"),
)


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """Three banks of one family, grouped together, because most of their drums are the same recordings."""
    shared = Path("usr") / "share" / "sounds"
    fluid = read_soundfont(fetch_package(FLUID, cache, progress) / shared / "sf2" / "FluidR3_GM.sf2")
    lossless = fetch_package(MUSESCORE, cache, progress) / shared / "sf2" / "MuseScore_General_Full.sf2"
    musescore = read_soundfont(lossless)
    mono = read_soundfont(_mono_bank(fetch_package(MONO, cache, progress)))
    banks = [
        Bank(fluid, "fluidr3", "MIT", "A", "Frank Wen, FluidR3"),
        Bank(
            musescore,
            "musescore",
            "MIT",
            "A",
            "Frank Wen, Michael Cowgill, S. Christian Collins, MuseScore General",
        ),
        Bank(mono, "fluidr3mono", "MIT", "A", "Frank Wen, Michael Cowgill, FluidR3Mono"),
    ]
    return [*kit_sounds(banks, family="fluid-family"), *_drumline(musescore)]


def _mono_bank(folder: Path) -> Path:
    # The bank is reached by a link in one place and is a file in the other, and links are not unpacked
    # everywhere.
    real = folder / "usr" / "share" / "fluidr3mono-gm-soundfont" / "FluidR3Mono_GM.sf3"
    return real if real.is_file() else folder / "usr" / "share" / "sounds" / "sf3" / "FluidR3Mono_GM.sf3"


def _drumline(font: SoundFont) -> list[SourceSound]:
    drums = "S. Christian Collins and Amir Oosman, MuseScore Drumline"
    cymbals = "Sam Gossner, Versilian Community Sample Library"
    sounds = []
    for credit, beginning in ((drums, ("MB", "MS", "MT")), (cymbals, ("MC",))):
        bank = Bank(font, "musescore-mdl", "CC0-1.0", "A", credit)
        sounds += sample_sounds(bank, lambda name, beginning=beginning: _choose(name, beginning))
    return sounds


def _choose(name: str, beginning: tuple[str, ...]) -> tuple[str, str] | None:
    if not name.startswith(beginning):
        return None
    for pattern, kind in _DRUMLINE:
        if re.search(pattern, name):
            drum = re.sub(r" (pp|mp|mf|ff)?\d$", "", name).replace(" ", "_")
            return kind, f"musescore-drumline/{drum}"
    return None
