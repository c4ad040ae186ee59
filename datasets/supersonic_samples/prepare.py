"""Recipe: the drum hits of Sonic Pi and later additions, from the npm package supersonic-scsynth-samples."""

from __future__ import annotations

from pathlib import Path

from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.sonic_pi import sonic_pi_sounds
from creativeml.data.sources import Progress, SourceSound

NAME = "supersonic-scsynth-samples"
LICENCE = "CC0-1.0"

PACKAGE = Package(
    client="npm",
    name="supersonic-scsynth-samples",
    version="0.84.2",
    sha256="aff0b03208adb5dc7612dc7a4e86d55161188326bcff4dbc2d20ce9e1b94238c",
    licence=LICENCE,
)


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """Some 120 hits; 90 of them are also in sonic-pi-samples and carry the same group there."""
    package = fetch_package(PACKAGE, cache, progress) / "package"
    return sonic_pi_sounds(package / "samples", package / "PROVENANCE.md", NAME)
