"""Recipe: the drum hits of Sonic Pi, from the Debian package sonic-pi-samples."""

from __future__ import annotations

from pathlib import Path

from creativeml.data.recipes.packages import Package, fetch_package
from creativeml.data.recipes.sonic_pi import sonic_pi_sounds
from creativeml.data.sources import Progress, SourceSound

NAME = "sonic-pi-samples"
LICENCE = "CC0-1.0"

PACKAGE = Package(
    client="apt",
    name="sonic-pi-samples",
    version="3.2.2~repack-8",
    sha256="25f2312d2fae005e6ad0f4726b8ed3084e776006a5a132083506e960224ac79d",
    licence=LICENCE,
)


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """The 90-odd hits among the package's samples."""
    samples = fetch_package(PACKAGE, cache, progress) / "usr" / "share" / "sonic-pi" / "samples"
    return sonic_pi_sounds(samples, samples / "README.md", NAME)
