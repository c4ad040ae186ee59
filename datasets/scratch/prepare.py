"""Recipe: the drums of the programming language Scratch, from the last permissive releases on npm."""

from __future__ import annotations

from pathlib import Path

from creativeml.data.recipes.naming import kind_of_name
from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.sources import Progress, SourceSound
from creativeml.errors import CreativeMLError

NAME = "scratch"
LICENCE = "BSD-3-Clause"

# Later releases of scratch-vm are AGPL, so the version is held fast.
AUDIO = Package(
    client="npm",
    name="scratch-audio",
    version="1.0.0",
    sha256="e864e924c2f4322981096f8ec5ece478cbd60adaf4df0f38d39b1f47ee361e5f",
    licence=LICENCE,
)
VM = Package(
    client="npm",
    name="scratch-vm",
    version="1.6.0",
    sha256="09008639393f8897121aeb008e8d7392fd876af42fb6b2d373df20b18c54fa7a",
    licence=LICENCE,
)
_FOLDERS = (
    (AUDIO, "package/sound-files/drums", "*.wav"),
    (VM, "package/src/extensions/scratch3_music/assets/drums", "*.mp3"),
)


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """22 hits at 22 kHz and 18 compressed ones."""
    sounds = []
    for package, inside, pattern in _FOLDERS:
        folder = fetch_package(package, cache, progress) / inside
        paths = sorted(folder.glob(pattern))
        if not paths:
            raise CreativeMLError(f"{folder}: holds no drum sounds; delete the cache folder and fetch again")
        sounds += [_sound(path, package.name) for path in paths]
    return sounds


def _sound(path: Path, source: str) -> SourceSound:
    return SourceSound(
        path=path,
        kind=kind_of_name(path.stem),
        group=f"{source}/{path.stem}",
        licence=LICENCE,
        tier="A",
        source=source,
        credit="Scratch Team, Massachusetts Institute of Technology",
        name=f"{source}/{path.name}",
    )
