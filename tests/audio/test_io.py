"""Reading: every promised format, and a reason of its own for everything else. Writing: exact bytes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.audio.containers import NotUsableError, examine
from creativeml.audio.io import (
    AudioFileError,
    AudioLimits,
    AudioTooLongError,
    flac_bytes,
    read_audio,
    wav_bytes,
    write_wav,
)
from creativeml.errors import CreativeMLError

RATE = 44_100
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(4410) / RATE)).astype(np.float32)


def encoded(container: str, subtype: str | None = None, rate: int = RATE, samples: np.ndarray = TONE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def refusal(folder: Path, data: bytes, name: str = "sound.wav", **options: object) -> AudioFileError:
    path = folder / name
    path.write_bytes(data)
    with pytest.raises(AudioFileError) as caught:
        read_audio(path, **options)  # type: ignore[arg-type]
    assert str(path) in str(caught.value) and caught.value.remedy and "\n" not in str(caught.value)
    return caught.value


READ = [
    *(("WAV", s, 2e-2 if s == "PCM_U8" else 1e-4) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("AIFF", s, 2e-2 if "8" in s else 1e-4) for s in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT")),
    *((c, "PCM_16", 1e-4) for c in ("WAVEX", "RF64", "W64", "AU", "CAF", "FLAC")),
    ("FLAC", "PCM_24", 1e-6),
    ("OGG", "VORBIS", 0.1),
    ("MP3", "MPEG_LAYER_III", 0.1),
]


@pytest.mark.parametrize(("container", "subtype", "tolerance"), READ)
def test_reads_every_promised_format_whatever_its_name(tmp_path, container, subtype, tolerance):
    path = tmp_path / "misleading.txt"
    path.write_bytes(encoded(container, subtype))
    audio = read_audio(path)
    assert (audio.sample_rate, audio.subtype) == (RATE, subtype)
    assert audio.samples.dtype == np.float32 and audio.samples.shape == (1, len(TONE))
    assert np.abs(audio.samples[0] - TONE).max() < tolerance


def test_reads_opus_at_its_own_rate(tmp_path):
    (tmp_path / "a.opus").write_bytes(encoded("OGG", "OPUS", rate=48_000))
    assert read_audio(tmp_path / "a.opus").subtype == "OPUS"


def test_channels_come_first_and_a_stretch_can_be_read(tmp_path):
    stereo = np.stack([TONE, -0.5 * TONE], axis=1)
    (tmp_path / "a.wav").write_bytes(encoded("WAV", "FLOAT", samples=stereo))
    audio = read_audio(tmp_path / "a.wav")
    assert np.array_equal(audio.samples, stereo.T) and audio.seconds == pytest.approx(0.1)
    part = read_audio(tmp_path / "a.wav", start_s=0.02, end_s=0.05)
    assert np.array_equal(part.samples, stereo.T[:, 882:2205])
    with pytest.raises(AudioFileError, match="lies outside"):
        read_audio(tmp_path / "a.wav", start_s=0.2, end_s=0.3)


REFUSED = [
    ("WAV", "IMA_ADPCM", "IMA ADPCM"),
    ("WAV", "MS_ADPCM", "Microsoft ADPCM"),
    ("WAV", "GSM610", "GSM"),
    ("WAV", "ULAW", "u-law"),
    ("WAV", "ALAW", "A-law"),
    ("W64", "IMA_ADPCM", "IMA ADPCM"),
    ("AIFF", "DWVW_16", "DWVW"),
    ("AU", "ULAW", "u-law"),
    ("CAF", "ALAC_16", "alac"),
]


@pytest.mark.parametrize(("container", "subtype", "said"), REFUSED)
def test_refuses_rare_encodings_by_name_before_the_decoder_sees_them(tmp_path, container, subtype, said):
    data = encoded(container, subtype)
    error = refusal(tmp_path, data)
    assert "encoding" in error.reason and said in error.reason and "convert" in error.remedy
    with pytest.raises(NotUsableError, match=re.escape(error.reason)):
        examine(data)  # our own reading of the header, which no decoder follows


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, container, part):
    data = encoded(container, samples=np.tile(TONE, 20))
    error = refusal(tmp_path, data[: int(part * len(data))])
    assert "truncated" in error.reason or "cannot be decoded" in error.reason


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"])
def test_a_file_cut_anywhere_in_its_header_is_refused(tmp_path, container):
    data = encoded(container)
    for length in (1, 4, 11, 12, 20, 30, 43):
        refusal(tmp_path, data[:length])


def test_every_other_fault_has_a_reason_of_its_own(tmp_path):
    wav = bytearray(encoded("WAV", "PCM_16"))

    def patched(at: int, layout: str, value: int) -> bytes:
        return bytes(wav[:at] + struct.pack(layout, value) + wav[at + struct.calcsize(layout) :])

    bad = TONE.copy()
    bad[441] = np.nan
    infinite = TONE.copy()
    infinite[0] = np.inf
    reasons = [
        refusal(tmp_path, b"").reason,
        refusal(tmp_path, b"these are words, not waves\n" * 9).reason,
        refusal(tmp_path, bytes(1000)).reason,
        refusal(tmp_path, encoded("WAV", "PCM_16", samples=TONE[:0])).reason,
        refusal(tmp_path, encoded("WAV", "FLOAT", samples=bad)).reason,
        refusal(tmp_path, patched(24, "<I", 1)).reason,
        refusal(tmp_path, patched(24, "<I", 4_000_000_000)).reason,
        refusal(tmp_path, patched(22, "<H", 33)).reason,
        refusal(tmp_path, patched(40, "<I", 0)).reason,
        refusal(tmp_path, bytes(wav), limits=AudioLimits(max_bytes=100)).reason,
        refusal(tmp_path, bytes(wav), limits=AudioLimits(max_values=100)).reason,
    ]
    assert "0 bytes" in reasons[0] and "text" in reasons[1] and "zero bytes" in reasons[2]
    assert "no sound data" in reasons[3] and "NaN" in reasons[4] and "0.0100 s" in reasons[4]
    assert "1 Hz" in reasons[5] and "4000000000 Hz" in reasons[6] and "33 channels" in reasons[7]
    assert "never closed" in reasons[8] and "too large" in reasons[9] and "too large" in reasons[10]
    assert len(set(reasons)) == len(reasons)
    assert "infinite" in refusal(tmp_path, encoded("WAV", "FLOAT", samples=infinite)).reason


def test_names_formats_that_are_not_read(tmp_path):
    for head, said in (
        (b"\0\0\0\x20ftypM4A " + bytes(60), "M4A"),
        (b"PK\x03\x04" + bytes(60), "zip"),
        (b"MThd", "MIDI"),
    ):
        assert said in refusal(tmp_path, head).reason
    # The mark of UTF-16 looks like the head of an MPEG frame.
    assert "not an audio file" in refusal(tmp_path, ("words " * 99).encode("utf-16")).reason


def test_paths_that_are_no_files(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    for name, said in (
        ("folder.wav", "folder"),
        ("link.wav", "link to nowhere"),
        ("absent.wav", "cannot be opened"),
    ):
        with pytest.raises(AudioFileError, match=said):
            read_audio(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioFileError, match="pipe"):
        read_audio(tmp_path / "pipe.wav")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded("WAV"))
    (tmp_path / "a.wav").chmod(0)
    with pytest.raises(AudioFileError, match="cannot be opened"):
        read_audio(tmp_path / "a.wav")


def test_a_stream_of_unknown_length_is_read_to_its_end(tmp_path):
    wav = bytearray(encoded("WAV", "PCM_16"))
    wav[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(wav)
    assert read_audio(tmp_path / "a.wav").samples.shape == (1, len(TONE))


def test_more_frames_than_the_bytes_can_hold_are_refused_before_decoding(tmp_path):
    flac = bytearray(encoded("FLAC", "PCM_16"))
    flac[21] |= 0x0F  # the upper bits of the number of samples: 64 thousand million
    assert "cannot hold" in refusal(tmp_path, bytes(flac)).reason


def test_the_limit_of_length_is_an_error_of_its_own(tmp_path):
    (tmp_path / "a.wav").write_bytes(encoded("WAV"))
    with pytest.raises(AudioTooLongError, match=r"0\.1 s, more than the 0\.05 s allowed"):
        read_audio(tmp_path / "a.wav", limits=AudioLimits(max_seconds=0.05))
    assert read_audio(tmp_path / "a.wav", end_s=0.04, limits=AudioLimits(max_seconds=0.05)).seconds == pytest.approx(
        0.04
    )


def test_an_mp3_that_hides_its_length_is_not_cut_short_silently(tmp_path):
    rng = np.random.default_rng(0)
    data = encoded("MP3", samples=0.1 * rng.standard_normal(RATE))
    second_frame = data.index(data[:2], 100)
    assert b"Xing" in data[:second_frame]
    assert "variable bit rate" in refusal(tmp_path, data[second_frame:]).reason


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    container=st.sampled_from(["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG"]),
    edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0.05, 1.0),
)
def test_whatever_the_bytes_the_answer_is_sound_or_a_reason(tmp_path_factory, container, edits, keep):
    data = bytearray(_SEEDS[container])
    for at, value in edits:
        data[at % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "fuzzed.wav"
    path.write_bytes(data[: max(1, int(keep * len(data)))])
    try:
        audio = read_audio(path)
    except AudioFileError as error:
        assert error.reason and error.remedy
    else:
        assert np.isfinite(audio.samples).all() and audio.samples.size > 0


_SEEDS = {c: encoded(c) for c in ("WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG")}


def test_write_wav_is_exact_24_bit_and_the_same_every_time(tmp_path):
    write_wav(tmp_path / "a.wav", TONE, RATE, info={"INAM": "Kick 1", "ISFT": "creativeml"})
    write_wav(tmp_path / "b.wav", TONE, RATE, info={"INAM": "Kick 1", "ISFT": "creativeml"})
    data = (tmp_path / "a.wav").read_bytes()
    assert (
        data
        == (tmp_path / "b.wav").read_bytes()
        == wav_bytes(TONE, RATE, info={"INAM": "Kick 1", "ISFT": "creativeml"})
    )
    assert len(data) % 2 == 0 and struct.unpack("<I", data[4:8])[0] == len(data) - 8
    audio = read_audio(tmp_path / "a.wav")
    assert audio.subtype == "PCM_24" and np.abs(audio.samples[0] - TONE).max() <= 2.0**-24
    with soundfile.SoundFile(tmp_path / "a.wav") as file:
        assert file.title == "Kick 1" and file.software == "creativeml"


def test_wav_bytes_have_not_changed():
    # Promised: the same sound gives the same file, also in the next version.
    digest = hashlib.sha256(wav_bytes(np.array([0.0, 0.5, -1.0, 1.0, 1e-9]), RATE, info={"INAM": "x"})).hexdigest()
    assert digest == "a70a30f981f94e48924b95e921abfd372a9dc998510a567492c9d9ac09dbfaba"


def test_full_scale_fits_and_stereo_is_interleaved(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([[1.0, -1.0], [0.25, 0.5]]), 48_000, bits=16)
    samples, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == 48_000 and samples.tolist() == [[32767, 8192], [-32768, 16384]]


@pytest.mark.parametrize(
    ("samples", "said"), [([0.0, 1.5], "peak is 1.5"), ([0.0, np.nan], "NaN"), ([np.inf], "infinity")]
)
def test_write_wav_refuses_what_a_file_cannot_hold_and_leaves_the_old_file(tmp_path, samples, said):
    write_wav(tmp_path / "a.wav", TONE, RATE)
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(AudioFileError, match=said):
        write_wav(tmp_path / "a.wav", np.array(samples), RATE)
    assert (tmp_path / "a.wav").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_path_that_cannot_be_written_is_a_plain_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CreativeMLError, match="cannot be written"):
        write_wav(tmp_path / "file" / "a.wav", TONE, RATE)


def test_flac_bytes_keep_every_bit_of_24():
    numbers = np.array([0, 1, -1, 8388607, -8388608, 12345])
    read, _ = soundfile.read(io.BytesIO(flac_bytes(numbers / 2.0**23, RATE)), dtype="int32")
    assert (read >> 8).tolist() == numbers.tolist()
