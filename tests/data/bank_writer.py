"""Writes SoundFonts, Gravis patches and Debian packages small enough to know every byte of."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping, Sequence

import numpy as np
import soundfile

RATE = 44100
Zone = tuple[str, Mapping[int, int]]


def soundfont(
    samples: Mapping[str, tuple[np.ndarray, int]],
    kits: Mapping[str, Sequence[Zone]],
    *,
    vorbis: bool = False,
    low_bytes: Mapping[str, np.ndarray] | None = None,
    loop: tuple[int, int] | None = None,
    bank: int = 128,
) -> bytes:
    """A SoundFont.

    Args:
        samples: name -> (int16 samples, root key).
        kits: preset name -> zones, each a sample's name and its generators; one instrument each.
        vorbis: compress the samples, as SF3 does, and leave out the pad byte, as its writers do.
        low_bytes: lowest 8 bits of 24, by sample.
        loop: of every sample, in samples from its start.
    """
    data, low, headers = bytearray(), bytearray(), bytearray()
    for name, (stored, root) in samples.items():
        start = len(data) if vorbis else len(data) // 2
        if vorbis:
            buffer = io.BytesIO()
            soundfile.write(buffer, stored / 32768, RATE, format="OGG", subtype="VORBIS")
            data += buffer.getvalue()
            first, last, kind, end = 0, len(stored), 1 | 0x10, len(data)
        else:
            data += stored.astype("<i2").tobytes() + bytes(92)
            low += (low_bytes or {}).get(name, np.zeros(len(stored), np.uint8)).tobytes() + bytes(46)
            first, last, kind, end = start, start + len(stored), 1, start + len(stored)
        if loop is not None:
            first, last = first + loop[0], first + loop[1]
        numbers = (start, end, first, last, RATE, root, 0, 0, kind)
        headers += struct.pack("<20s5IBbHH", name.encode(), *numbers)
    headers += struct.pack("<20s5IBbHH", b"EOS", *([0] * 9))
    chunks = [_chunk(b"smpl", bytes(data), pad=not vorbis)]
    if low_bytes is not None:
        chunks.append(_chunk(b"sm24", bytes(low)))
    information = _list(b"INFO", [_chunk(b"ifil", struct.pack("<HH", 2, 4)), _chunk(b"isng", b"EMU8000\0")])
    tables = _list(b"pdta", [*_tables(list(samples), kits, bank), _chunk(b"shdr", bytes(headers))])
    sound = _list(b"sdta", chunks, pad=not vorbis)
    body = b"sfbk" + information + sound + tables
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tables(names: list[str], kits: Mapping[str, Sequence[Zone]], bank: int) -> list[bytes]:
    presets, preset_bags, preset_generators = bytearray(), bytearray(), bytearray()
    instruments, bags, generators = bytearray(), bytearray(), bytearray()
    for number, (kit, zones) in enumerate(kits.items()):
        presets += struct.pack("<20sHHHIII", kit.encode(), number, bank, number, 0, 0, 0)
        preset_bags += struct.pack("<HH", number, 0)
        preset_generators += struct.pack("<HH", 41, number)
        instruments += struct.pack("<20sH", kit.encode(), len(bags) // 4)
        for sample, values in zones:
            bags += struct.pack("<HH", len(generators) // 4, 0)
            # Ranges come first and the sample last (section 8.1.2, keyRange and sampleID).
            for generator in sorted(values, key=lambda generator: generator not in (43, 44)):
                generators += struct.pack("<HH", generator, values[generator] & 0xFFFF)
            generators += struct.pack("<HH", 53, names.index(sample))
    presets += struct.pack("<20sHHHIII", b"EOP", 0, 0, len(kits), 0, 0, 0)
    preset_bags += struct.pack("<HH", len(kits), 0)
    instruments += struct.pack("<20sH", b"EOI", len(bags) // 4)
    bags += struct.pack("<HH", len(generators) // 4, 0)
    end, no_modulators = bytes(4), bytes(10)
    return [
        _chunk(b"phdr", bytes(presets)),
        _chunk(b"pbag", bytes(preset_bags)),
        _chunk(b"pmod", no_modulators),
        _chunk(b"pgen", bytes(preset_generators) + end),
        _chunk(b"inst", bytes(instruments)),
        _chunk(b"ibag", bytes(bags)),
        _chunk(b"imod", no_modulators),
        _chunk(b"igen", bytes(generators) + end),
    ]


def _chunk(name: bytes, data: bytes, pad: bool = True) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) & 1 if pad else 0)


def _list(name: bytes, chunks: list[bytes], pad: bool = True) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks), pad)


def gravis_patch(samples: np.ndarray, rate: int, modes: int = 1) -> bytes:
    """A patch with one sample; modes: 1 = 16 bits, 2 = unsigned."""
    data = samples.tobytes()
    head = b"GF1PATCH110\0ID#000002\0".ljust(129, b"\0") + bytes(63 + 47)
    fields = struct.pack("<7sBIIIHIIIH", b"drum", 0, len(data), 0, len(data), rate, 20, 20000, 440, 512)
    return head + (fields.ljust(55, b"\0") + bytes([modes])).ljust(96, b"\0") + data


def debian_package(files: Mapping[str, bytes], name: str = "fixture", version: str = "1") -> bytes:
    """A .deb with these files, by path without a leading slash."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <n@example.org>\n"
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tarball({"control": (control + "Description: fixture\n").encode()}),
        "data.tar.gz": tarball(files),
    }
    archive = b"!<arch>\n"
    for member, data in members.items():
        archive += f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data
        archive += b"\n" if len(data) & 1 else b""
    return archive


def tarball(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            bundle.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
