"""Download one Debian package as an ordinary user, from the user's own mirror, if need be from another suite.

`apt-get download` needs no root but needs package lists. Where the machine has none (a slim container) or
they lack the package, apt is run once more with lists of its own in a private folder. Signatures are checked
by apt in both cases.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from creativeml.data.sources import Progress
from creativeml.errors import CreativeMLError


class _Run(Protocol):
    def __call__(self, command: Sequence[str], *, folder: Path, what: str) -> str: ...


def download(name: str, folder: Path, *, suite: str, private: Path, run: _Run, progress: Progress) -> None:
    """Put the .deb of package `name` into `folder`.

    Args:
        suite: Debian suite to try first, "" for the machine's own only. Where the mirror lacks it (Ubuntu),
            the machine's own version is taken and `progress` told so.
        private: folder for package lists, outside the system's.

    Raises:
        CreativeMLError: no suite has the package, or the network fails.
    """
    if suite:
        try:
            options = _suite_options(suite, private / suite, folder, run)
            run(["apt-get", *options, "download", name], folder=folder, what=f"apt-get download {name}")
            return
        except CreativeMLError as error:
            progress(f"{name}: not to be had from suite {suite} ({error}); taking this system's own version")
        finally:
            shutil.rmtree(private / suite, ignore_errors=True)
    try:
        run(["apt-get", "download", name], folder=folder, what=f"apt-get download {name}")
    except CreativeMLError:
        options = _own_lists(private / "own")
        run(["apt-get", *options, "update"], folder=folder, what="apt-get update")
        run(["apt-get", *options, "download", name], folder=folder, what=f"apt-get download {name}")


def _own_lists(private: Path) -> list[str]:
    (private / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (private / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={private / 'lists'}", "-o", f"Dir::Cache={private / 'cache'}"]


def _suite_options(suite: str, private: Path, folder: Path, run: _Run) -> list[str]:
    """Options that let apt see `suite` of the user's own Debian mirror alone; none if it is their suite."""
    mirror = _debian_mirror(folder, run)
    if mirror.codename == suite:
        return []
    lists = _own_lists(private)
    sources = private / "sources.list"
    signed = f"[signed-by={mirror.keyring}] " if mirror.keyring.startswith("/") else ""
    sources.write_text(f"deb {signed}{mirror.address} {suite} main\n", encoding="utf-8")
    options = [*lists, "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
    run(["apt-get", *options, "update"], folder=folder, what=f"apt-get update (suite {suite})")
    return options


class _Mirror(NamedTuple):
    address: str
    codename: str
    keyring: str


def _debian_mirror(folder: Path, run: _Run) -> _Mirror:
    """The Debian archive that this machine uses, from its own configuration."""
    fields = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SITE)|$(CODENAME)|$(SIGNED_BY)"
    command = ["apt-get", "indextargets", "--format", fields, "Identifier: Packages"]
    for line in run(command, folder=folder, what="apt-get indextargets").splitlines():
        parts = line.split("|")
        if len(parts) == 6 and parts[:3] == ["Debian", "Debian", "main"] and parts[3]:
            # A field that apt does not know comes back as it was written.
            return _Mirror(*parts[3:])
    raise CreativeMLError("this system's package sources name no Debian archive")
