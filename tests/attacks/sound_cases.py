"""Mutated audio files: every container and encoding that is read and some that are refused, from real drums."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from mutations import EDGES, Mutation, mutated, packed, splice
from watched import Area, Case

from creativeml.audio.io import DEFAULT_LIMITS, read_audio
from creativeml.files import project_folder
from creativeml.kits.samples import LIMITS

READ = (
    *(("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("WAVEX", s) for s in ("PCM_16", "PCM_24", "FLOAT")),
    *((c, s) for c in ("RF64", "W64", "AIFF", "AU", "CAF") for s in ("PCM_16", "PCM_24", "FLOAT")),
    ("AIFF", "PCM_S8"),
    ("FLAC", "PCM_S8"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
)
REFUSED = (
    *(("WAV", s) for s in ("IMA_ADPCM", "MS_ADPCM", "GSM610", "ULAW")),
    ("W64", "IMA_ADPCM"),
    ("AIFF", "DWVW_16"),
    ("AU", "ULAW"),
    ("CAF", "ALAC_16"),
    ("SVX", "PCM_16"),
    ("VOC", "PCM_16"),
    ("NIST", "PCM_16"),
)


class Chunks(NamedTuple):
    """How a container lays out its chunks: where they begin, the head of each, and how its size is written."""

    start: int
    head: int
    at: int
    layout: str
    align: int


CHUNKED = {
    "WAV": Chunks(12, 8, 4, "<I", 2),
    "WAVEX": Chunks(12, 8, 4, "<I", 2),
    "RF64": Chunks(12, 8, 4, "<I", 2),
    "AIFF": Chunks(12, 8, 4, ">I", 2),
    "CAF": Chunks(8, 12, 4, ">Q", 1),
    "W64": Chunks(40, 24, 16, "<Q", 8),
}


def encoded(container: str, subtype: str, samples: np.ndarray, rate: int) -> bytes:
    """A file of (n,) or (n, channels) samples, as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def corpus() -> dict[str, list[bytes]]:
    """Files by format, of stretches of the starter pack, mono and stereo."""
    heard = []
    for kind in ("kick", "snare", "hat_closed", "clap"):
        path = sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[0]
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        heard.append((samples.mean(1)[: rate // 8], rate))
    files: dict[str, list[bytes]] = {}
    for number, (container, subtype) in enumerate((*READ, *REFUSED)):
        for samples, rate in (heard[number % 4], heard[(number + 1) % 4]):
            rate = 48_000 if subtype == "OPUS" else rate
            wide = np.stack([samples, -0.5 * samples], 1) if files.get(f"{container} {subtype}") else samples
            if container == "SVX" or subtype in ("GSM610", "DWVW_16"):
                wide = samples
            files.setdefault(f"{container} {subtype}", []).append(encoded(container, subtype, wide, rate))
    return files


def places(data: bytes, kind: Chunks) -> list[tuple[int, int]]:
    """(begin, end) of each chunk, head and padding included."""
    found, at = [], kind.start
    while at + kind.head <= len(data) and len(found) < 200:
        size = struct.unpack_from(kind.layout, data, at + kind.at)[0]
        whole = max(kind.head, size if kind.head == 24 else size + kind.head)
        end = min(len(data), at + whole + -whole % kind.align)
        found.append((at, end))
        at = end
    return found


def chunk_mutations(kind: Chunks) -> tuple[Mutation, ...]:
    """Lies of sizes, chunks twice, none, elsewhere, one in another, thousands, and fields of the format at an edge."""

    def chosen(rng: random.Random, data: bytes) -> tuple[int, int]:
        found = places(data, kind)
        return rng.choice(found) if found else (0, len(data))

    def size_lies(rng: random.Random, data: bytes) -> bytes:
        at, end = chosen(rng, data)
        wide = struct.calcsize(kind.layout)
        value = rng.choice((*EDGES, end - at, len(data), len(data) * 2, -1, -8, 1 << 62, 1 << 63, 23, 24))
        return data[: at + kind.at] + packed(kind.layout, value) + data[at + kind.at + wide :]

    def chunk_twice(rng: random.Random, data: bytes) -> bytes:
        at, end = chosen(rng, data)
        return data[:end] + data[at:end] * rng.choice((1, 1, 2, 50)) + data[end:]

    def chunk_gone(rng: random.Random, data: bytes) -> bytes:
        at, end = chosen(rng, data)
        return data[:at] + data[end:]

    def chunk_moved(rng: random.Random, data: bytes) -> bytes:
        at, end = chosen(rng, data)
        rest = data[:at] + data[end:]
        to = chosen(rng, rest)[0]
        return rest[:to] + data[at:end] + rest[to:]

    def chunk_nested(rng: random.Random, data: bytes) -> bytes:
        (at, end), (to, _) = chosen(rng, data), chosen(rng, data)
        return data[: to + kind.head] + data[at:end] + data[to + kind.head :]

    def chunks_without_end(rng: random.Random, data: bytes) -> bytes:
        name = rng.choice((b"LIST", b"PEAK", b"cue ", b"smpl", b"bext", b"junk", b"fact", b"INST", b"MARK", b"COMT"))
        head = (name * 6)[: kind.at] + packed(kind.layout, rng.choice((0, 0, kind.head)))
        to = chosen(rng, data)[0]
        return data[:to] + head * rng.choice((1, 100, 20_000)) + data[to:]

    def chunk_of_another(rng: random.Random, data: bytes) -> bytes:
        names = "LIST PEAK cue  smpl bext cart acid INST MARK ds64 fmt  COMM SSND desc chan info strg APPL id3 "
        name = names[5 * (at := rng.randrange(len(names) // 5)) : 5 * at + 4].encode()
        body = rng.choice((rng.randbytes(rng.choice((0, 1, 4, 24, 700))), b"\xff" * 64, b"INFOISFT" + b"\xff" * 8))
        size = rng.choice((len(body), len(body), *EDGES))
        to = chosen(rng, data)[0]
        return data[:to] + (name * 6)[: kind.at] + packed(kind.layout, size) + body + data[to:]

    def format_field(rng: random.Random, data: bytes) -> bytes:
        for at, _ in places(data, kind):
            if data[at : at + 4] in (b"fmt ", b"COMM", b"desc"):
                width = rng.choice((1, 2, 4, 8))
                field = at + kind.head + rng.randrange(0, 40, rng.choice((1, 2, 4)))
                value = rng.choice((*EDGES, 44_100, 768_001, 33, 1024, 24, 64, 0xFFFE))
                new = (value % (1 << 8 * width)).to_bytes(width, rng.choice(("little", "big")))
                return data[:field] + new + data[field + width :]
        return data

    return (
        size_lies, size_lies, chunk_twice, chunk_gone, chunk_moved, chunk_nested, chunks_without_end, chunk_of_another,
        format_field, format_field,
    )  # fmt: skip


def au_field(rng: random.Random, data: bytes) -> bytes:
    """Offset, size, encoding, rate or channels of a Sun file."""
    at = rng.choice((4, 8, 12, 16, 20))
    return data[:at] + packed(">I", rng.choice((*EDGES, 24, 27, 23, 5, 6, 7, len(data)))) + data[at + 4 :]


def stream_info(rng: random.Random, data: bytes) -> bytes:
    """FLAC: block sizes, frame sizes, rate, channels, bits or number of samples that are not so."""
    info = int.from_bytes(data[8:42], "big")
    # Bits from the end of the 34 bytes: the hash 128, samples 36, bits 5, channels 3, rate 20, frames 48, blocks 32.
    low, width = rng.choice(((128, 36), (164, 5), (169, 3), (172, 20), (192, 24), (216, 24), (240, 16), (256, 16)))
    mask = (1 << width) - 1
    value = rng.choice((0, 1, mask, mask - 1, 1 << (width - 1), rng.getrandbits(width), 53_000_000))
    info = (info & ~(mask << low)) | ((value & mask) << low)
    return data[:8] + info.to_bytes(34, "big")[-34:] + data[42:]


def flac_block(rng: random.Random, data: bytes) -> bytes:
    """FLAC: further blocks of metadata, with lengths and counts that lie; none called the last, or all."""
    kind = rng.choice((0, 1, 2, 3, 4, 5, 6, 126, 127)) | rng.choice((0, 0, 0x80))
    body = rng.choice((b"", rng.randbytes(50), packed("<I", 0xFFFFFFFF) * 4, packed(">I", 0xFFFFFFFF) * 8, bytes(5000)))
    length = rng.choice((len(body), len(body), 0, 0xFFFFFF, len(body) + 1))
    block = bytes([kind]) + length.to_bytes(3, "big") + body
    at = rng.choice((4, 42, 42))
    return data[:at] + block * rng.choice((1, 1, 1000 if len(body) < 100 else 1)) + data[at:]


_CRC = [0] * 256
for _byte in range(256):
    _value = _byte << 24
    for _ in range(8):
        _value = (_value << 1 ^ 0x04C11DB7 if _value & 0x80000000 else _value << 1) & 0xFFFFFFFF
    _CRC[_byte] = _value


def ogg_pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg stream; of what is none, the rest in one."""
    found, at = [], 0
    while data[at : at + 4] == b"OggS" and len(data) >= at + 27 and len(found) < 500:
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        found.append(data[at:end])
        at = end
    return found + ([data[at:]] if at < len(data) else [])


def checked_page(page: bytes) -> bytes:
    """With the checksum that it should have."""
    bare, value = page[:22] + bytes(4) + page[26:], 0
    for byte in bare:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return page[:22] + value.to_bytes(4, "little") + page[26:]


def ogg_page(rng: random.Random, data: bytes) -> bytes:
    """A page changed within or in its head, and its checksum put right: the decoder sees the lie."""
    pages = ogg_pages(data)
    number = rng.choice((0, 0, 1, 1, len(pages) - 1, rng.randrange(len(pages)))) % len(pages)
    page = bytearray(pages[number])
    if len(page) < 30:
        return data
    how = rng.random()
    if how < 0.35:
        at, width = rng.choice(((5, 1), (6, 8), (14, 4), (18, 4), (26, 1), (4, 1)))
        page[at : at + width] = (rng.choice((*EDGES, 1 << 62, 1 << 63, 2**40)) % (1 << 8 * width)).to_bytes(
            width, "little"
        )
    elif how < 0.9:
        for _ in range(rng.choice((1, 1, 3, 12))):
            at = rng.randrange(27, len(page)) if rng.random() < 0.5 else rng.randrange(27, min(len(page), 120))
            page[at] = rng.choice((0, 0xFF, rng.randrange(256), page[at] ^ 1 << rng.randrange(8)))
    else:
        pages.insert(number, bytes(page))
    pages[number] = checked_page(bytes(page))
    return b"".join(pages)


def ogg_chained(rng: random.Random, data: bytes) -> bytes:
    """Streams after one another, pages out of order or not there."""
    pages = ogg_pages(data)
    how = rng.randrange(4)
    if how == 0:
        return data * rng.choice((2, 3, 40))
    if how == 1:
        rng.shuffle(pages)
    elif how == 2:
        del pages[rng.randrange(len(pages))]
    else:
        pages = [page for page in pages for _ in range(rng.choice((1, 2)))]
    return b"".join(pages)


def mp3_frames(rng: random.Random, data: bytes) -> bytes:
    """Heads of MPEG frames of any kind, one after the other or strewn in."""

    def head() -> bytes:
        second = rng.choice((0xFB, 0xFA, 0xF3, 0xE3, 0xFD, 0xFF, 0xF2, 0xFC))
        return bytes([0xFF, second, rng.randrange(256), rng.randrange(256)])

    if rng.random() < 0.4:
        return b"".join(head() + rng.randbytes(rng.choice((0, 100, 413, 414, 1000))) for _ in range(rng.randint(2, 60)))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 5, 50))):
        at = changed.find(b"\xff", rng.randrange(len(changed)))
        if at >= 0:
            changed[at : at + 4] = head()
    return bytes(changed)


def mp3_tags(rng: random.Random, data: bytes) -> bytes:
    """Tags of any size before and after: ID3 (also in one another), APE, Xing, Info, VBRI, LAME."""
    how = rng.randrange(5)
    if how == 0:
        size = rng.choice((0, 10, 127, 1 << 20, (1 << 28) - 1))
        seven = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
        head = b"ID3" + bytes([rng.choice((2, 3, 4, 255)), 0, rng.choice((0, 0x10, 0x40, 0xC0, 0xFF))]) + seven
        return head * rng.choice((1, 2, 500)) + bytes(min(size, 2000)) + data
    if how == 1:
        frame = b"TIT2" + packed(">I", rng.choice((*EDGES, 20))) + b"\0\0\x01\xff\xfe" + b"x\0" * 9
        body = frame * rng.choice((1, 3, 2000))
        seven = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
        return b"ID3\x03\0\0" + seven + body + data
    if how == 2:
        return data + rng.choice((b"TAG" + bytes(125), b"APETAGEX" + b"\xff" * 24, b"TAG+" + bytes(223)))
    at = max(data.find(b"Xing"), data.find(b"Info"))
    if at < 0:
        return data
    if how == 3:
        return data[: at + 4] + packed(">III", *(rng.choice((*EDGES, 15)) for _ in range(3))) + data[at + 16 :]
    field = at + rng.randrange(4, 160)
    return data[:field] + rng.randbytes(rng.choice((1, 2, 3))) + data[field + 3 :]


OWN: dict[str, tuple[Mutation, ...]] = {
    **{name: chunk_mutations(kind) for name, kind in CHUNKED.items()},
    "AU": (au_field,),
    "FLAC": (stream_info, stream_info, flac_block),
    "OGG": (ogg_page, ogg_page, ogg_page, ogg_chained),
    "MP3": (mp3_frames, mp3_tags),
}


def drawn_sound(rng: random.Random, files: dict[str, list[bytes]], names: list[str]) -> tuple[str, str, bytes]:
    """(format, what was done, content) of one mutated file."""
    form = rng.choice(names)
    data = rng.choice(files[form])
    how = ""
    if rng.random() < 0.12:
        data, how = splice(rng, data, rng.choice(files[rng.choice(names)])), "splice+"
    elif rng.random() < 0.05:
        # The head of one container on the content of another.
        other = rng.choice(files[rng.choice(names)])
        size = rng.choice((4, 8, 12, 36, 44, 64))
        data, how = other[:size] + data[size:], "head of another+"
    changed, names_of = mutated(rng, data, OWN.get(form.split()[0], ()))
    return form, how + names_of, changed


def opener(rng: random.Random) -> Callable[[Path], object]:
    """Reads the file whole or a stretch of it, by the limits of datasets or of kits."""
    limits = rng.choice((DEFAULT_LIMITS, LIMITS))
    start = rng.choice((None, None, 0.0, 0.01, 0.1, 100.0, 1e6))
    end = rng.choice((None, None, 0.05, 0.2))

    def opened(folder: Path) -> None:
        audio = read_audio(folder / "sound.bin", start_s=start, end_s=end, limits=limits)
        values = audio.samples
        if values.ndim != 2 or not values.size or not np.isfinite(values).all() or values.dtype != np.float32:
            raise AssertionError(f"no sound: {values.shape} {values.dtype}")

    return opened


def sounds() -> Area:
    """Cases of single files."""
    files = corpus()
    names = [*(f"{c} {s}" for c, s in READ), *(f"{c} {s}" for c, s in READ), *(f"{c} {s}" for c, s in REFUSED)]

    def case(rng: random.Random) -> Case:
        form, how, data = drawn_sound(rng, files, names)
        return Case(form, how, {"sound.bin": data}, opener(rng))

    return case
