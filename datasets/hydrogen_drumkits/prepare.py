"""Recipe: kits of the drum machine Hydrogen, from the Debian packages hydrogen-drumkits and hydrogen-data."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from creativeml.data.recipes.hydrogen import Kit, kit_files
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.sources import Progress, SourceSound

NAME = "hydrogen-drumkits"
LICENCE = "per kit: CC0-1.0, CC-BY-3.0, CC-BY-SA-3.0, GPL-2.0"

DRUMKITS = Package(
    client="apt",
    name="hydrogen-drumkits",
    version="2017.09.19~dfsg-1",
    sha256="6ea3c6df9a67762e2362f946c695e619859126b19fbccf32a2e8f07dfd03b2f4",
    licence=LICENCE,
)
DATA = Package(
    client="apt",
    name="hydrogen-data",
    version="1.2.0~beta1+dfsg-1",
    sha256="d2cc3f281c02efb71f132bd173e95a958d3fede7c5aefcaba6547baf918cff2a",
    licence="GPL-2.0-or-later",
)
_EXCEPTION = "GPL-2.0-or-later with composition exception"
OPEN_KITS = (
    Kit(
        folder="Audiophob",
        licence="CC0-1.0",
        tier="A",
        credit="freesound.org users, collected by Audiophob",
        # Under "pedal hi-hat" and "cowbell" lie a shaker-like noise and a tuned blip.
        kinds={"156272__dayvonjersen__fxshake5": "perc", "122557__anillogic__trimo-c3": "perc"},
        by_instrument=True,
    ),
    Kit(
        folder="rumpf_kit_z01_h2",
        licence="CC-BY-3.0",
        tier="A",
        credit="Emanuel Rumpf, rumpf_kit_z01",
        # The kit maps the same beats to General MIDI at random; these eleven are what their instrument says.
        kinds={
            "beats_06-38": "kick",
            "beats_06-46": "kick",
            "beats_07-20": "kick",
            "beats_09-12": "rim",
            "beats_01-21": "snare",
            "beats_06-25": "snare",
            "beats_01-26": "clap",
            "beats_09-10": "hat_closed",
            "beats_06-28": "hat_closed",
            "beats_08-18": "tom",
            "beats_08-32": "cowbell",
        },
        rest_unlabelled=True,
    ),
    Kit(
        folder="BJA_Pacific",
        licence="CC-BY-SA-3.0-US",
        tier="S",
        credit="Luc Tanguay and Bransin James Anderson, BJA Pacific",
        by_instrument=True,
        left_out=frozenset(f"SN3_0{number}" for number in range(1, 5)),  # rolls
    ),
    Kit(
        folder="circAfrique v4",
        licence="CC-BY-SA-3.0",
        tier="S",
        credit="Jim Harney, circAfrique",
        drum=r"^\w+",
    ),
)
GPL_KITS = (
    Kit("ColomboAcousticDrumkit", _EXCEPTION, "G", "Marcos Guglielmetti"),
    Kit("ElectricEmpireKit", "GPL-2.0-or-later", "G", "Artemiy Pavlov"),
    Kit(
        folder="ForzeeStereo",
        licence="GPL-2.0-only",
        tier="G",
        credit="Vladimir Sadovnikov and Alexander Belokurov",
        kinds={f"Stick-{layer}": "perc" for layer in range(4)},  # sticks struck together
        by_instrument=True,
    ),
    Kit("Gimme A Hand 1.0", "GPL-2.0-only", "G", "Glen MacArthur"),
    Kit("HardElectro1", "GPL-2.0-or-later", "G", "Artemiy Pavlov", by_instrument=True),
    Kit("Millo-Drums_v.1", "GPL-2.0-only", "G", "Emiliano Grilli"),
    Kit("Millo_MultiLayered2", "GPL-2.0-only", "G", "Emiliano Grilli"),
    Kit("Millo_MultiLayered3", "GPL-2.0-only", "G", "Emiliano Grilli", by_instrument=True),
    Kit("The Black Pearl 1.0", "GPL-2.0-only", "G", "Glen MacArthur"),
    Kit("VariBreaks", "GPL-2.0-or-later", "G", "Artemiy Pavlov"),
)
# hydrogen-data's other kit, GMRockKit, repeats The Black Pearl sample for sample.
DATA_KITS = (Kit("TR808EmulationKit", "GPL-2.0-or-later", "G", "Artemiy Pavlov"),)


def _with_author(sound: SourceSound) -> SourceSound:
    """freesound.org names its files by number and person, and Audiophob kept the names."""
    named = re.match(r"^(\d+)__([^_].*?)__", sound.path.name)
    if named is None:
        return sound
    return replace(sound, credit=f"{named[2]}, freesound.org sound {named[1]} (kit by Audiophob)")


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """Kits of all licences: look at the tier of a sound before you train something to give away."""
    sounds = []
    inside = Path("usr") / "share" / "hydrogen" / "data" / "drumkits"
    for package, kits in ((DRUMKITS, (*OPEN_KITS, *GPL_KITS)), (DATA, DATA_KITS)):
        folder = fetch_package(package, cache, progress) / inside
        for kit in kits:
            if (folder / kit.folder).is_dir():
                source = f"{package.name}-{re.sub(r'[^A-Za-z0-9_]', '', kit.folder)}"
                sounds += map(_with_author, kit_files(folder / kit.folder, kit, source))
            else:
                progress(f"{package.name}: this version has no kit '{kit.folder}'; it is left out")
    return sounds
