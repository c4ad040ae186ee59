"""Memory that was kept goes back on demand."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest


def test_what_was_kept_is_given_back():
    """In a process of its own; the C library's own count of what it holds would not do: the system's counts."""
    if platform.libc_ver()[0] != "glibc" or platform.system() != "Linux":
        pytest.skip("another C library than glibc")
    code = (
        "from pathlib import Path; from creativeml.memory import give_back, keep_large_blocks;"
        "import numpy; keep_large_blocks();"
        "held = lambda: int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 2**20;"
        "before = held(); block = numpy.ones(25 << 20); full = held(); del block; kept = held();"
        "print(full - before, kept - before, give_back(), held() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    full, kept, told, after = done.stdout.split()
    assert float(full) > 190 and float(kept) > 190 and told == "True" and float(after) < 20
