"""Audio files in and out: a reader that trusts no header, and a writer whose bytes depend on the sound alone.

What is read: WAV (also RF64, W64, extensible), AIFF, AU, CAF, FLAC, Ogg Vorbis and Opus, MP3 and its elder
layers; integers of 8 to 32 bits, floats of 32 and 64. What is not: ADPCM, GSM, u-law, A-law, ALAC, DWVW and
other rare encodings. Hardly a drum library uses them, and their decoders are where the overflows were found.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from creativeml.audio.containers import NotUsableError, examine, identify
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_bytes

AUDIO_SUFFIXES = frozenset(
    f".{name}"
    for name in "wav wave aif aiff aifc flac ogg oga opus mp3 mp2 au snd caf w64 rf64 m4a wma aac".split()  # noqa: SIM905
)
"""Endings by which a file claims to be audio. Only its content decides."""

_PCM_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_COMPRESSED = {
    "FLAC": {"PCM_S8", "PCM_16", "PCM_24"},
    "OGG": {"VORBIS", "OPUS"},
    "MP3": {"MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"},
}
# The most frames a byte can stand for: MP3 at 8 kbit/s makes 8 of one byte, a FLAC of digital silence 6,000.
_FRAMES_PER_BYTE = {"FLAC": 8192, "OGG": 8192, "MP3": 64}
_BLOCK_FRAMES = 1 << 16
# Of a Vorbis stream whose headers are damaged, libsndfile 1.2.2 opens what it cannot decode, and crashes on a seek.
_NEVER_SOUGHT = frozenset({"OGG"})
_MPEG_FRAME = 1152


class AudioFileError(CreativeMLError):
    """A file that cannot be used as sound.

    Attributes:
        path: the file, as given.
        reason: what is wrong with it.
        remedy: what the user can do.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str, remedy: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}; {remedy}")
        self.path, self.reason, self.remedy = Path(path), reason, remedy


class AudioTooLongError(AudioFileError):
    """More seconds than the limits allow."""


@dataclass(frozen=True)
class AudioLimits:
    """What a file may ask of this machine before it is refused.

    Attributes:
        max_bytes: size of the file.
        max_seconds: length of the stretch to be read.
        max_channels: channels.
        min_rate_hz, max_rate_hz: sample rate.
        max_values: channels times frames held in memory at once (4 bytes each).
    """

    max_bytes: int = 512 << 20
    max_seconds: float = 1200.0
    max_channels: int = 32
    min_rate_hz: int = 2_000
    max_rate_hz: int = 768_000
    max_values: int = 1 << 27


DEFAULT_LIMITS = AudioLimits()


@dataclass(frozen=True, eq=False)
class Audio:
    """Decoded sound.

    Attributes:
        samples: (channels, n) float32; full scale is 1, float files may exceed it.
        sample_rate: in Hz.
        format: container ("WAV", "FLAC", "MP3", ...).
        subtype: encoding ("PCM_16", "FLOAT", "VORBIS", ...).
    """

    samples: np.ndarray
    sample_rate: int
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples.shape[1] / self.sample_rate


def read_audio(
    path: str | os.PathLike[str],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    limits: AudioLimits = DEFAULT_LIMITS,
) -> Audio:
    """Read a file, or a stretch of it.

    The kind of file is taken from its content, its header is checked before anything is decoded, and memory
    is only taken for samples that came out of the decoder.

    Args:
        path: the file.
        start_s, end_s: stretch to read, in seconds; None = the beginning, the end.
        limits: what is refused as too much.

    Raises:
        AudioFileError: missing, unreadable, not a file, empty, no audio, truncated, damaged, an encoding or
            a sample rate that is not supported, too large, NaN or infinite samples.
        AudioTooLongError: more seconds than the limits allow.
    """
    return decode_audio(_read_bytes(path, limits), path, start_s=start_s, end_s=end_s, limits=limits)


def decode_audio(
    data: bytes,
    path: str | os.PathLike[str],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    limits: AudioLimits = DEFAULT_LIMITS,
) -> Audio:
    """What `read_audio` reads, of a file that is in memory; `path` only names it in errors.

    Raises:
        AudioFileError: as `read_audio`.
    """
    if len(data) > limits.max_bytes:
        size = f"{len(data) / 2**20:.0f} MiB, more than the {limits.max_bytes / 2**20:.0f} MiB allowed"
        raise AudioFileError(path, f"too large: {size}", "cut it into single sounds")
    try:
        container = examine(data)
    except NotUsableError as problem:
        raise AudioFileError(path, problem.reason, problem.remedy) from None
    try:
        # Not the path but its bytes: by a path the decoder would fall back on the file's ending.
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            first, frames = _check_header(path, file, len(data), start_s, end_s, limits)
            _check_walk(path, file.frames, container.walked or 0)
            samples = _decode(file, first, frames)
            promised = frames if container.counted else None
            result = Audio(samples, file.samplerate, file.format, file.subtype)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError) as error:
        detail = str(error).replace(f"Error opening {io.BytesIO.__name__}", "").split(">: ")[-1].rstrip(".")
        raise AudioFileError(
            path, f"cannot be decoded ({detail})", "it is damaged or cut short: copy it again"
        ) from error
    _check_decoded(path, result, promised)
    return result


def _read_bytes(path: str | os.PathLike[str], limits: AudioLimits) -> bytes:
    """The whole file, after a look at what it is and how large."""
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioFileError(path, "is a folder, not a file", "rename it if it only looks like a sound")
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe would wait for ever.
            raise AudioFileError(path, "is a device or pipe, not a file", "remove it")
        if status.st_size == 0:
            raise AudioFileError(path, "empty: the file has 0 bytes", "copy the original again")
        if status.st_size > limits.max_bytes:
            size = f"{status.st_size / 2**20:.0f} MiB, more than the {limits.max_bytes / 2**20:.0f} MiB allowed"
            raise AudioFileError(path, f"too large: {size}", "cut it into single sounds")
        with Path(path).open("rb") as file:
            head = file.read(64)
            if identify(head) is None:
                return head  # the examination will say what it is; no need to read the rest
            return head + file.read(limits.max_bytes)
    except OSError as error:
        if Path(path).is_symlink() and not Path(path).exists():
            raise AudioFileError(path, "is a link to nowhere", "mend or remove the link") from error
        reason = error.strerror or type(error).__name__
        raise AudioFileError(path, f"cannot be opened ({reason})", "check that it exists and may be read") from error


def _check_header(
    path: str | os.PathLike[str],
    file: soundfile.SoundFile,
    size: int,
    start_s: float | None,
    end_s: float | None,
    limits: AudioLimits,
) -> tuple[int, int]:
    """First frame and number of frames to read, after every check that needs no decoding."""
    per_byte = _frames_per_byte(path, file)
    rate, channels, frames = file.samplerate, file.channels, file.frames
    if not limits.min_rate_hz <= rate <= limits.max_rate_hz:
        allowed = f"{limits.min_rate_hz} to {limits.max_rate_hz} Hz"
        raise AudioFileError(path, f"its sample rate, {rate} Hz, is not in {allowed}", "correct its header")
    if not 1 <= channels <= limits.max_channels:
        reason = f"it has {channels} channels, more than {limits.max_channels}"
        raise AudioFileError(path, reason, "mix it down to mono or stereo")
    if frames <= 0:
        raise AudioFileError(path, "empty: it holds no samples", "remove it or export it again")
    if frames > size * per_byte:
        reason = f"damaged: {size} bytes cannot hold the {frames} frames that the header promises"
        raise AudioFileError(path, reason, "copy the original again")
    first = min(frames, max(0, round((start_s or 0.0) * rate)))
    last = frames if end_s is None else min(frames, round(end_s * rate))
    if last <= first:
        reason = f"the stretch from {start_s} s to {end_s} s lies outside its {frames / rate:.3f} s"
        raise AudioFileError(path, reason, "correct the annotation")
    decoded = last if file.format in _NEVER_SOUGHT else last - first
    if decoded > limits.max_seconds * rate:
        reason = f"too long: {decoded / rate:.1f} s, more than the {limits.max_seconds:g} s allowed"
        raise AudioTooLongError(path, reason, "cut it into single sounds")
    if (last - first) * channels > limits.max_values:
        raise AudioFileError(path, "too large to decode into memory", "cut it into single sounds")
    return first, last - first


def _frames_per_byte(path: str | os.PathLike[str], file: soundfile.SoundFile) -> float:
    """The most frames that one byte may stand for; refuses encodings that are not on the list."""
    if file.format in _COMPRESSED:
        if file.subtype in _COMPRESSED[file.format]:
            return _FRAMES_PER_BYTE[file.format]
    elif file.subtype in _PCM_BYTES:
        return 1 / (_PCM_BYTES[file.subtype] * max(1, file.channels))
    remedy = "convert it to 16- or 24-bit WAV or FLAC"
    raise AudioFileError(path, f"its encoding, {file.format} {file.subtype}, is not read", remedy)


def _decode(file: soundfile.SoundFile, first: int, frames: int) -> np.ndarray:
    """Up to `frames` frames, (channels, n) float32, in blocks: a lie in the header then costs nothing."""
    if file.format in _NEVER_SOUGHT:
        passed = 0
        while passed < first and (got := len(file.read(min(first - passed, _BLOCK_FRAMES), dtype="float32"))):
            passed += got
    elif first:
        file.seek(first)
    # Addresses alone: the system gives memory for what is written. A list of blocks would need it twice.
    samples = np.empty((file.channels, frames), np.float32)
    done = 0
    while done < frames:
        block = file.read(min(frames - done, _BLOCK_FRAMES), dtype="float32", always_2d=True)
        if not len(block):
            break
        samples[:, done : done + len(block)] = block.T
        done += len(block)
    return samples if done == frames else samples[:, :done].copy()


def _check_walk(path: str | os.PathLike[str], estimated: int, walked: int) -> None:
    # The decoder takes the bit rate of the first frame for all and stops where that leads it.
    if walked > estimated + 2 * _MPEG_FRAME:
        reason = f"an MP3 of variable bit rate without its length ({walked} frames, {estimated} guessed)"
        raise AudioFileError(path, reason, "convert it to WAV or FLAC")


def _check_decoded(path: str | os.PathLike[str], audio: Audio, promised: int | None) -> None:
    decoded = audio.samples.shape[1]
    if decoded == 0:
        raise AudioFileError(path, "empty: no samples came out of it", "copy the original again")
    # Encoders of MP3 disagree on whether the first, silent frame counts.
    tolerance = _MPEG_FRAME if audio.format == "MP3" else 0
    if promised is not None and decoded + tolerance < promised:
        reason = f"truncated: the header promises {promised} frames, {decoded} could be decoded"
        raise AudioFileError(path, reason, "copy the original again")
    # Both are NaN where any sample is. A mask of millions of samples is made of bad files only.
    if not np.isfinite(audio.samples.min()) or not np.isfinite(audio.samples.max()):
        bad = ~np.isfinite(audio.samples)
        at = int(np.flatnonzero(bad.any(axis=0))[0]) / audio.sample_rate
        reason = f"NaN or infinite samples ({int(bad.sum())} of them, the first at {at:.4f} s)"
        raise AudioFileError(path, reason, "export it again from the program that made it")


def write_wav(
    path: str | os.PathLike[str],
    samples: np.ndarray,
    sample_rate: int,
    *,
    bits: int = 24,
    info: Mapping[str, str] | None = None,
) -> None:
    """Write a PCM WAV file: complete or not at all, and the same bytes for the same arguments.

    Args:
        path: the file; replaced if it exists.
        samples: (n,) or (channels, n), float in [-1, 1]; 1.0 becomes the largest integer.
        sample_rate: in Hz.
        bits: 16 or 24 per sample.
        info: texts of a LIST INFO chunk by their four-letter codes, e.g. {"INAM": name, "ISFT": program}.

    Raises:
        AudioFileError: samples that are not finite or exceed full scale, or a path that cannot be written.
    """
    data = wav_bytes(samples, sample_rate, bits=bits, info=info, path=path)
    try:
        atomic_write_bytes(Path(path), data)
    except OSError as error:
        raise AudioFileError(
            path, f"cannot be written ({error.strerror or error})", "choose another folder or free some space"
        ) from error


def wav_bytes(
    samples: np.ndarray,
    sample_rate: int,
    *,
    bits: int = 24,
    info: Mapping[str, str] | None = None,
    path: str | os.PathLike[str] = "sound.wav",
) -> bytes:
    """The content of the file that `write_wav` writes; `path` only names it in errors."""
    sound = checked_samples(path, samples)
    channels = sound.shape[0]
    frame_bytes = channels * _WIDTHS[bits] if bits in _WIDTHS else 0
    if not frame_bytes:
        raise ValueError(f"bits must be 16 or 24, not {bits}")
    if not 1 <= channels <= 0xFFFF or not 1 <= sample_rate <= 0xFFFFFFFF // frame_bytes:
        raise ValueError(f"no WAV file can hold {channels} channels at {sample_rate} Hz")
    pcm = _integers(sound.T.reshape(-1), bits)
    fmt = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits)
    body = _chunk(b"fmt ", fmt) + _chunk(b"data", pcm) + _info_chunk(info or {})
    if len(body) + 4 > 0xFFFFFFFF:
        raise AudioFileError(path, "too long for a WAV file (4 GiB)", "write it in parts")
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


_WIDTHS = {16: 2, 24: 3}


def checked_samples(path: str | os.PathLike[str], samples: np.ndarray) -> np.ndarray:
    """(channels, n) float64 of samples fit for PCM; AudioFileError if they are not finite or exceed 1."""
    sound = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    if sound.ndim != 2:
        raise ValueError(f"samples must be (n,) or (channels, n), not {sound.shape}")
    if not np.isfinite(sound).all():
        raise AudioFileError(path, "not written: the samples hold NaN or infinity", "report what made them")
    peak = float(np.abs(sound).max(initial=0.0))
    if peak > 1.0:
        reason = f"not written: its peak is {peak:.4g} (+{20 * np.log10(peak):.1f} dBFS), full scale is 1"
        raise AudioFileError(path, reason, "scale it down first")
    return sound


def _integers(values: np.ndarray, bits: int) -> bytes:
    scale = 1 << (bits - 1)
    numbers = np.clip(np.rint(values * scale), -scale, scale - 1).astype("<i4")
    if bits == 16:
        return numbers.astype("<i2").tobytes()
    return numbers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _chunk(identity: bytes, content: bytes) -> bytes:
    return identity + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def _info_chunk(info: Mapping[str, str]) -> bytes:
    entries = b""
    for code, text in info.items():
        if len(code) != 4 or not code.isascii():
            raise ValueError(f"a LIST INFO code has four ASCII letters, not {code!r}")
        entries += _chunk(code.encode("ascii"), text.replace("\x00", "").encode("utf-8") + b"\x00")
    return _chunk(b"LIST", b"INFO" + entries) if entries else b""


def flac_bytes(
    samples: np.ndarray, sample_rate: int, *, bits: int = 24, path: str | os.PathLike[str] = "sound.flac"
) -> bytes:
    """A FLAC file in memory; the same bytes for the same arguments and libsndfile.

    Args:
        samples: (n,) or (channels, n), float in [-1, 1].
        sample_rate: in Hz.
        bits: 16 or 24 per sample.
        path: only names the sound in errors.

    Raises:
        AudioFileError: samples that are not finite or exceed full scale.
    """
    if bits not in _WIDTHS:
        raise ValueError(f"bits must be 16 or 24, not {bits}")
    sound = checked_samples(path, samples)
    # Rounded here: from floats, libsndfile scales by one step less than full scale and changes every sample.
    scale = 1 << (bits - 1)
    numbers = np.clip(np.rint(sound.T * scale), -scale, scale - 1).astype(np.int32) << (32 - bits)
    buffer = io.BytesIO()
    soundfile.write(buffer, numbers, sample_rate, format="FLAC", subtype=f"PCM_{bits}")
    return buffer.getvalue()
