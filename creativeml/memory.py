"""Keep large freed blocks in the process, so that tensors are not paged in anew at every step.

glibc's malloc returns blocks over a threshold to the system as soon as they are freed; a network that allocates the
same activations at every step then spends more time in page faults than in arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
import platform

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MAX_INT = 2**31 - 1


@functools.cache
def keep_large_blocks() -> bool:
    """Tell glibc to reuse freed memory instead of returning it; does nothing with another C library.

    Call it before the first large tensor is made. The process keeps its peak memory until it ends.

    Returns:
        Whether the settings were taken.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, _MAX_INT), (_M_TRIM_THRESHOLD, _MAX_INT), (_M_TOP_PAD, 64 << 20))
    return all([mallopt(name, value) == 1 for name, value in settings])


def give_back() -> bool:
    """Return freed memory to the system, also what `keep_large_blocks` has kept: after work that comes rarely.

    Returns:
        Whether the C library took the wish; others than glibc return memory as they see fit.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    ctypes.CDLL(None).malloc_trim(0)
    return True
