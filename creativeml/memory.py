"""Keep large freed blocks in the process, so that tensors are not paged in anew at every step.

glibc's malloc returns blocks over a threshold to the system as soon as they are freed; a network that allocates the
same activations at every step then spends more time in page faults than in arithmetic.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import platform

# How allocators of torch, CUDA and the system say that there is no more; none has a class of error of its own.
_SAID = (
    "can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc",
    "alloc_failed", "can't start new thread", "failed to map segment",
)  # fmt: skip

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
_MAX_INT = 2**31 - 1


def _has_glibc() -> bool:
    return platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"


@functools.cache
def keep_large_blocks() -> bool:
    """Tell glibc to reuse freed memory instead of returning it; does nothing with another C library.

    Call it before the first large tensor is made. The process keeps its peak memory until it ends.

    Returns:
        Whether the settings were taken.
    """
    if not _has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, _MAX_INT), (_M_TRIM_THRESHOLD, _MAX_INT), (_M_TOP_PAD, 64 << 20))
    return all([mallopt(name, value) == 1 for name, value in settings])


def share_arenas() -> bool:
    """Let the threads of a server take memory from two places instead of one each: what one has freed serves all.

    Call it before threads begin.

    Returns:
        Whether the C library took the wish; others than glibc do as they see fit.
    """
    if not _has_glibc():
        return False
    return ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2) == 1


def give_back() -> bool:
    """Return freed memory to the system, also what `keep_large_blocks` has kept: after work that comes rarely.

    Returns:
        Whether the C library took the wish; others than glibc return memory as they see fit.
    """
    if not _has_glibc():
        return False
    ctypes.CDLL(None).malloc_trim(0)
    return True


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory has come to its end, of this machine or of its accelerator."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # An ImportError: what is loaded late finds no room for its code.
    return isinstance(error, (RuntimeError, ImportError)) and any(said in str(error).lower() for said in _SAID)


def advice(verb: str) -> str:
    """What a person can do who has not enough memory for a verb of the command line."""
    ways = {
        "train": "start a new run with a smaller --batch-size (with --accumulate N the result stays that of N times as"
        " many sounds), --precision bf16-mixed, or shorter sounds (`creativeml prepare --length`)",
        "export": "export one part at a time",
        "generate": "ask for fewer sounds at once (--count)",
        "prepare": "give fewer --workers, shorter sounds (--length, --max-seconds), or fewer folders at once",
        "map": "give fewer --workers, or fewer sounds at once",
        "describe": "describe fewer sounds at once",
        "transfer": "give shorter sounds",
        "resynthesize": "give fewer or shorter sounds at once",
        "evaluate": "compare fewer sounds at once",
    }
    return f"there is not enough memory for that: {ways.get(verb, 'ask for less at once')}, or close other programs"
