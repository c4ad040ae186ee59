"""One sound of a preparation: read, shaped and stored. Worker processes import this module and little else."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from creativeml.audio.io import AudioFileError, AudioLimits, AudioTooLongError, flac_bytes, read_audio
from creativeml.data.classes import slug_of
from creativeml.data.shape import NotASoundError, shape_sound
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kinds import UNLABELLED

AUDIO = "audio"
OUTCOME = {
    "encoding": str,
    **dict.fromkeys(("duration_s", "peak", "loudness_lufs"), (int, float)),
    **dict.fromkeys(("rate", "channels"), int),
    "notes": list,
}
"""What `shape_one` tells of a sound, beside its file: checked when a journal is read."""
_LOSSY = {"MP3", "OGG"}


@dataclass(frozen=True)
class PrepareOptions:
    """How sounds are shaped.

    Attributes:
        sample_rate: of the dataset, in Hz.
        length_samples: of every sound.
        max_seconds: longer recordings are refused as loops or songs.
        workers: processes, or for few sounds threads, that read and shape.
    """

    sample_rate: int = 44_100
    length_samples: int = 65_536
    max_seconds: float = 20.0
    workers: int = 2

    def __post_init__(self) -> None:
        checks = (
            ("--sample-rate", self.sample_rate, 8_000, 192_000, "Hz"),
            ("--length", self.length_samples, 256, 1 << 22, "samples"),
            ("--max-seconds", self.max_seconds, 0.005, 600.0, "seconds"),
            ("--workers", self.workers, 1, 64, "processes"),
        )
        for name, value, least, most, unit in checks:
            if not least <= value <= most:
                raise CreativeMLError(f"{name} must lie between {least} and {most} {unit}, not {value}")

    def limits(self) -> AudioLimits:
        """What the reader refuses."""
        return AudioLimits(max_seconds=self.max_seconds)


def shape_one(sound: SourceSound, out: Path, options: PrepareOptions) -> dict[str, Any]:
    """Read, shape and store one sound; {"reason", "remedy"} if it cannot be used."""
    try:
        samples, rate, encoding = _read(sound, options)
        lossy = encoding.split(" ")[0] in _LOSSY
        shaped = shape_sound(samples, rate, options.sample_rate, options.length_samples, lossy=lossy)
    except AudioTooLongError as error:
        remedy = "cut it into single hits, or raise --max-seconds"
        return {"reason": f"{error.reason} (--max-seconds)", "remedy": remedy}
    except AudioFileError as error:
        return {"reason": error.reason, "remedy": error.remedy}
    except NotASoundError as error:
        return {"reason": str(error), "remedy": error.remedy}
    except CreativeMLError as error:  # a recipe that cannot give its samples
        return {"reason": str(error), "remedy": "fetch the corpus again"}
    stored = stored_name(sound)
    data = flac_bytes(shaped.samples, options.sample_rate, path=sound.name)
    _store(out / stored, data)
    return {
        "stored": stored,
        "sha256": sha256_bytes(data),
        "duration_s": shaped.duration_s,
        "peak": shaped.peak,
        "loudness_lufs": max(shaped.loudness_lufs, -200.0),
        "rate": rate,
        "channels": int(samples.shape[0]),
        "encoding": encoding,
        "notes": list(shaped.notes),
    }


def _store(path: Path, data: bytes) -> None:
    # Whole or absent, but not flushed to the disk, which can take longer than all the rest: the hash in journal and
    # manifest tells if a power cut in these minutes has spoiled a file.
    path.parent.mkdir(parents=True, exist_ok=True)
    with _part_of(path) as temporary:
        temporary.write_bytes(data)
        temporary.replace(path)


@contextlib.contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    # A name of its own: on a cluster, a machine that was given up may still write the same sound.
    temporary = path.with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _read(sound: SourceSound, options: PrepareOptions) -> tuple[np.ndarray, int, str]:
    """Samples (channels, n), rate in Hz and encoding."""
    if sound.samples is None or sound.sample_rate is None:
        audio = read_audio(sound.path, start_s=sound.start_s, end_s=sound.end_s, limits=options.limits())
        return audio.samples, audio.sample_rate, sound.encoding or f"{audio.format} {audio.subtype}"
    samples = np.atleast_2d(sound.samples() if callable(sound.samples) else sound.samples)
    seconds = samples.shape[1] / sound.sample_rate
    if seconds > options.max_seconds:
        reason = f"too long: {seconds:.1f} s, more than the {options.max_seconds:g} s allowed"
        raise AudioTooLongError(sound.path, reason, "")
    if samples.dtype == np.int16:
        samples = samples / np.float32(1 << 15)
    if not np.isfinite(samples).all():
        raise AudioFileError(sound.path, "holds NaN or infinite samples", "fetch it again")
    return samples, sound.sample_rate, sound.encoding


def stored_name(sound: SourceSound) -> str:
    """Path in the dataset: speaking, plain ASCII, and by its hash distinct and the same on every run."""
    stem = slug_of(Path(sound.name.partition("#")[0]).stem)
    return f"{AUDIO}/{sound.kind or UNLABELLED}/{stem}-{sha256(sound.name.encode()).hexdigest()[:8]}.flac"
