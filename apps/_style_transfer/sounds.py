"""The sounds that a page has put in, and those that come with it: kept as 24-bit wavs, read when they are needed."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from _shared.shelf import FileShelf

from creativeml.audio.io import AudioFileError, AudioLimits, read_audio, wav_bytes
from creativeml.data.patterns import Pattern, written_patterns
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes

BIT_DEPTH = 24
MAX_UPLOAD = "256mb"
MAX_BYTES_UPLOAD = 256 << 20
LONGEST_S = 600.0
EXAMPLE_RATE_HZ = 44100
LICENCE = "CC0 1.0"
"""Of the starter pack, from whose recordings the examples are made."""
BLENDS = 20
"""Steps of the blend: each is as loud as the others and within full scale, so each is measured."""
KEPT_SOUNDS = 48
MAX_BYTES = 3 << 30
_RATES_HZ = (8_000, 192_000)
_LIMITS = AudioLimits(
    max_bytes=MAX_BYTES_UPLOAD,
    max_seconds=LONGEST_S,
    max_channels=2,
    min_rate_hz=_RATES_HZ[0],
    max_rate_hz=_RATES_HZ[1],
    max_values=1 << 26,
)
# Name, rhythm, which of its bars, quarters a minute, seed of the choice of recordings.
LOOPS = (
    ("Rock beat", "rock", 1, 100, 0),
    ("House beat", "house", 0, 124, 3),
    ("Funk beat", "funk", 0, 98, 5),
    ("Hip hop beat", "hip_hop", 1, 88, 2),
    ("Bossa nova", "bossa_nova", 0, 116, 4),
    ("Breakbeat", "breakbeat", 0, 132, 1),
)
# Name, kind of the recordings that fall.
TEXTURES = (
    ("Rain of hats", "hat_closed"),
    ("Rain of snares", "snare"),
    ("Rain of percussion", "perc"),
    ("Rain of crashes", "crash"),
    ("Rain of toms", "tom"),
)
TEXTURE_S = 6.0


@dataclass(frozen=True)
class Sound:
    """What is known of a sound without reading it.

    Attributes:
        id: of its content.
        name: what people read.
        file: name in its store.
        seconds, sample_rate, channels: of the sound.
        group: "loop" or "texture" of the examples, "own" otherwise.
        notes: what was done to it.
    """

    id: str
    name: str
    file: str
    seconds: float
    sample_rate: int
    channels: int
    group: str = "own"
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """For the page."""
        return {**asdict(self), "notes": list(self.notes)}


class Sounds:
    """All that can be chosen.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self._stores = (
            FileShelf(folder / "examples", len(LOOPS) + len(TEXTURES)),
            FileShelf(folder / "sounds", KEPT_SOUNDS, MAX_BYTES),
        )
        self._known: OrderedDict[str, Sound] = OrderedDict()
        self._lock = Lock()

    def add_file(self, path: Path, name: str) -> Sound:
        """Take a file in.

        Args:
            path: of the file.
            name: that errors and people call it by.

        Raises:
            CreativeMLError: it is no sound that could be transferred.
        """
        import torch

        from creativeml.synthesis.style_transfer.checks import PEAK, checked_sound

        try:
            audio = read_audio(path, limits=_LIMITS)
            checked_sound("sound", torch.from_numpy(audio.samples), audio.sample_rate)
        except AudioFileError as error:
            # Single sounds are what a library wants.
            remedy = error.remedy.replace("cut it into single sounds", "cut out the part that you want")
            raise CreativeMLError(f"{name}: {error.reason}; {remedy}") from error
        except CreativeMLError as error:
            raise CreativeMLError(f"{name}: {error}") from error
        samples, notes = audio.samples, ()
        peak = float(np.abs(samples).max())
        if peak > 1.0:
            samples = samples * (PEAK / peak)
            notes = (f"its peak was {20 * np.log10(peak):+.1f} dBFS, so it was lowered to full scale",)
        return self._take(samples, audio.sample_rate, Path(name).stem or name, "own", notes)

    def add_examples(self) -> list[Sound]:
        """Make the examples."""
        from creativeml.data.loops import loop, texture  # not at the top: torch loads for a second

        made = []
        for name, rhythm, bar, tempo, seed in LOOPS:
            sound = loop(_twice(rhythm, bar), EXAMPLE_RATE_HZ, seed=seed, tempo=tempo)
            made.append(self._take(sound.numpy()[None], EXAMPLE_RATE_HZ, name, "loop"))
        for name, kind in TEXTURES:
            sound = texture(kind, EXAMPLE_RATE_HZ, TEXTURE_S, seed=0)
            made.append(self._take(sound.numpy()[None], EXAMPLE_RATE_HZ, name, "texture"))
        return made

    def find(self, name: Any, what: str) -> Sound:
        """A sound by its id.

        Raises:
            CreativeMLError: it is not here, or no longer.
        """
        sound = self.look(name)
        if sound is None:
            raise CreativeMLError(f"the {what} is no longer there; choose it, or add its file, again")
        return sound

    def look(self, name: Any) -> Sound | None:
        """A sound by its id, None if it is not here, or no longer."""
        with self._lock:
            sound = self._known.get(name) if isinstance(name, str) else None
        return sound if sound is not None and self.file(sound) is not None else None

    def file(self, sound: Sound) -> dict | None:
        """The wav as an endpoint returns it, None if it has gone."""
        return self._stores[sound.group == "own"].find(sound.file)

    def samples(self, sound: Sound, what: str) -> np.ndarray:
        """`(channels, samples)` float32."""
        file = self.file(self.find(sound.id, what))
        assert file is not None
        return read_audio(file["path"], limits=_LIMITS).samples

    def _take(self, samples: np.ndarray, rate: int, name: str, group: str, notes: tuple[str, ...] = ()) -> Sound:
        data = wav_bytes(samples, rate, bits=BIT_DEPTH)
        # The name belongs to it: the same recording may come by two.
        key = sha256_bytes(data + name.encode("utf-8", "replace"))[:16]
        sound = Sound(
            id=key,
            name=name,
            file=f"{ascii_word(name)}_{key[:8]}.wav",
            seconds=round(samples.shape[1] / rate, 6),
            sample_rate=rate,
            channels=len(samples),
            group=group,
            notes=notes,
        )
        self._stores[group == "own"].place(sound.file, data)
        with self._lock:
            self._known[sound.id] = sound
            own = [known for known in self._known.values() if known.group == "own"]
            for old in own[: max(0, len(own) - 4 * KEPT_SOUNDS)]:
                del self._known[old.id]
        return sound


def ascii_word(name: str, longest: int = 32) -> str:
    """A name as part of a file name that every system takes: "Pluie d'été" → "Pluie_d_ete"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    word = "_".join("".join(c if c.isalnum() else " " for c in plain).split())[:longest].strip("_")
    return word or "sound"


def _twice(rhythm: str, bar: int) -> Pattern:
    found = [pattern for pattern in written_patterns() if pattern.style == rhythm][bar]
    return Pattern(found.style, {name: line * 2 for name, line in found.lines.items()})
