"""What an audio file says about itself, read by us before any decoder sees it.

The name of a file proves nothing, and decoders have had overflows in their readers of rare encodings. So the
kind of the file is taken from its first bytes, the encoding from its header, and the amount of sound the
header promises is compared with what is there: decoders read a truncated file without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Programs that write to a pipe cannot know the length and put "as much as comes" (all ones, or nearly) here.
_OPEN_END = 0x7FFFF000
_CONVERT = "convert it to 16- or 24-bit WAV or FLAC"


class NotUsableError(Exception):
    """Why the bytes cannot be read as audio, and what the user can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Container:
    """The outside of an audio file.

    Attributes:
        name: WAV, RF64, W64, AIFF, AU, CAF, FLAC, OGG or MP3.
        promised: bytes of sound data the header speaks of; None if it does not say.
        present: bytes of sound data in the file.
        counted: whether the header states how many frames there are; else the decoder only estimates it.
        walked: number of frames found by walking through an MP3 that does not state it.
    """

    name: str
    promised: int | None = None
    present: int = 0
    counted: bool = True
    walked: int | None = None


def identify(head: bytes) -> str | None:
    """Name of the audio container that begins with `head` (64 bytes where the file has them), or None."""
    if head[:4] in (b"RIFF", b"RIFX") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"RF64" and head[8:12] == b"WAVE":
        return "RF64"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    simple = {b".snd": "AU", b"dns.": "AU", b"caff": "CAF", b"fLaC": "FLAC", b"OggS": "OGG", b"riff": "W64"}
    if head[:4] in simple:
        return simple[head[:4]]
    if head[:3] == b"ID3" or _mpeg_frame_bytes(head) is not None:
        return "MP3"
    return None


def describe_other(head: bytes) -> str:
    """What a file that is not audio seems to be, in words."""
    known = (
        (b"RIFF", 8, b"sfbk", "a SoundFont bank"),
        (b"", 4, b"ftyp", "an MP4 or M4A (AAC) file"),
        (b"PK\x03\x04", 0, b"", "a zip archive"),
        (b"\x30\x26\xb2\x75", 0, b"", "a Windows Media file"),
        (b"MThd", 0, b"", "a MIDI file"),
        (b"\x89PNG", 0, b"", "a picture"),
        (b"\xff\xd8\xff", 0, b"", "a picture"),
        (b"%PDF", 0, b"", "a PDF document"),
        (b"\x00\x05\x16\x07", 0, b"", "a macOS companion file without sound"),
        (b"wvpk", 0, b"", "a WavPack file"),
        (b"MAC ", 0, b"", "a Monkey's Audio file"),
    )
    for start, at, inside, name in known:
        if head.startswith(start) and head[at : at + len(inside)] == inside:
            return name
    if not head.strip(b"\x00"):
        return "nothing but zero bytes"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "text"
    return "data of an unknown kind"


def examine(data: bytes) -> Container:
    """Check the outside of a whole file.

    Raises:
        NotUsableError: not audio, an encoding not allowed, a broken header, or less sound than promised.
    """
    name = identify(data[:64])
    if name is None:
        raise NotUsableError(f"not an audio file: it holds {describe_other(data[:64])}", "remove or replace it")
    reader = {
        "WAV": _examine_riff,
        "RF64": _examine_riff,
        "W64": _examine_w64,
        "AIFF": _examine_aiff,
        "AU": _examine_au,
        "CAF": _examine_caf,
        "OGG": _examine_ogg,
        "MP3": _examine_mp3,
    }.get(name)
    if reader is None:
        return Container(name)
    try:
        container = reader(data)
    except (struct.error, IndexError) as error:
        raise NotUsableError(f"truncated: the {name} header itself is cut short", "copy the original again") from error
    if container.promised is not None and container.promised > container.present:
        reason = f"truncated: {container.present} of the {container.promised} bytes of sound in its header"
        raise NotUsableError(reason, "copy the original again")
    return container


def _chunks(
    data: bytes, start: int, head: struct.Struct, align: int, *, inclusive: bool = False
) -> Iterator[tuple[bytes, int, int]]:
    """(id, offset of the content, size as written) of each chunk."""
    at = start
    while at + head.size <= len(data):
        identity, size = head.unpack_from(data, at)
        yield identity, at + head.size, size
        length = size - head.size if inclusive else size
        if length < 0:
            return
        at += head.size + length + (-length) % align


def _refuse(encoding: str) -> NotUsableError:
    return NotUsableError(f"its encoding, {encoding}, is not read", _CONVERT)


def _no_sound(name: str) -> NotUsableError:
    return NotUsableError(f"empty: the {name} file has no sound data", "remove it or export it again")


_WAV_TAGS = {
    0x0002: "Microsoft ADPCM",
    0x0006: "A-law",
    0x0007: "u-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG audio in WAV",
    0x0055: "MP3 in WAV",
    0x00FF: "AAC",
    0x0161: "Windows Media Audio",
}


def _check_wav_format(fmt: bytes, order: str) -> None:
    tag, channels, rate = struct.unpack_from(f"{order}HHI", fmt)
    if not 0 < rate < 1 << 31 or not 0 < channels < 1024:
        raise NotUsableError(f"broken header: {channels} channels at {rate} Hz", "export it again")
    if tag == 0xFFFE:  # "extensible": the true tag opens the GUID at byte 24
        (tag,) = struct.unpack_from(f"{order}H", fmt, 24)
    if tag not in (1, 3):
        raise _refuse(_WAV_TAGS.get(tag, f"WAV format 0x{tag:04x}"))


def _examine_riff(data: bytes) -> Container:
    order = ">" if data[:4] == b"RIFX" else "<"
    wide_size: int | None = None
    formatted = False
    for identity, at, size in _chunks(data, 12, struct.Struct(f"{order}4sI"), 2):
        if identity == b"ds64":
            wide_size = struct.unpack_from("<Q", data, at + 8)[0]
        elif identity == b"fmt ":
            _check_wav_format(data[at : at + size], order)
            formatted = True
        elif identity == b"data":
            if not formatted:
                raise NotUsableError("broken header: the sound comes before its format", _CONVERT)
            promised = wide_size if size == 0xFFFFFFFF and wide_size is not None else size
            return _measured("RF64" if wide_size is not None else "WAV", promised, len(data) - at)
    raise _no_sound("WAV")


def _measured(name: str, promised: int, present: int) -> Container:
    if promised == 0 and present > 0:
        # A recorder that was switched off before it could write the length.
        raise NotUsableError(
            f"empty: the header says 0 bytes of sound although {present} follow (a recording never closed)",
            "repair its header in a sound editor (import as raw data)",
        )
    if promised == 0:
        raise _no_sound(name)
    return Container(name, promised if promised < _OPEN_END else None, present)


_AIFC = {b"NONE", b"none", b"raw ", b"twos", b"sowt", b"in24", b"in32", b"42ni", b"23ni"} | {
    b"fl32",
    b"FL32",
    b"fl64",
    b"FL64",
}


def _examine_aiff(data: bytes) -> Container:
    for identity, at, size in _chunks(data, 12, struct.Struct(">4sI"), 2):
        if identity == b"COMM" and data[8:12] == b"AIFC":
            code = data[at + 18 : at + 22]
            if code not in _AIFC:
                raise _refuse(f"AIFF-C '{code.decode('latin-1')}'")
        elif identity == b"SSND":
            return _measured("AIFF", max(0, size - 8), max(0, len(data) - at - 8))
    raise _no_sound("AIFF")


_AU = {1: "u-law", 27: "A-law", 23: "G.721 ADPCM", 24: "G.722", 25: "G.723 ADPCM", 26: "G.723 ADPCM"}


def _examine_au(data: bytes) -> Container:
    order = ">" if data[:4] == b".snd" else "<"
    start, size, encoding = struct.unpack_from(f"{order}III", data, 4)
    if encoding not in (2, 3, 4, 5, 6, 7):
        raise _refuse(f"AU {_AU.get(encoding, encoding)}")
    return _measured("AU", size, max(0, len(data) - start))


def _examine_caf(data: bytes) -> Container:
    for identity, at, size in _chunks(data, 8, struct.Struct(">4sq"), 1):
        if identity == b"desc" and data[at + 8 : at + 12] != b"lpcm":
            raise _refuse(f"CAF '{data[at + 8 : at + 12].decode('latin-1')}'")
        if identity == b"data":
            present = max(0, len(data) - at - 4)
            return Container("CAF", None, present) if size < 0 else _measured("CAF", max(0, size - 4), present)
    raise _no_sound("CAF")


def _examine_w64(data: bytes) -> Container:
    for identity, at, size in _chunks(data, 40, struct.Struct("<16sQ"), 8, inclusive=True):
        if identity[:4] == b"fmt ":
            _check_wav_format(data[at : at + 40], "<")
        elif identity[:4] == b"data":
            return _measured("W64", max(0, size - 24), len(data) - at)
    raise _no_sound("W64")


def _examine_ogg(data: bytes) -> Container:
    first = data[28:36]
    if first[:7] != b"\x01vorbis" and first != b"OpusHead":
        raise _refuse("an Ogg stream other than Vorbis or Opus")
    last = data.rfind(b"OggS")
    flags, segments = data[last + 5], data[last + 26]
    body = sum(data[last + 27 : last + 27 + segments])
    complete = flags & 4 and len(data) >= last + 27 + segments + body
    if not complete:
        raise NotUsableError("truncated: the Ogg stream stops before its last page", "copy the original again")
    return Container("OGG")


def _examine_mp3(data: bytes) -> Container:
    start = 0
    if data[:3] == b"ID3":
        # The tag's size is written in four bytes of seven bits.
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        start += 10 if data[5] & 0x10 else 0
        while start < len(data) and data[start] == 0:  # padding after the tag
            start += 1
    frame = data[start : start + 4096]
    length = _mpeg_frame_bytes(frame)
    if length is None:
        raise NotUsableError("no MPEG audio frame where the first one should be", "copy the original again")
    follows = data[start + length : start + length + 4]
    if len(follows) == 4 and _mpeg_frame_bytes(follows) is None:
        raise NotUsableError("not an audio file: no second MPEG frame follows the first", "remove or replace it")
    # Encoders put the number of frames in a first, silent frame; it may be absent.
    if b"Xing" in frame[:256] or b"Info" in frame[:256]:
        return Container("MP3")
    return Container("MP3", counted=False, walked=_mpeg_walk(data, start))


def _mpeg_walk(data: bytes, at: int) -> int:
    layer, first = 4 - ((data[at + 1] >> 1) & 3), (data[at + 1] >> 3) & 3 == 3
    samples = {1: 384, 2: 1152, 3: 1152 if first else 576}[layer]
    found = 0
    while (length := _mpeg_frame_bytes(data[at : at + 4])) is not None and at + length <= len(data):
        found += samples
        at += length
    return found


_BITRATES = {  # (MPEG 1?, layer) -> kbit/s by index 1..14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_frame_bytes(head: bytes) -> int | None:
    """Length of the MPEG audio frame (ISO 11172-3, 13818-3) that starts here; None if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = (head[1] >> 3) & 3, 4 - ((head[1] >> 1) & 3)
    bitrate_index, rate_index, padding = head[2] >> 4, (head[2] >> 2) & 3, (head[2] >> 1) & 1
    if version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return None
    first = version == 3
    bit_rate = 1000 * _BITRATES[first, layer][bitrate_index - 1]
    sample_rate = (44100, 48000, 32000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    if layer == 1:
        return (12 * bit_rate // sample_rate + padding) * 4
    samples = 144 if first or layer == 2 else 72
    return samples * bit_rate // sample_rate + padding
