"""The distinct drum sounds of General MIDI kits in SoundFonts, grouped by their recordings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from creativeml.data.recipes.general_midi import KIND_OF_KEY, kind_of_key
from creativeml.data.recipes.soundfont import Preset, SampleHeader, SoundFont
from creativeml.data.recipes.soundfont_voice import Voice, render, signature, voices_of
from creativeml.data.sources import SourceSound

VELOCITIES: tuple[int, ...] = (127, 95, 63, 31)
"""Loudest first: of velocities that sound alike but for level, the loudest is taken."""

_NOT_A_DRUM_KIT = re.compile(r"orch|sfx|march|metronom", re.IGNORECASE)
_SAMPLE_RATE = 44100


@dataclass(frozen=True)
class Bank:
    """A SoundFont and what a manifest says of it.

    Attributes:
        font: the open file; the sounds keep it open until they are read.
        source: name of the source.
        licence, tier, credit: as in SourceSound.
    """

    font: SoundFont
    source: str
    licence: str
    tier: str
    credit: str


def is_drum_kit(preset: Preset) -> bool:
    """Whether a preset is a kit in the General MIDI layout (orchestra, effects, marching sets are not)."""
    return preset.bank == 128 and not _NOT_A_DRUM_KIT.search(preset.name)


def kit_sounds(banks: Sequence[Bank], family: str, wanted: Callable[[Preset], bool] = is_drum_kit) -> list[SourceSound]:
    """Every distinct sound of the drum kits of `banks`, played when its turn comes.

    Sounds that share a recording, even in two banks or tuned to another key, get one group, so that training
    and test never hear the same drum. Recordings are told apart by their names, which a family of banks
    keeps.

    Args:
        banks: SoundFonts of one family.
        family: begins the group names.
        wanted: which presets to take.
    """
    notes = [note for bank in banks for note in _distinct_notes(bank, wanted)]
    group_of = join_by_parts(_telling_parts(notes))
    return [note.sound(f"{family}/{group}") for note, group in zip(notes, group_of, strict=True)]


def sample_sounds(bank: Bank, choose: Callable[[str], tuple[str, str] | None]) -> list[SourceSound]:
    """Samples of a SoundFont as stored, where a bank holds whole recordings and only names tell more.

    Args:
        choose: from a sample's name its (kind, group), None to leave it out.
    """
    sounds = []
    for index, header in enumerate(bank.font.samples):
        chosen = choose(header.name)
        if chosen is None:
            continue
        kind, group = chosen
        read: Callable[[], np.ndarray] = partial(bank.font.audio, index)
        sounds.append(
            SourceSound(
                path=bank.font.path,
                kind=kind,
                group=group,
                licence=bank.licence,
                tier=bank.tier,
                source=bank.source,
                credit=bank.credit,
                name=f"{bank.source}/{header.name}",
                samples=read,
                sample_rate=header.sample_rate,
                encoding=_encoding(header),
            )
        )
    return sounds


def _encoding(header: SampleHeader) -> str:
    return "SF3 VORBIS" if header.compressed else "SF2 PCM_16"


@dataclass(frozen=True)
class _Note:
    bank: Bank
    kit: str
    key: int
    velocity: int
    kind: str
    voices: tuple[Voice, ...]

    @property
    def recordings(self) -> tuple[str, ...]:
        return tuple(recording_name(self.bank.font.samples[voice.sample].name) for voice in self.voices)

    def sound(self, group: str) -> SourceSound:
        bank = self.bank
        play: Callable[[], np.ndarray] = partial(render, bank.font, self.voices, self.key, self.velocity, _SAMPLE_RATE)
        return SourceSound(
            path=bank.font.path,
            kind=self.kind,
            group=group,
            licence=bank.licence,
            tier=bank.tier,
            source=bank.source,
            credit=bank.credit,
            name=f"{bank.source}/{self.kit}/key{self.key}-velocity{self.velocity:03d}",
            samples=play,
            sample_rate=_SAMPLE_RATE,
            encoding=_encoding(bank.font.samples[self.voices[0].sample]),
        )


def _distinct_notes(bank: Bank, wanted: Callable[[Preset], bool]) -> Iterable[_Note]:
    seen: set[tuple[object, ...]] = set()
    for preset in sorted(filter(wanted, bank.font.presets), key=lambda preset: preset.program):
        kit = f"{preset.program:03d}-{preset.name.strip().replace('/', '-').replace(' ', '_')}"
        for key in sorted(KIND_OF_KEY):
            kind = kind_of_key(key, preset.name)
            for velocity in VELOCITIES:
                voices = voices_of(bank.font, preset, key, velocity)
                mark = signature(bank.font, voices, key)
                if kind is None or not voices or mark in seen:
                    continue
                seen.add(mark)
                yield _Note(bank, kit, key, velocity, kind, voices)


def _telling_parts(notes: Sequence[_Note]) -> list[tuple[str, ...]]:
    """Recordings of each note without mere layers, such as a click mixed into every kind of drum."""
    kinds_of: dict[str, set[str]] = {}
    for note in notes:
        for recording in note.recordings:
            kinds_of.setdefault(recording, set()).add(note.kind)
    telling = [tuple(part for part in note.recordings if len(kinds_of[part]) < 4) for note in notes]
    return [parts or note.recordings for parts, note in zip(telling, notes, strict=True)]


def recording_name(sample_name: str) -> str:
    """Name of the recording behind a sample: the same for its left and its right channel.

    >>> recording_name("Std Snr 1(L)"), recording_name("STD SNR 1-R")
    ('std snr 1', 'std snr 1')
    """
    plain = re.sub(r"\s+", " ", sample_name.lower()).strip()
    return re.sub(
        r"[ _\-]*(\((l|r|left|right)\)|(?<=[ _\-])(l|r)|(?<=[a-z0-9])[ _\-]+(left|right))$", "", plain
    ).strip()


def join_by_parts(parts_of: Sequence[Sequence[str]]) -> list[str]:
    """For each thing the name of the set it belongs to, where things that share a part belong together.

    Args:
        parts_of: the parts of each thing; a set is named by its alphabetically first part.
    """
    parent: dict[str, str] = {}

    def root(part: str) -> str:
        parent.setdefault(part, part)
        while parent[part] != part:
            parent[part] = parent[parent[part]]
            part = parent[part]
        return part

    for parts in parts_of:
        for part in parts:
            first, second = sorted((root(parts[0]), root(part)))
            parent[second] = first
    return [root(parts[0]) if parts else "" for parts in parts_of]
