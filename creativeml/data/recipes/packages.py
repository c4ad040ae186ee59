"""Fetch a package of a distribution or language registry into a cache folder, without root, and unpack it.

The package managers do the download and check it against their signed index; what was tested is recorded
beside each recipe, so that a newer version is announced instead of surprising. A package is unpacked beside
its final place and renamed, so an interrupted fetch leaves nothing that looks complete. Who has no such
manager can put the archive itself into `CACHE/archives`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from creativeml.data.recipes import apt
from creativeml.data.recipes.unpack import unpack
from creativeml.data.sources import Progress
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_json, sha256_file

_MARKER = "fetched.json"
_CLIENTS: Mapping[str, str] = {
    "apt": "apt-get (it comes with Debian and Ubuntu, also in a container)",
    "npm": "npm (it comes with Node.js, nodejs.org)",
    "pip": "pip (python -m ensurepip --upgrade)",
}


@dataclass(frozen=True)
class Package:
    """A package as a recipe was tested with it.

    Attributes:
        client: "apt", "npm" or "pip".
        name: the package's name there.
        version: the version that was tested. npm and pip fetch exactly this one; apt gives what the suite
            has.
        sha256: of the archive that was tested.
        licence: in a few words, for the person who waits.
        suite: Debian suite to prefer over the machine's own, because it has more ("trixie").
    """

    client: str
    name: str
    version: str
    sha256: str
    licence: str
    suite: str = ""

    @property
    def file_stem(self) -> str:
        """Beginning of the archive's file name, as its client writes it."""
        return self.name.lstrip("@").replace("/", "-") + ("_" if self.client == "apt" else "-")

    @property
    def folder_name(self) -> str:
        """Name of its folder in the cache."""
        return f"{self.client}-{self.file_stem[:-1]}"


def fetch_package(package: Package, cache: Path, progress: Progress) -> Path:
    """Folder with the unpacked content of `package`, fetched into `cache` if it is not there yet.

    Args:
        cache: folder for everything fetched; created if missing. `cache/archives` may hold archives put there
            by hand.
        progress: told in one line what was fetched, its version, its licence and whether it is the tested
            one.

    Raises:
        CreativeMLError: the client is missing or fails, or an archive is not what was tested under that
        version.
    """
    target = cache / "packages" / package.folder_name
    if (target / _MARKER).is_file():
        progress(f"{package.name}: already in {target} ({package.licence})")
        return target / "content"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{package.client}-", dir=cache) as work:
        archive = _archive_by_hand(package, cache) or _download(package, cache, Path(work), progress)
        found = _identify(package, archive, progress)
        fresh = Path(work) / "unpacked"
        unpack(archive, fresh / "content")
        atomic_write_json(fresh / _MARKER, found)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)  # only what an older, marker-less fetch can have left
        fresh.replace(target)
    progress(f"{package.name} {found['version']}: fetched into {target}; licence: {package.licence}")
    return target / "content"


def fetched_version(package: Package, cache: Path) -> str:
    """Version of a package that is in the cache; "" if it is not there."""
    marker = cache / "packages" / package.folder_name / _MARKER
    return json.loads(marker.read_text(encoding="utf-8"))["version"] if marker.is_file() else ""


def run_client(command: Sequence[str], *, folder: Path, what: str) -> str:
    """Run a package manager in `folder` and return its standard output.

    Raises:
        CreativeMLError: it exits with an error; the message ends with its reason.
    """
    done = subprocess.run(
        list(command),
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "ERROR", "npm error", "npm ERR!"))]
        reason = (errors or lines or ["no message"])[0].strip()
        raise CreativeMLError(f"{what} failed: {reason}")
    return done.stdout


def _archive_by_hand(package: Package, cache: Path) -> Path | None:
    folder = cache / "archives"
    candidates = sorted(folder.glob(package.file_stem + "*")) if folder.is_dir() else []
    return candidates[-1] if candidates else None


def _download(package: Package, cache: Path, work: Path, progress: Progress) -> Path:
    if package.client not in _CLIENTS:
        raise ValueError(f"unknown client '{package.client}'")
    missing = package.client != "pip" and shutil.which({"apt": "apt-get", "npm": "npm"}[package.client]) is None
    if missing:
        raise CreativeMLError(
            f"'{package.name}' is fetched with {_CLIENTS[package.client]}, which is missing; install it, "
            f"or put the package's archive ({package.file_stem}...) into {cache / 'archives'}"
        )
    progress(f"{package.name}: downloading with {package.client}")
    download = {"apt": _download_apt, "npm": _download_npm, "pip": _download_pip}[package.client]
    folder = work / "download"
    folder.mkdir()
    download(package, cache, folder, progress)
    archives = sorted(folder.glob("*"))
    if len(archives) != 1:
        raise CreativeMLError(f"{package.client} left {len(archives)} files instead of one for '{package.name}'")
    return archives[0]


def _download_apt(package: Package, cache: Path, folder: Path, progress: Progress) -> None:
    apt.download(package.name, folder, suite=package.suite, private=cache / "apt", run=run_client, progress=progress)


def _download_npm(package: Package, cache: Path, folder: Path, progress: Progress) -> None:
    wanted = f"{package.name}@{package.version}"
    run_client(["npm", "pack", wanted, "--pack-destination", str(folder)], folder=cache, what=f"npm pack {wanted}")


def _download_pip(package: Package, cache: Path, folder: Path, progress: Progress) -> None:
    # A requirements file can carry the hash, and pip then refuses anything else before it looks inside.
    requirements = folder.parent / "requirements.txt"
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    run_client(
        [*pip, "--dest", str(folder), "-r", str(requirements)],
        folder=cache,
        what=f"pip download {package.name}",
    )


def _identify(package: Package, archive: Path, progress: Progress) -> dict[str, str]:
    digest = sha256_file(archive)
    version = archive.name.removeprefix(package.file_stem)
    for ending in (".deb", ".tgz", ".tar.gz", ".zip", ".whl"):
        version = version.removesuffix(ending)
    version = version.rsplit("_", 1)[0].replace("%3a", ":") if package.client == "apt" else version
    if digest != package.sha256:
        if version == package.version and package.client != "apt":
            raise CreativeMLError(
                f"{archive.name}: not what was tested as version {version} (SHA-256 {digest[:16]}..., "
                f"expected {package.sha256[:16]}...); delete it and fetch it again"
            )
        # A distribution rebuilds packages, so the same version may differ in bytes; its index vouches for it.
        progress(
            f"{package.name}: got version {version}, the recipe was tested with {package.version}; "
            "number and names of the sounds may differ"
        )
    return {"package": package.name, "version": version, "sha256": digest, "licence": package.licence}
