"""Archives and descriptions that mean harm: each is refused in one line, and nothing is written anywhere."""

import gzip
import io
import json
import stat
import tarfile
import time
import zipfile

import numpy as np
import pytest
import soundfile

from creativeml.errors import CreativeMLError
from creativeml.kits import decentsampler, hydrogen, sfz, wav_files
from creativeml.kits.archive import ArchiveLimits, read_archive, read_folder
from creativeml.kits.formats import read_kit


def zipped(*entries: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644, packing: int = zipfile.ZIP_STORED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as bundle:
        for name, data in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = mode << 16, packing
            bundle.writestr(entry, data)
    return archive.getvalue()


def tarred(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as bundle:
        for name, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(data), kind, link
            bundle.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def refused(data: bytes, word: str, **limits) -> None:
    before = time.perf_counter()
    with pytest.raises(CreativeMLError, match=word) as caught:
        read_archive(data, "bad", ArchiveLimits(**limits))
    assert "\n" not in str(caught.value) and time.perf_counter() - before < 5


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("path", ["/etc/passwd", "../up.wav", "a/../../up.wav", "C:/win.wav", "a\\..\\b.wav", "c:win"])
def test_paths_that_lead_out(pack, path):
    refused(pack((path, b"x")), "leads out")


def test_links_devices_and_files_twice():
    refused(zipped(("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "link or device")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        refused(tarred(("a", b""), kind=kind, link="/etc/passwd"), "link or device")
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = zipped(("a", b"1"), ("a", b"2"))
    refused(twice, "twice")
    refused(tarred(("a/b", b"1"), ("a//b", b"2")), "twice")


def test_bombs():
    refused(zipped(("a", bytes(64 << 20)), packing=zipfile.ZIP_DEFLATED), "200 times")
    refused(tarred(("a", bytes(64 << 20))), "200 times")
    refused(zipped(("a", bytes(5000)), ("b", bytes(5000))), "larger than", max_bytes=8000)
    refused(zipped(*((str(i), b"") for i in range(50))), "more than 40 files", max_files=40)
    refused(tarred(*((str(i), b"") for i in range(50))), "more than 40 files", max_files=40)
    refused(b"PK" + bytes(100), "larger than", max_packed=50)
    # A header that lies about the size of what follows, of which nothing can be believed.
    lying = bytearray(zipped(("a", bytes(40 << 20)), packing=zipfile.ZIP_DEFLATED))
    at = lying.index(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (100).to_bytes(4, "little")
    refused(bytes(lying), "damaged|200 times")
    # A tar that is nothing but an endless name, and one whose compressed stream is endless headers.
    refused(gzip.compress(tarred_name(64 << 20)), "200 times")


def tarred_name(length: int) -> bytes:
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, length
    return entry.tobuf(tarfile.GNU_FORMAT) + b"a" * length


def test_damaged_archives(kit):
    for data in (b"", b"PK", b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(40), b"RIFF", zipped(("a", b"x"))[:-30]):
        refused(data, "damaged|neither")
    whole = hydrogen.write(kit)
    for cut in (20, 1000, len(whole) // 2, len(whole) - 5):
        with pytest.raises(CreativeMLError):
            read_kit(whole[:cut])
    flipped = bytearray(zipped(("a.sfz", b"hello" * 100)))
    flipped[60] ^= 0xFF
    refused(bytes(flipped), "damaged")


def test_folders_with_links(tmp_path):
    (tmp_path / "a.sfz").symlink_to("/etc/hostname")
    with pytest.raises(CreativeMLError, match="link"):
        read_folder(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").symlink_to("/etc")
    (tmp_path / "a.sfz").unlink()
    with pytest.raises(CreativeMLError, match="link"):
        read_folder(tmp_path)


BILLION = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "xml",
    [
        BILLION + "]><DecentSampler>&i;</DecentSampler>",
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "<!DOCTYPE x><x/>",
        "<a>" * 100 + "</a>" * 100,
        "<x>" + "<y/>" * 200_001 + "</x>",
        "<x",
        "",
        "<x>&nbsp;</x>",
        '<?xml version="1.0" encoding="no-such"?><x/>',
    ],
)
@pytest.mark.parametrize("form", [decentsampler, hydrogen])
def test_xml_that_means_harm(xml, form):
    name = hydrogen.DESCRIPTION if form is hydrogen else "a.dspreset"
    before = time.perf_counter()
    with pytest.raises(CreativeMLError) as caught:
        form.read({name: xml.encode()})
    assert "\n" not in str(caught.value) and time.perf_counter() - before < 5


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("<region> key=36 sample=../../etc/passwd", "lies outside"),
        ("<region> key=36 sample=/etc/passwd", "lies outside"),
        ("<region> key=36 sample=C:\\win.wav", "lies outside"),
        ("<region> key=36 sample=gone.wav", "is not in it"),
        ("<region> key=36 sample=text.wav", "text.wav"),
        ("<region> key=36 sample=*sine", "not a sample"),
        ('#include "/etc/passwd"\n<region> key=36 sample=a.wav', "includes"),
        ("<region> key=36\n" * 3, "no sample"),
        ("<region> key=36 sample=a.wav " * 9000, "regions"),
        ("\n".join(f"#define $a{i} b" for i in range(300)), "defines"),
        ("/*" * 400_000, "no sample"),
        ("a=" * 400_000, "no sample"),
        ("<region> " + " " * 900_000 + "x", "no sample"),
        ("x" * (3 << 20), "too large"),
    ],
)
def test_sfz_that_means_harm(text, word, kit):
    files = {"a.sfz": text.encode(), "text.wav": b"hello", "a.wav": next(iter(wav_files.samples(kit).values()))}
    before = time.perf_counter()
    with pytest.raises(CreativeMLError, match=word) as caught:
        sfz.read(files, "bad")
    assert "\n" not in str(caught.value) and time.perf_counter() - before < 5


def hurt(pad: dict, name: str, value: object) -> dict:
    """A pad of kit.json whose first sound's record says something else."""
    pad = json.loads(json.dumps(pad))
    pad["layers"][0]["takes"][0]["record"][name] = value
    return pad


def test_hours_of_silence_in_little_files(monkeypatch):
    # As a whole kit may have 50 minutes, reading so much would take its time here.
    monkeypatch.setattr("creativeml.kits.samples.MAX_SAMPLES", 10_000_000)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(59 * 48000), 48000, format="FLAC")
    files = {f"{i}.flac": buffer.getvalue() for i in range(128)}
    text = "".join(f"<region> key={i} sample={i}.flac\n" for i in range(128))
    with pytest.raises(CreativeMLError, match="longer than"):
        sfz.read({"a.sfz": text.encode(), **files})
    many = tarred(*((f"d{i}", b"") for i in range(120)), kind=tarfile.DIRTYPE)
    refused(many, "more than 40 files", max_files=40)


def test_descriptions_that_do_not_fit(kit):
    good = wav_files.files(kit)
    told = json.loads(good["kit.json"])
    for change in (
        {"pads": []},
        {"sample_rate": 1},
        {"sample_rate": 10**12},
        {"pads": [hurt(told["pads"][0], "truncation", 1e999)]},
        {"pads": [hurt(told["pads"][0], "kind", "\ud800")]},
        {"pads": [hurt(told["pads"][0], "controls", {"\n": 1.0})]},
        {"model": {"name": "\ud800", "sha256": ""}},
        {"sample_rate": "many"},
        {"format": 9},
        {"name": "../up\n"},
        {"name": 7},
        {"pads": [{**told["pads"][0], "gain_db": 1e300}]},
        {"pads": [told["pads"][0], told["pads"][0]]},
        {"pads": [{**pad, "note": i} for i in range(129) for pad in told["pads"][:1]]},
        {"unknown": 1},
    ):
        with pytest.raises(CreativeMLError) as caught:
            wav_files.read({**good, "kit.json": json.dumps({**told, **change}).encode()})
        assert "\n" not in str(caught.value)
    for text in (
        b"",
        b"{",
        b"[]",
        b"NaN",
        b"\xff\xfe",
        b"[" * 100_000,
        good["kit.json"].replace(b"1.234", b"Infinity"),
    ):
        with pytest.raises(CreativeMLError):
            wav_files.read({**good, "kit.json": text})
