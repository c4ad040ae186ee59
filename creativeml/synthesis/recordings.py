"""A person's own recording, brought into the form that a model knows: that of the sounds it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.io import AudioLimits, read_audio
from creativeml.data.shape import NotASoundError, shape_sound
from creativeml.errors import CreativeMLError

LONGEST_S = 20.0
PEAK = 0.9
"""Of training sounds, see `creativeml.data.one_shots.OneShotDataset`."""
_LOSSY = ("MP3", "OGG")
_RATES_HZ = (2_000, 768_000)


@dataclass(frozen=True, eq=False)
class Recording:
    """One hit, as a model would have heard it in training.

    Attributes:
        name: of the file, without folder and ending; "sound" if it came as samples.
        samples: `(length,)` float32, mono, from its onset on, with the peak of training sounds; padded with silence.
        sample_rate: in Hz.
        notes: what was done to it beyond the usual, a phrase each.
    """

    name: str
    samples: Tensor
    sample_rate: int
    notes: tuple[str, ...] = ()


def read_recording(path: str | Path, sample_rate: int, length: int) -> Recording:
    """A recording from a file: WAV, AIFF, FLAC, OGG, MP3, AU or CAF, up to 20 s, mono or stereo, any rate from 2 kHz.

    Args:
        path: of the file.
        sample_rate, length: of the result, in Hz and samples.

    Raises:
        CreativeMLError: not readable as audio, too long, shorter than 5 ms, silent, or NaN in it.
    """
    audio = read_audio(path, limits=AudioLimits(max_seconds=LONGEST_S))
    lossy = audio.format in _LOSSY
    try:
        return _shaped(audio.samples, audio.sample_rate, sample_rate, length, Path(path).stem, lossy=lossy)
    except CreativeMLError as error:
        raise CreativeMLError(f"{path}: {error}") from error


def recording_of(sound: Tensor | np.ndarray, from_rate: int, sample_rate: int, length: int) -> Recording:
    """A recording from samples `(n,)` or `(channels, n)`, full scale 1; otherwise as `read_recording`."""
    samples = np.asarray(sound.detach().cpu() if isinstance(sound, Tensor) else sound, dtype=np.float64)
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.ndim != 2:
        raise CreativeMLError(
            f"a sound has shape (samples,) or (channels, samples), not {samples.shape}; give one sound"
        )
    if samples.shape[0] > samples.shape[1]:
        raise CreativeMLError(f"a sound has shape (channels, samples), not {samples.shape}; transpose it")
    if not np.isfinite(samples).all():
        raise CreativeMLError("the sound holds NaN or infinity; mend what made it")
    if not _RATES_HZ[0] <= from_rate <= _RATES_HZ[1]:
        raise CreativeMLError(f"its sample rate, {from_rate} Hz, is not within {_RATES_HZ[0]} to {_RATES_HZ[1]} Hz")
    if samples.shape[1] > LONGEST_S * from_rate:
        seconds = samples.shape[1] / from_rate
        raise CreativeMLError(f"too long: {seconds:.1f} s, more than the {LONGEST_S:g} s allowed; cut out a single hit")
    return _shaped(samples, from_rate, sample_rate, length, "sound", lossy=False)


def _shaped(
    channels: np.ndarray, from_rate: int, sample_rate: int, length: int, name: str, *, lossy: bool
) -> Recording:
    try:
        shaped = shape_sound(channels, from_rate, sample_rate, length, lossy=lossy)
    except NotASoundError as error:
        raise CreativeMLError(f"{error}; {error.remedy}") from error
    notes = list(shaped.notes)
    seconds = channels.shape[1] / from_rate
    if shaped.duration_s >= length / sample_rate and seconds > length / sample_rate:
        notes.append(f"only the first {length / sample_rate:.2f} s from its onset were used, faded out at their end")
    if from_rate < sample_rate:
        notes.append(f"recorded at {from_rate} Hz, so there is nothing above {from_rate / 2:.0f} Hz in it")
    samples = torch.from_numpy(shaped.samples * (PEAK / np.abs(shaped.samples).max())).float()
    return Recording(name, samples, sample_rate, tuple(notes))
