"""What the programs of this folder that kill processes share."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE_S = 10.0
"""For children to leave once their parent was killed."""


def start(command: Sequence[str], environment: Mapping[str, str] | None = None, **more: object) -> subprocess.Popen:
    """A process in a session of its own, by which its children are found."""
    return subprocess.Popen(  # type: ignore[call-overload]
        list(command), start_new_session=True, env={**os.environ, **(environment or {})}, **more
    )


def kill(process: subprocess.Popen) -> None:
    """SIGKILL, and nothing before it."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def members(session: int) -> dict[int, str]:
    """Living processes of a session (Linux): {process: its command line}."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found[int(stat.parent.name)] = (stat.parent / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):  # it has gone meanwhile
            continue
    return found


def left_behind(session: int) -> dict[int, str]:
    """Children of a killed process that did not leave; they are killed then."""
    until = time.monotonic() + PATIENCE_S
    while (found := members(session)) and time.monotonic() < until:
        time.sleep(0.02)
    for number in found:
        os.kill(number, signal.SIGKILL)
    return found


def contents(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def told(stages: Counter[str]) -> str:
    """The stages at which processes were killed, with their numbers."""
    return ", ".join(f"{count} {stage}" for stage, count in sorted(stages.items()))
