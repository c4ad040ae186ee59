"""Lengths that Fourier transforms are quick at."""

from __future__ import annotations

import functools


@functools.lru_cache(maxsize=256)
def fast_size(least: int, *, step: int = 2) -> int:
    """The smallest multiple of `step` from `least` on without a prime factor above 5: quick for every FFT library.

    By default it is even, as the length of a real transform and back must be.
    """
    size = -(-least // step) * step
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += step
