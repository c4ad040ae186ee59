"""Measuring a library: what is known is not measured again, an interruption loses nothing, previews are the sounds."""

from __future__ import annotations

import io
import os
import shutil

import numpy as np
import pytest
import soundfile

from creativeml.audio.descriptors.registry import describe
from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError
from creativeml.maps import features as measured
from creativeml.maps.features import LENGTH, NAMES, RATE, load, version
from creativeml.maps.library import read_library
from creativeml.maps.store import Store
from creativeml.maps.survey import survey

from .conftest import starter_files


@pytest.fixture
def measurements(monkeypatch) -> list[int]:
    """How many sounds each call measured."""
    calls: list[int] = []
    measure = measured.measure

    def counted(sounds, **options):
        calls.append(len(sounds))
        return measure(sounds, **options)

    monkeypatch.setattr(measured, "measure", counted)
    return calls


def spectrogram(samples: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, 512), 1024)[::256]
    return np.abs(np.fft.rfft(frames * np.hanning(1024), axis=1))


def quiet(*step: object) -> None:
    pass


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, measurements):
    for path in starter_files("kick", 19):
        shutil.copy(path, tmp_path)
    store = Store(tmp_path / "cache", version())

    def interrupt(what: str, done: int, total: int) -> None:
        if what == "listening":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey(read_library(tmp_path), store, workers=1, on_step=interrupt)
    store.close()
    done = sum(measurements)
    assert done >= 16
    store = Store(tmp_path / "cache", version())
    assert len(survey(read_library(tmp_path), store, on_step=quiet)) == 19
    assert sum(measurements) <= 19 + (done - 16), "the first sixteen were kept"
    # Renamed, touched and copied files are known by their content.
    first, second, *_ = sorted(tmp_path.glob("*.flac"))
    first.rename(tmp_path / "renamed.flac")
    os.utime(second, (1, 1))
    shutil.copy(second, tmp_path / "copy.flac")
    before = sum(measurements)
    assert len(survey(read_library(tmp_path), store, on_step=quiet)) == 20
    assert sum(measurements) == before
    store.close()


def test_a_file_that_vanishes_is_named_and_not_held_against_its_content(tmp_path, monkeypatch):
    (kick,) = starter_files("kick", 1)
    shutil.copy(kick, tmp_path / "kick.flac")
    store = Store(tmp_path / "cache", version())

    def vanish(what: str, done: int, total: int) -> None:
        (tmp_path / "kick.flac").unlink(missing_ok=True)

    library = read_library(tmp_path)
    assert survey(library, store, on_step=vanish) == []
    assert [(r.name, r.reason) for r in library.refused] == [("kick.flac", "was changed or deleted while it was read")]
    shutil.copy(kick, tmp_path / "kick.flac")
    assert len(survey(read_library(tmp_path), store, on_step=quiet)) == 1
    store.close()


def test_a_damaged_or_unwritable_cache_is_one_line(tmp_path):
    (tmp_path / f"features-{version()}.sqlite3").write_bytes(b"no database" * 200)
    with pytest.raises(CreativeMLError, match="features cannot be kept"):
        Store(tmp_path, version())
    with pytest.raises(CreativeMLError, match="choose another --cache"):
        Store(tmp_path / f"features-{version()}.sqlite3", version())


def test_descriptors_and_prints_are_those_of_the_sound_alone(sounds):
    """A batch of sixteen gives each sound what it has by itself."""
    import torch

    for sound in (sounds[0], sounds[13]):
        samples = load(sound.file.path)[0].samples
        assert samples.shape == (LENGTH,)
        alone = describe(torch.from_numpy(samples).float(), RATE, NAMES, smooth=True)
        truth = np.array([float(alone[name]) for name in NAMES])
        assert sound.features.descriptors == pytest.approx(truth, rel=1e-3, abs=1e-3)
        assert np.linalg.norm(sound.features.prints, axis=1) == pytest.approx(1, abs=1e-4)
        assert sound.features.chances.sum() == pytest.approx(1, abs=1e-4)


def test_a_preview_is_the_beginning_of_its_sound(sounds):
    for sound in sounds[::5]:
        shaped, _ = load(sound.file.path)
        decoded, rate = soundfile.read(io.BytesIO(sound.features.preview))
        assert rate == 48_000 and decoded.ndim == 1
        truth = resample(shaped.samples[: round(min(1.0, shaped.duration_s) * RATE)], RATE, rate)
        assert abs(len(decoded) - len(truth)) <= 2
        count = min(len(decoded), len(truth)) - 960  # a cut is faded over the last 20 ms
        heard, meant = (spectrogram(s[:count]) for s in (decoded, truth))
        # Of a kick also the waveform; the noise of hats is another noise after coding, nearly the same in spectrum.
        assert np.sum(heard * meant) / np.linalg.norm(heard) / np.linalg.norm(meant) > 0.85
        if sound.file.kind == "kick":
            assert np.corrcoef(decoded[:count], truth[:count])[0, 1] > 0.95
        assert len(sound.features.preview) < 9000


def test_a_long_recording_counts_by_its_first_second_and_a_half(tmp_path, store):
    hit = soundfile.read(starter_files("snare", 1)[0])[0]
    hit = hit if hit.ndim == 1 else hit.mean(1)
    soundfile.write(tmp_path / "long.wav", np.concatenate([np.zeros(6 * 44100), hit, np.zeros(20 * 44100)]), 44100)
    soundfile.write(tmp_path / "short.wav", hit, 44100)
    long, short = survey(read_library(tmp_path), store, on_step=quiet)
    assert long.features.seconds == pytest.approx(26 + len(hit) / 44100, abs=1e-3)
    assert long.features.descriptors == pytest.approx(short.features.descriptors, rel=0.05, abs=1.0)
