"""Spectrograms as PNG and sounds as FLAC, in data URIs: the page needs no file beside it."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.io import flac_bytes
from creativeml.audio.log_mel import log_mel

LOW_DB, HIGH_DB = -75.0, -5.0
COLOURS = 64
_STOPS = np.array(
    [
        (0.00, 12, 13, 24),
        (0.22, 38, 26, 92),
        (0.44, 116, 34, 122),
        (0.64, 204, 66, 88),
        (0.82, 248, 142, 58),
        (0.94, 252, 212, 98),
        (1.00, 255, 251, 220),
    ]
)


def png_bytes(levels: np.ndarray) -> bytes:
    """A picture of values between 0 and 1, `(rows, columns)`, the first row on top, in `COLOURS` colours.

    Indexed PNG (ISO/IEC 15948): one byte for a point, the colours in a palette.
    """
    rows, columns = levels.shape
    numbers = np.clip(np.rint(levels * (COLOURS - 1)), 0, COLOURS - 1).astype(np.uint8)
    filtered = np.concatenate([np.zeros((rows, 1), np.uint8), numbers], 1)
    places = np.linspace(0, 1, COLOURS)
    palette = np.stack([np.interp(places, _STOPS[:, 0], _STOPS[:, c]) for c in (1, 2, 3)], 1)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", np.rint(palette).astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(filtered.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def spectrogram(sound: Tensor, sample_rate: int, seconds: float, *, columns: int = 208, rows: int = 96) -> str:
    """Data URI of a mel spectrogram: 30 Hz to 20 kHz upwards, `seconds` to the right, -75 to -5 dB in colour.

    The scale of levels is the same for every sound, so pictures can be compared.

    Args:
        sound: `(samples,)`, full scale = 1.
        sample_rate: in Hz.
        seconds: stretch to show; silence is added where the sound is shorter.
        columns, rows: points of the picture.
    """
    wanted = max(columns, round(seconds * sample_rate))
    hop = max(1, wanted // columns)
    shown = torch.nn.functional.pad(sound.float()[:wanted], (0, max(0, wanted - len(sound))))
    levels = log_mel(shown[None], sample_rate, window_samples=2048, hop_samples=hop, bands=rows)[0, :, :columns]
    scaled = ((levels - LOW_DB) / (HIGH_DB - LOW_DB)).clamp(0, 1).flip(0).numpy()
    return "data:image/png;base64," + base64.b64encode(png_bytes(scaled)).decode()


def sounding_seconds(sound: Tensor, sample_rate: int) -> float:
    """Time until a sound stays 40 dB below its peak, at least 0.15 s."""
    level = sound.abs()
    last = int(torch.nonzero(level >= max(float(level.max()) * 0.01, 1e-9)).amax()) if bool(level.any()) else 0
    return max(0.15, (last + 1) / sample_rate)


def encoded(sound: Tensor, sample_rate: int) -> str:
    """A sound as 16-bit FLAC in base64, without its silent end; scaled down only if it exceeds full scale."""
    audible = torch.nonzero(sound.abs() > 0.5 / 32768).flatten()
    kept = sound[: int(audible[-1]) + 1] if len(audible) else sound[:1024]
    kept = kept / kept.abs().max().clamp_min(1.0)
    return base64.b64encode(flac_bytes(kept.double().numpy(), sample_rate, bits=16)).decode()
