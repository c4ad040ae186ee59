"""Read SoundFont 2 files (and SF3, the same with Ogg Vorbis inside): samples, instruments, presets.

Layout after "SoundFont Technical Specification" 2.04, E-mu Systems 2006 (sections 5 and 7). A file can be
half a gigabyte, so it is mapped into memory and a sample is only decoded when it is asked for.
"""

from __future__ import annotations

import itertools
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from creativeml.audio.io import AudioFileError, decode_audio
from creativeml.errors import CreativeMLError

# Generator numbers used here (section 8.1.2).
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, SAMPLE = 41, 43, 44, 53

_COMPRESSED, _ROM = 0x10, 0x8000
_RECORD_BYTES = {
    b"phdr": 38,
    b"pbag": 4,
    b"pmod": 10,
    b"pgen": 4,
    b"inst": 22,
    b"ibag": 4,
    b"imod": 10,
    b"igen": 4,
    b"shdr": 46,
}


@dataclass(frozen=True)
class Zone:
    """One set of generators; `values` maps a generator's number to its signed 16-bit amount."""

    values: dict[int, int]

    @cached_property
    def limits(self) -> tuple[int, int, int, int]:
        """Lowest and highest key, lowest and highest velocity, all included; 0 and 127 if not set."""
        keys, velocities = self.values.get(KEY_RANGE, 127 << 8), self.values.get(VELOCITY_RANGE, 127 << 8)
        return keys & 0xFF, (keys >> 8) & 0xFF, velocities & 0xFF, (velocities >> 8) & 0xFF

    def covers(self, key: int, velocity: int) -> bool:
        """Whether a note of this key and velocity sounds this zone."""
        low_key, high_key, low_velocity, high_velocity = self.limits
        return low_key <= key <= high_key and low_velocity <= velocity <= high_velocity


@dataclass(frozen=True)
class Instrument:
    """A named list of zones that each name a sample; `common` holds what the zones share."""

    name: str
    common: Zone
    zones: tuple[Zone, ...]

    @cached_property
    def complete(self) -> tuple[Zone, ...]:
        """The zones with what they share written into each."""
        return tuple(Zone({**self.common.values, **zone.values}) for zone in self.zones)


@dataclass(frozen=True)
class Preset:
    """What a MIDI program selects: zones that each name an instrument. Drum kits are in bank 128."""

    name: str
    bank: int
    program: int
    common: Zone
    zones: tuple[Zone, ...]


@dataclass(frozen=True)
class SampleHeader:
    """Where a sample lies and how it is tuned. `start` and `end` count samples, or bytes in SF3."""

    name: str
    start: int
    end: int
    loop_start: int
    loop_end: int
    sample_rate: int
    root_key: int
    correction_cents: int
    link: int
    kind: int

    @property
    def compressed(self) -> bool:
        """Whether the sample is an Ogg Vorbis stream (SF3)."""
        return bool(self.kind & _COMPRESSED)

    @property
    def loop(self) -> tuple[int, int]:
        """Loop as (first, one past last) in samples from the sample's own start; SF3 stores it so already."""
        offset = 0 if self.compressed else self.start
        return self.loop_start - offset, self.loop_end - offset


@dataclass
class SoundFont:
    """An open SoundFont. Samples, instruments and presets are in file order, so generators can index them."""

    path: Path
    samples: tuple[SampleHeader, ...]
    instruments: tuple[Instrument, ...]
    presets: tuple[Preset, ...]
    _map: mmap.mmap
    _sample_offset: int
    _sample_bytes: int
    _low_offset: int | None = None
    _cache: dict[int, np.ndarray] = field(default_factory=dict)

    def audio(self, index: int) -> np.ndarray:
        """One sample as (n,) float32 in [-1, 1], as stored: no envelope, tuning or loop applied.

        Raises:
            CreativeMLError: the sample lies outside the file, is a ROM sample or cannot be decoded.
        """
        if index not in self._cache:
            self._cache[index] = self._decode(self.samples[index])
        return self._cache[index]

    def _decode(self, header: SampleHeader) -> np.ndarray:
        if header.kind & _ROM:
            raise CreativeMLError(f"{self.path}: sample '{header.name}' lives in a sound card's ROM, not in the file")
        if header.sample_rate == 0:
            raise CreativeMLError(f"{self.path}: sample '{header.name}' has no sample rate; the file is damaged")
        unit = 1 if header.compressed else 2
        if not 0 <= header.start <= header.end or header.end * unit > self._sample_bytes:
            raise CreativeMLError(f"{self.path}: sample '{header.name}' lies outside the file; it is damaged")
        first = self._sample_offset + header.start * unit
        block = self._map[first : first + (header.end - header.start) * unit]
        if header.compressed:
            return self._decode_vorbis(header, block)
        high = np.frombuffer(block, dtype="<i2")
        if self._low_offset is None:
            return high.astype(np.float32) / 32768.0
        first = self._low_offset + header.start
        low = np.frombuffer(self._map[first : first + len(high)], dtype=np.uint8)
        return ((high.astype(np.int32) * 256 + low) / 8388608.0).astype(np.float32)

    def _decode_vorbis(self, header: SampleHeader, block: bytes) -> np.ndarray:
        try:
            audio = decode_audio(block, self.path)
        except AudioFileError as error:
            reason = f"sample '{header.name}' cannot be decoded ({error.reason})"
            raise CreativeMLError(f"{self.path}: {reason}") from error
        return audio.samples[0].copy()

    def close(self) -> None:
        """Release the mapped file."""
        self._cache.clear()
        self._map.close()

    def __enter__(self) -> SoundFont:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_soundfont(path: str | Path) -> SoundFont:
    """Open a .sf2 or .sf3 file.

    Raises:
        CreativeMLError: not a SoundFont, truncated, or its tables contradict each other.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise CreativeMLError(f"{path}: cannot be opened as a SoundFont ({error})") from error
    try:
        return _parse(path, mapped)
    except (struct.error, IndexError, KeyError) as error:
        mapped.close()
        raise CreativeMLError(f"{path}: its SoundFont tables are damaged ({error!r}); download it again") from error
    except CreativeMLError:
        mapped.close()
        raise


def _parse(path: Path, mapped: mmap.mmap) -> SoundFont:
    if mapped[:4] != b"RIFF" or mapped[8:12] != b"sfbk":
        raise CreativeMLError(f"{path}: not a SoundFont (it does not begin with RIFF ... sfbk)")
    chunks: dict[bytes, tuple[int, int]] = {}
    for name, offset, size in _chunks(mapped, 12, len(mapped)):
        if name == b"LIST":
            for inner, inner_offset, inner_size in _chunks(mapped, offset + 4, offset + size):
                chunks[inner] = (inner_offset, inner_size)
    missing = [name.decode() for name in (b"smpl", *_RECORD_BYTES) if name not in chunks]
    if missing:
        raise CreativeMLError(f"{path}: truncated or not a SoundFont (chunks missing: {', '.join(missing)})")
    tables = {name: mapped[offset : offset + size] for name, (offset, size) in chunks.items() if name in _RECORD_BYTES}
    sample_offset, sample_bytes = chunks[b"smpl"]
    low = chunks.get(b"sm24")
    has_low = low is not None and low[1] >= sample_bytes // 2
    samples = tuple(_sample_headers(tables[b"shdr"]))
    instruments = tuple(_instruments(tables, len(samples)))
    return SoundFont(
        path=path,
        samples=samples,
        instruments=instruments,
        presets=tuple(_presets(tables, len(instruments))),
        _map=mapped,
        _sample_offset=sample_offset,
        _sample_bytes=min(sample_bytes, len(mapped) - sample_offset),
        _low_offset=low[0] if low is not None and has_low else None,
    )


def _chunks(mapped: mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    position = start
    while position + 8 <= end:
        name, size = struct.unpack_from("<4sI", mapped, position)
        yield name, position + 8, size
        position += 8 + size
        # RIFF pads odd chunks with a zero byte; writers of SF3 forget it, and then a chunk's name stands
        # right here.
        if size & 1 and not mapped[position : position + 4].isalnum():
            position += 1


def _name(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").strip()


def _sample_headers(table: bytes) -> Iterator[SampleHeader]:
    for record in list(struct.iter_unpack("<20s5IBbHH", table))[:-1]:
        raw, start, end, loop_start, loop_end, rate, root, cents, link, kind = record
        yield SampleHeader(_name(raw), start, end, loop_start, loop_end, rate, root, cents, link, kind)


def _zones(bags: bytes, generators: bytes) -> list[Zone]:
    starts = [record[0] for record in struct.iter_unpack("<HH", bags)]
    _check_ascending(starts)
    pairs = list(struct.iter_unpack("<Hh", generators))
    return [Zone(dict(pairs[first:last])) for first, last in itertools.pairwise(starts)]


def _check_ascending(starts: list[int]) -> None:
    # What goes back and forth would make a table of a quadrillion entries out of a megabyte.
    if any(later < first for first, later in itertools.pairwise(starts)):
        raise IndexError("its zones overlap")


def _split_common(zones: list[Zone], final: int, count: int) -> tuple[Zone, tuple[Zone, ...]]:
    # Only the first zone may be global; it is, when it lacks the final generator (sections 7.3 and 7.7).
    common = zones[0] if zones and final not in zones[0].values else Zone({})
    own = tuple(zone for zone in zones if final in zone.values)
    if any(not 0 <= zone.values[final] < count for zone in own):
        raise IndexError(f"a zone names number {max(zone.values[final] for zone in own)} of {count}")
    return common, own


def _instruments(tables: dict[bytes, bytes], samples: int) -> Iterator[Instrument]:
    records = list(struct.iter_unpack("<20sH", tables[b"inst"]))
    zones = _zones(tables[b"ibag"], tables[b"igen"])
    _check_ascending([record[1] for record in records])
    for (raw, first), (_, last) in itertools.pairwise(records):
        yield Instrument(_name(raw), *_split_common(zones[first:last], SAMPLE, samples))


def _presets(tables: dict[bytes, bytes], instruments: int) -> Iterator[Preset]:
    records = list(struct.iter_unpack("<20sHHHIII", tables[b"phdr"]))
    zones = _zones(tables[b"pbag"], tables[b"pgen"])
    _check_ascending([record[3] for record in records])
    for (raw, program, bank, first, *_), following in itertools.pairwise(records):
        own = zones[first : following[3]]
        yield Preset(_name(raw), bank, program, *_split_common(own, INSTRUMENT, instruments))
