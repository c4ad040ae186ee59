"""Archives that mean harm: bombs, lies, links, ways out, entries twice or in one another."""

from __future__ import annotations

import gzip
import io
import random
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Mapping

from mutations import EDGES, mutated

OUT = ("../up.wav", "/etc/passwd", "a/../../b", "C:/x.wav", "a\\..\\b", "..", ".", "", "/", "con", "a\0b", "x" * 70_000,
       "\u202egnp.wav", "a\nb", "💥" * 90, "a//b", "./a", "~/x", "a/" * 200 + "b")  # fmt: skip


def mutated_zip(rng: random.Random, files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A zip archive of files with one of its parts turned against the reader."""
    how = rng.choice(
        ("path", "link", "bomb", "twice", "many", "head", "head", "end", "overlap", "flags", "nested", "crc")
    )
    packing = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    entries = list(files.items())
    if how == "path":
        at = rng.randrange(len(entries))
        entries[at] = (rng.choice(OUT), entries[at][1])
    elif how == "bomb":
        name = rng.choice([name for name, _ in entries])
        entries = [(n, bytes(rng.choice((1 << 20, 40 << 20))) if n == name else d) for n, d in entries]
        packing = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    elif how == "twice":
        entries.append(rng.choice(entries))
    elif how == "many":
        entries += [(f"more/{n}", b"") for n in range(rng.choice((100, 5000)))]
    elif how == "nested":
        entries = [(n, _zip(entries, packing) if rng.random() < 0.5 else d) for n, d in entries]
    mode = rng.choice((stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK)) if how == "link" else stat.S_IFREG
    data = bytearray(_zip(entries, packing, mode))
    marks = {
        "head": (b"PK\x01\x02", 46),
        "end": (b"PK\x05\x06", 22),
        "flags": (b"PK\x03\x04", 30),
        "crc": (b"PK\x01\x02", 46),
    }
    if how in marks:
        mark, size = marks[how]
        places = [n for n in range(len(data)) if data[n : n + 4] == mark]
        for _ in range(rng.choice((1, 1, 3))):
            at = rng.choice(places) + (
                rng.choice((6, 8)) if how == "flags" else 16 if how == "crc" else rng.randrange(4, size)
            )
            width = rng.choice((1, 2, 4))
            data[at : at + width] = (rng.choice(EDGES) % (1 << 8 * width)).to_bytes(width, "little")
    elif how == "overlap":
        # Every entry of the directory points at the first file.
        at = -1
        while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
            data[at + 42 : at + 46] = bytes(4)
    return bytes(data), how


def mutated_tar(rng: random.Random, files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A gzipped tar archive of files with one of its parts turned against the reader."""
    how = rng.choice(
        ("path", "link", "bomb", "twice", "many", "head", "head", "gzip", "long", "pax", "sparse", "members")
    )
    out = io.BytesIO()
    form = rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT))
    if how in ("path", "pax"):
        form = rng.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    entries = list(files.items())
    chosen = rng.randrange(len(entries))
    with tarfile.open(fileobj=out, mode="w", format=form) as bundle:
        for number, (name, data) in enumerate(entries):
            entry = tarfile.TarInfo(name)
            if how == "path" and number == chosen:
                entry.name = rng.choice(OUT)
            if how == "bomb" and number == chosen:
                data = bytes(rng.choice((1 << 20, 60 << 20)))
            if how == "link" and number == chosen:
                entry.type = rng.choice(
                    (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"Z", b"S")
                )
                entry.linkname = rng.choice(("/etc/passwd", "../x", name, entries[0][0]))
            if how == "pax" and number == chosen:
                keys = (
                    "path",
                    "size",
                    "linkpath",
                    "GNU.sparse.major",
                    "GNU.sparse.size",
                    "GNU.sparse.map",
                    "hdrcharset",
                )
                entry.pax_headers = {rng.choice(keys): rng.choice((*OUT[:7], "-1", "9" * 30, "1,2,3", "x"))}
            entry.size = len(data)
            copies = {"twice": 2, "many": rng.choice((50, 5000))}.get(how, 1) if number == chosen else 1
            for copy in range(copies):
                if how == "many":
                    entry.name, entry.size = (name, len(data)) if not copy else (f"m{copy}", 0)
                bundle.addfile(entry, io.BytesIO(data))
    plain = bytearray(out.getvalue())
    if how in ("head", "sparse", "long"):
        at = 512 * rng.randrange(max(1, len(plain) // 512))
        if rng.random() < 0.7:
            at = 0
        field, width = rng.choice(
            ((0, 100), (100, 8), (124, 12), (124, 12), (148, 8), (156, 1), (157, 100), (257, 8), (345, 155))
        )
        if how != "head":
            field, width = 156, 1
        value = rng.choice(
            (b"L", b"K", b"x", b"g", b"S", b"7", b"\x80" + b"\xff" * 11, b"77777777777", b"-1", rng.randbytes(12))
        )
        plain[at + field : at + field + min(width, len(value))] = value[:width]
        total = sum(plain[at : at + 148]) + 8 * 32 + sum(plain[at + 156 : at + 512])
        if field != 148:
            plain[at + 148 : at + 156] = b"%06o\0 " % total
    data = gzip.compress(bytes(plain), 1, mtime=0)
    if how == "gzip":
        return mutated(rng, data)
    if how == "members":
        data = b"".join(gzip.compress(bytes(plain[n : n + 700]), 1) for n in range(0, min(len(plain), 70_000), 700)) * 2
    return data, how


def _zip(entries: list[tuple[str, bytes]], packing: int, mode: int = stat.S_IFREG) -> bytes:
    archive = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(archive, "w", packing) as bundle:
        warnings.simplefilter("ignore")
        for name, data in entries:
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            entry.external_attr, entry.compress_type = (mode | 0o644) << 16, packing
            try:
                bundle.writestr(entry, data)
            except (struct.error, ValueError, zipfile.LargeZipFile):
                bundle.writestr("too-long", data)
    return archive.getvalue()
