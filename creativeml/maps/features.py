"""What a map knows of a sound: descriptors, a timbre embedding, how it is heard, a print to find copies by, a preview.

Everything is taken from the first 1.5 s after the onset, mono, at 44.1 kHz, as `creativeml.data.shape` cuts it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS, describe
from creativeml.audio.descriptors.registry import FORMAT as DESCRIPTOR_FORMAT
from creativeml.audio.io import Audio, AudioFileError, AudioLimits, read_audio
from creativeml.audio.resample import resample
from creativeml.data.near_duplicates import LONG_S, SHORT_S, WindowSpectra
from creativeml.data.shape import NotASoundError, Shaped, shape_sound
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.judge import Judge, load_judge
from creativeml.files import sha256_bytes

RATE = 44_100
LENGTH = 65_536
PREVIEW_S = 1.0
_READ_S = 4.0
"""Read of a file at first: more than is used even after a late onset. Longer recordings cost no more than one-shots."""
_LONGEST_S = 1200.0
_LOSSY = {"MP3", "OGG"}
_OPUS_RATE = 48_000
_OPUS_LEVEL = 0.85
"""4.1 kB on average, measured on the 1,908 recordings of the open corpora."""
_FADE_S = 0.02
NAMES: tuple[str, ...] = tuple(DESCRIPTORS)
"""The descriptors measured, in order."""
FORMAT = 1
"""Raised whenever what is measured changes, so that kept features are not taken for today's."""


@dataclass(frozen=True, eq=False)
class Features:
    """What is known of one sound.

    Attributes:
        seconds: length of the whole file.
        descriptors: `(14,)` by their smooth faces, in the order of `NAMES`, in their units.
        timbre: `(168,)` log-mel statistics in dB.
        heard: `(embedding,)` of the classifier.
        chances: `(11,)` probability of each of the classifier's kinds.
        prints: `(2, bands)` unit vectors whose products bound the correlation of two sounds (`near_duplicates`).
        preview: up to a second as Ogg Opus; empty if none was wanted.
    """

    seconds: float
    descriptors: np.ndarray
    timbre: np.ndarray
    heard: np.ndarray
    chances: np.ndarray
    prints: np.ndarray
    preview: bytes = b""


@lru_cache(maxsize=1)
def judge() -> Judge:
    """The bundled classifier of drums."""
    return load_judge()


def version() -> str:
    """A hash of everything that makes features what they are."""
    parts = (FORMAT, DESCRIPTOR_FORMAT, NAMES, judge().sha256, RATE, LENGTH, PREVIEW_S, _OPUS_LEVEL)
    return sha256_bytes(repr(parts).encode())[:16]


def load(path: Path) -> tuple[Shaped, float]:
    """A file as it is compared with others, and the length of the whole file in seconds.

    Raises:
        AudioFileError: it cannot be read, or is silent or too short; with reason and remedy.
    """
    limits = AudioLimits(max_seconds=_LONGEST_S)
    audio = read_audio(path, end_s=_READ_S, limits=limits)
    try:
        shaped = _shaped(path, audio)
    except AudioFileError:
        if audio.seconds < _READ_S * 0.999:
            raise
        # Nothing sounds in the first seconds; perhaps later.
        audio = read_audio(path, limits=limits)
        shaped = _shaped(path, audio)
    seconds = audio.seconds
    if abs(seconds - _READ_S) < 0.001:
        # The header has been checked by the reader.
        with soundfile.SoundFile(path) as file:
            seconds = file.frames / file.samplerate
    return shaped, seconds


def _shaped(path: Path, audio: Audio) -> Shaped:
    try:
        return shape_sound(audio.samples, audio.sample_rate, RATE, LENGTH, lossy=audio.format in _LOSSY)
    except NotASoundError as error:
        raise AudioFileError(path, str(error), error.remedy) from None


@torch.no_grad()
def measure(sounds: Sequence[tuple[Shaped, float]], *, previews: bool = True) -> list[Features]:
    """Features of some sounds, as `load` gives them; together they are faster than one by one."""
    samples = torch.from_numpy(np.stack([shaped.samples for shaped, _ in sounds])).float()
    model = judge().model
    descriptors = describe(samples, RATE, NAMES, smooth=True)
    values = torch.stack([descriptors[name] for name in NAMES], 1)
    timbre = log_mel_statistics(samples, RATE)
    heard = model.embed(samples)
    chances = model.classify_embedding(heard).softmax(1)
    return [
        Features(
            seconds=seconds,
            descriptors=_array(values[i]),
            timbre=_array(timbre[i]),
            heard=_array(heard[i]),
            chances=_array(chances[i]),
            prints=prints_of(samples[i].numpy()),
            preview=preview_of(shaped) if previews else b"",
        )
        for i, (shaped, seconds) in enumerate(sounds)
    ]


def _array(values: Tensor) -> np.ndarray:
    return values.float().cpu().numpy()


def windows(count: int) -> tuple[WindowSpectra, WindowSpectra]:
    """Where the prints of some sounds are compared: their beginning, and as much as there is."""
    return WindowSpectra(count, LENGTH, SHORT_S, RATE), WindowSpectra(count, LENGTH, LONG_S, RATE)


def prints_of(samples: np.ndarray) -> np.ndarray:
    """`(LENGTH,)` → `(2, bands)`; the shorter window may have fewer bands, its row ends with zeros."""
    found = windows(1)
    for window in found:
        window.add(0, samples)
    bands = [window.bands[0] for window in found]
    return np.stack([np.pad(b, (0, max(map(len, bands)) - len(b))) for b in bands])


def preview_of(shaped: Shaped) -> bytes:
    """The beginning of a sound, up to a second, as Ogg Opus at 48 kHz; a cut is faded."""
    count = min(round(PREVIEW_S * RATE), round(shaped.duration_s * RATE))
    samples = shaped.samples[:count].copy()
    if count < round(shaped.duration_s * RATE):
        fade = round(_FADE_S * RATE)
        samples[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / fade)
    file = io.BytesIO()
    sound = np.clip(resample(samples, RATE, _OPUS_RATE), -1.0, 1.0)
    soundfile.write(file, sound, _OPUS_RATE, format="OGG", subtype="OPUS", compression_level=_OPUS_LEVEL)
    return file.getvalue()
