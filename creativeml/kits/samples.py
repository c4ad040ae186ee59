"""The sounds of a kit that is read: looked up, decoded, brought to the kit's rate, and told where they came from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from creativeml.audio.io import AudioLimits, decode_audio
from creativeml.audio.resample import resample
from creativeml.config import ConfigError
from creativeml.data.recipes.naming import kind_of_name
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kits.kit import LOUDEST, MAX_LAYERS, MAX_TAKES, RATES, Kit, Layer, Pad, Shaping, Take
from creativeml.kits.naming import clean_lines, clean_name, safe_name
from creativeml.kits.provenance import KIT_FILE, KitEntry, PadEntry, TakeEntry, read_kit_json
from creativeml.kits.wave import wav_of

LIMITS = AudioLimits(max_bytes=64 << 20, max_seconds=60.0, max_channels=8, min_rate_hz=8_000, max_rate_hz=192_000)
MAX_SOUNDS = 2048
MAX_SAMPLES = 1 << 27
"""Of all sounds of a kit together: 50 minutes at 44.1 kHz."""


class Reading(NamedTuple):
    """A kit that was read, and a line on everything of its file that could not be kept as it was."""

    kit: Kit
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Struck:
    """What a file says of one sample: when it is played, and how loud in dB relative to the others of its pad."""

    low: int
    high: int
    take: Take
    order: float = 0.0
    gain_db: float = 0.0


class Samples:
    """The samples of a kit's files.

    Args:
        files: by path.
        where: how errors name the kit.
        sample_rate: of the kit, in Hz; None = that of the first sample.
    """

    def __init__(self, files: Mapping[str, bytes], where: str, sample_rate: int | None = None) -> None:
        if sample_rate is not None and not RATES[0] <= sample_rate <= RATES[1]:
            raise CreativeMLError(
                f"{where}: its sample rate of {sample_rate:.12g} Hz is not from {RATES[0]} to {RATES[1]}"
            )
        self._files, self.where, self.sample_rate = files, where, sample_rate
        self._samples_read = 0
        # Kits come from systems that do not tell capitals apart.
        self._spelt = {path.lower(): path for path in files}
        self._takes: dict[str, Take] = {}
        self._notes: dict[str, None] = {}
        self.entry = self._entry()

    def note(self, line: str) -> None:
        """Keep a line for the person who reads the kit; the same line once."""
        self._notes.setdefault(line)

    def take(self, path: str) -> Take:
        """The take of a sample.

        Raises:
            CreativeMLError: it is not there, leads out of the kit, or is no sound.
        """
        found = self._find(path)
        if found not in self._takes:
            if len(self._takes) >= MAX_SOUNDS:
                raise CreativeMLError(f"{self.where}: plays more than {MAX_SOUNDS} samples; make it smaller")
            self._takes[found] = self._read(found)
        return self._takes[found]

    def pad_entry(self, note: int) -> PadEntry | None:
        """What `kit.json` says of a pad, if there is one."""
        return next((pad for pad in self.entry.pads if pad.note == note), None) if self.entry else None

    def kind(self, note: int, names: Iterable[str]) -> str:
        """Kind of a pad: as `kit.json` says, else as names tell, "" if they tell none."""
        entry = self.pad_entry(note)
        if entry is not None:
            return entry.kind
        return next((kind for kind in map(kind_of_name, names) if kind), "") or ""

    def layers(self, note: int, struck: Sequence[Struck]) -> tuple[Layer, ...]:
        """The layers that samples of one pad make; what does not fit together is mended, and noted."""
        return layers_of(note, struck, self)

    def reading(self, pads: Sequence[Pad], name: str = "", **texts: str | None) -> Reading:
        """The kit of these pads.

        Args:
            pads: what was found.
            name: as the format has it.
            texts: author, info and licence where the format has them. What it has not is taken from `kit.json`.
        """
        entry = self.entry
        if not pads:
            raise CreativeMLError(f"{self.where}: plays no sample on any note; it is not a kit")
        known = {"author": entry.author, "info": entry.info, "licence": entry.licence} if entry else {}
        found = {key: known.get(key, "") if texts.get(key) is None else str(texts[key]) for key in ("author", "info")}
        licence = texts.get("licence")
        licence = known.get("licence", "") if licence is None else licence
        # The name may have been made safe for the format; the whole one is in kit.json.
        whole = entry is not None and (not name or name in (entry.name, safe_name(entry.name)))
        kit = Kit(
            entry.name if whole and entry else clean_name(name, "Kit"),
            tuple(pads),
            self.sample_rate or 44_100,
            clean_lines(found["author"], 200).replace("\n", ", ")[:200],
            clean_lines(found["info"], 4_000),
            clean_name(licence, "") if len(licence) <= 64 else clean_lines(licence, 200).replace("\n", " "),
            entry.model if entry else None,
            **({"version": entry.version} if entry else {}),
        )
        return Reading(kit, tuple(self._notes))

    def _entry(self) -> KitEntry | None:
        if KIT_FILE not in self._files:
            return None
        try:
            return read_kit_json(self._files[KIT_FILE], f"{self.where}: {KIT_FILE}")
        except ConfigError as error:
            self.note(f"{error}; where its sounds come from is not known")
            return None

    def _find(self, path: str) -> str:
        inside = posixpath.normpath(path.replace("\\", "/"))
        if inside.startswith(("/", "../")) or inside == ".." or ":" in inside.split("/")[0]:
            raise CreativeMLError(f"{self.where}: plays {path[:80]!r}, which lies outside of it; it is refused")
        found = inside if inside in self._files else self._spelt.get(inside.lower())
        if found is None:
            raise CreativeMLError(f"{self.where}: plays {path[:80]!r}, which is not in it; add the file")
        return found

    def _read(self, path: str) -> Take:
        data = self._files[path]
        entry = self.entry.takes.get(path) if self.entry else None
        told = entry if entry is not None and entry.sha256 == sha256_bytes(data) else None
        if entry is not None and told is None:
            self.note(f"{path}: another sound than {KIT_FILE} tells of; it is taken for a recording")
        samples = self._samples(path, data)
        stem = clean_name(PurePosixPath(path).stem, "sample")
        if told is None:
            return Take(wav_of(samples, self._rate(), name=path), stem, None, own=PurePosixPath(path).name[:200])
        return _told(Take(wav_of(samples, self._rate(), name=path), stem), told)

    def _samples(self, path: str, data: bytes) -> np.ndarray:
        audio = decode_audio(data, f"{self.where}: {path}", limits=LIMITS)
        if self.sample_rate is None:
            self.sample_rate = audio.sample_rate
        if len(audio.samples) > 1:
            self.note(f"{path}: {len(audio.samples)} channels, of which the mean is kept")
        mono = audio.samples.mean(0, dtype=np.float64)
        # Hours of silence fit into a few bytes of FLAC.
        self._samples_read += round(len(mono) * max(1.0, self.sample_rate / audio.sample_rate))
        if self._samples_read > MAX_SAMPLES:
            raise CreativeMLError(
                f"{self.where}: its sounds are longer than {MAX_SAMPLES} samples together; shorten them"
            )
        if audio.sample_rate != self.sample_rate:
            self.note(f"{path}: brought from {audio.sample_rate} to {self.sample_rate} Hz")
            mono = resample(mono, audio.sample_rate, self.sample_rate)
        peak = float(np.abs(mono).max(initial=0.0))
        if peak > 1.0:
            self.note(f"{path}: exceeded full scale by {20 * np.log10(peak):.1f} dB; it is turned down")
            mono = mono / peak
        return mono

    def _rate(self) -> int:
        assert self.sample_rate is not None
        return self.sample_rate


def _told(take: Take, entry: TakeEntry) -> Take:
    return replace(take, name=entry.name, record=entry.record, own=entry.own, shaping=entry.shaping)


def layers_of(note: int, struck: Sequence[Struck], samples: Samples) -> tuple[Layer, ...]:
    """Layers of one pad: what has the same velocities takes turns; gaps and overlaps are mended.

    Args:
        note: of the pad.
        struck: what a file plays on it.
        samples: takes the notes on what was mended.
    """
    loudest = max(s.gain_db for s in struck)
    spans: dict[tuple[int, int], list[Struck]] = {}
    for s in struck:
        spans.setdefault((s.low, s.high), []).append(s)
    chosen = sorted(spans)
    if len(chosen) > MAX_LAYERS:
        samples.note(f"note {note}: {len(chosen)} layers, of which {MAX_LAYERS} are kept")
        chosen = [chosen[round(i * (len(chosen) - 1) / (MAX_LAYERS - 1))] for i in range(MAX_LAYERS)]
    layers: list[Layer] = []
    for i, (low, _) in enumerate(chosen):
        # From its own start to the next one's.
        first = 1 if not layers else layers[-1].high + 1
        last = LOUDEST if i + 1 == len(chosen) else chosen[i + 1][0] - 1
        if last < first:
            samples.note(f"note {note}: several samples sound at once at velocity {low}; one of them is kept")
            continue
        if (first, last) != chosen[i]:
            samples.note(f"note {note}: velocities {low} to {chosen[i][1]} became {first} to {last}, without gap")
        takes = sorted(spans[chosen[i]], key=lambda s: s.order)
        if len(takes) > MAX_TAKES:
            samples.note(f"note {note}: {len(takes)} takes, of which {MAX_TAKES} are kept")
        layers.append(Layer(first, last, tuple(_turned(s.take, s.gain_db - loudest) for s in takes[:MAX_TAKES])))
    return tuple(layers)


def _turned(take: Take, gain_db: float) -> Take:
    """A take with a gain of its own, which the model of a kit does not have: it goes into the sound."""
    if gain_db > -0.005:
        return take
    data = wav_of(take.samples * 10 ** (gain_db / 20), take.sample_rate, name=take.name)
    shaping: Shaping = replace(take.shaping, gain_db=max(-120.0, take.shaping.gain_db + gain_db))
    return replace(take, data=data, shaping=shaping)
