"""The sounds of kits as bytes: mono wavs of 24 bits with nothing but samples, and what exports add to them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from creativeml.audio.io import wav_bytes
from creativeml.errors import CreativeMLError

BIT_DEPTH = 24
_WIDTH = BIT_DEPTH // 8
_PCM, _EXTENSIBLE = 1, 0xFFFE


def wav_of(samples: np.ndarray, sample_rate: int, *, name: str = "sound") -> bytes:
    """A plain wav of samples `(n,)` in [-1, 1]; AudioFileError if they are not finite or exceed full scale."""
    return wav_bytes(samples, sample_rate, bits=BIT_DEPTH, path=name)


def plain_wav(data: bytes, *, name: str = "sound") -> bytes:
    """The same samples without any other chunk, so that equal sounds have equal bytes.

    Raises:
        CreativeMLError: no mono PCM wav of 24 bits, cut short, or without samples.
    """
    rate, pcm = _content(data, name)
    fmt = struct.pack("<HHIIHH", _PCM, 1, rate, rate * _WIDTH, _WIDTH, BIT_DEPTH)
    body = b"WAVE" + _chunk(b"fmt ", fmt) + _chunk(b"data", pcm)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def sample_rate_of(data: bytes, *, name: str = "sound") -> int:
    """Samples per second; CreativeMLError as `plain_wav`."""
    return _content(data, name)[0]


def samples_of(data: bytes, *, name: str = "sound") -> np.ndarray:
    """Samples `(n,)`, float32 in [-1, 1], exactly those of the file; CreativeMLError as `plain_wav`."""
    _, pcm = _content(data, name)
    padded = np.zeros((len(pcm) // _WIDTH, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(pcm, np.uint8).reshape(-1, _WIDTH)
    # The three bytes at the top of a 32-bit integer: its sign is theirs. 24 bits fit into a float32.
    return ((padded.view("<i4").reshape(-1) >> 8) / float(1 << (BIT_DEPTH - 1))).astype(np.float32)


def for_sampler(data: bytes, note: int, info: Mapping[str, str]) -> bytes:
    """A plain wav with what samplers and file browsers read: a `smpl` chunk without loops, and texts.

    Args:
        data: of `plain_wav`.
        note: MIDI note at which the sound is as recorded.
        info: texts of a LIST INFO chunk by their four-letter codes.
    """
    rate = sample_rate_of(data)
    # Manufacturer, product, period of a sample in ns, unity note, no fine tuning, no SMPTE time, no loops.
    sampler = struct.pack("<9I", 0, 0, round(1e9 / rate), note, 0, 0, 0, 0, 0)
    texts = b"".join(_chunk(code.encode("ascii"), text.encode() + b"\x00") for code, text in info.items() if text)
    body = data[8:] + _chunk(b"smpl", sampler)
    if texts:
        body += _chunk(b"LIST", b"INFO" + texts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _content(data: bytes, name: str) -> tuple[int, bytes]:
    """Sample rate and the bytes of the samples."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise CreativeMLError(f"{name}: not a wav; give sounds of a kit as mono wavs of {BIT_DEPTH} bits")
    chunks = dict(_chunks(data))
    fmt, pcm = chunks.get(b"fmt ", b""), chunks.get(b"data", b"")
    if len(fmt) < 16:
        raise CreativeMLError(f"{name}: a wav that does not say its format; export it again")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    if code == _EXTENSIBLE and len(fmt) >= 26:
        code = struct.unpack_from("<H", fmt, 24)[0]
    if (code, channels, bits) != (_PCM, 1, BIT_DEPTH):
        what = f"a wav of {channels} channels and {bits} bits, format {code}"
        raise CreativeMLError(f"{name}: {what}; sounds of a kit are mono PCM wavs of {BIT_DEPTH} bits: convert it")
    if not pcm or len(pcm) % _WIDTH or not rate:
        raise CreativeMLError(f"{name}: a wav without samples, or cut short; export it again")
    return rate, pcm


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position + 8 <= len(data):
        size = struct.unpack_from("<I", data, position + 4)[0]
        content = data[position + 8 : position + 8 + size]
        if len(content) == size:
            yield data[position : position + 4], content
        position += 8 + size + size % 2


def _chunk(identity: bytes, content: bytes) -> bytes:
    return identity + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)
