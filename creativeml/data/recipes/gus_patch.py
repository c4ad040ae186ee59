"""Read the samples of Gravis UltraSound patches (.pat), the format of the freepats project.

Layout after the "Gravis UltraSound Software Development Kit" 2.22 (1994), section on patch files: a 129-byte
file header, 63 bytes for the instrument, 47 for the layer, then for each sample 96 bytes and its data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from creativeml.errors import CreativeMLError

_FILE, _INSTRUMENT, _LAYER, _SAMPLE = 129, 63, 47, 96


@dataclass(frozen=True)
class PatchSample:
    """One sample: (n,) float32 in [-1, 1] and its rate in Hz."""

    samples: np.ndarray
    sample_rate: int


def read_patch(path: str | Path) -> PatchSample:
    """First sample of the first layer, which for a drum is the whole sound.

    Raises:
        CreativeMLError: not a patch, or truncated.
    """
    data = Path(path).read_bytes()
    first = _FILE + _INSTRUMENT + _LAYER
    if not data.startswith((b"GF1PATCH110\0", b"GF1PATCH100\0")) or len(data) < first + _SAMPLE:
        raise CreativeMLError(f"{path}: not a Gravis UltraSound patch, or truncated")
    size, _, _, rate = struct.unpack_from("<IIIH", data, first + 8)
    modes = data[first + 55]
    block = data[first + _SAMPLE : first + _SAMPLE + size]
    if len(block) < size or size == 0 or rate == 0:
        raise CreativeMLError(f"{path}: truncated (its sample should have {size} bytes, {len(block)} are there)")
    wide, unsigned = bool(modes & 1), bool(modes & 2)
    if wide:
        values = np.frombuffer(block[: size & ~1], dtype="<u2" if unsigned else "<i2").astype(np.float32)
        full = 32768.0
    else:
        values = np.frombuffer(block, dtype=np.uint8 if unsigned else np.int8).astype(np.float32)
        full = 128.0
    return PatchSample((values - full if unsigned else values) / full, rate)
