"""Download one Debian package as an ordinary user, from the user's own mirror, if need be from another suite.

`apt-get download` needs no root but needs package lists. Where the machine has none (a slim container) or
they lack the package, apt is run once more with lists of its own in a private folder. Signatures are checked
by apt in both cases.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
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
    apt = _Apt(folder, private, run)
    if suite:
        try:
            apt.get(apt.options_for(suite), "download", name)
            return
        except CreativeMLError as error:
            progress(f"{name}: not to be had from suite {suite} ({error}); taking this system's own version")
        finally:
            shutil.rmtree(private / suite, ignore_errors=True)
    try:
        apt.get([], "download", name)
    except CreativeMLError:
        apt.get(apt.own_lists(), "download", name)


class _Mirror(NamedTuple):
    address: str
    codename: str
    keyring: str


@dataclass
class _Apt:
    """apt with lists of its own where the system's do not do."""

    folder: Path
    private: Path
    run: _Run

    def get(self, options: list[str], verb: str, *names: str) -> str:
        what = " ".join(["apt-get", verb, *names])
        return self.run(["apt-get", *options, verb, *names], folder=self.folder, what=what)

    def own_lists(self) -> list[str]:
        """Options for fresh lists of the machine's own sources; a container may have none."""
        options = _lists_in(self.private / "own")
        self.get(options, "update")
        return options

    def options_for(self, suite: str) -> list[str]:
        """Options to see `suite` of the user's own Debian mirror alone; none if it is their suite."""
        targets = self.targets([]) or self.targets(self.own_lists())
        found = [mirror for archive, mirror in targets if archive == ("Debian", "Debian", "main")]
        if not found:
            raise CreativeMLError("this system's package sources name no Debian archive")
        mirror = found[0]
        if mirror.codename == suite:
            return []
        lists = _lists_in(self.private / suite)
        sources = self.private / suite / "sources.list"
        signed = f"[signed-by={mirror.keyring}] " if mirror.keyring.startswith("/") else ""
        sources.write_text(f"deb {signed}{mirror.address} {suite} main\n", encoding="utf-8")
        options = [*lists, "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
        self.get(options, "update")
        return options

    def targets(self, options: list[str]) -> list[tuple[tuple[str, ...], _Mirror]]:
        """(origin, label, component) and address of the archives that apt has lists of."""
        fields = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SITE)|$(CODENAME)|$(SIGNED_BY)"
        told = self.get([*options, "--format", fields], "indextargets", "Identifier: Packages")
        rows = [line.split("|") for line in told.splitlines()]
        # A field that apt does not know comes back as it was written, an unknown value empty.
        return [(tuple(row[:3]), _Mirror(*row[3:])) for row in rows if len(row) == 6 and row[0] and row[3]]


def _lists_in(folder: Path) -> list[str]:
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
