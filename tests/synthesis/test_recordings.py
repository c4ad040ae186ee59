"""People's files in the form that models know, and the refusal of what is no drum hit."""

import numpy as np
import pytest
import soundfile
import torch

from creativeml.errors import CreativeMLError
from creativeml.synthesis.recordings import read_recording, recording_of

RATE, LENGTH = 44100, 65536


def hit(rate: int, seconds: float = 0.4, seed: int = 0) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return np.random.default_rng(seed).standard_normal(len(time)) * np.exp(-time / 0.05) * 0.1


@pytest.mark.parametrize(("rate", "channels", "suffix"), [(48000, 2, "wav"), (8000, 2, "wav"), (44100, 1, "flac")])
def test_a_hit_is_mono_from_its_onset_on_at_the_models_rate_length_and_level(tmp_path, rate, channels, suffix):
    path = tmp_path / f"My Snare.{suffix}"
    late = np.concatenate([np.zeros(int(0.25 * rate)), hit(rate)])
    soundfile.write(path, np.stack([late, 0.5 * late][:channels], axis=1), rate, subtype="PCM_16")
    recording = read_recording(path, RATE, LENGTH)
    assert recording.name == "My Snare" and recording.samples.shape == (LENGTH,)
    assert recording.samples.dtype == torch.float32 and float(recording.samples.abs().max()) == pytest.approx(0.9)
    loud = torch.nonzero(recording.samples.abs() > 0.05).flatten()
    assert 0 <= int(loud[0]) < 0.002 * RATE and int(loud[-1]) < 0.45 * RATE
    assert [("4000 Hz" in note) for note in recording.notes] == ([True] if rate == 8000 else [])


def test_samples_and_files_give_the_same(tmp_path):
    soundfile.write(tmp_path / "hit.wav", hit(RATE).astype(np.float32), RATE, subtype="FLOAT")
    by_file = read_recording(tmp_path / "hit.wav", RATE, LENGTH)
    for form in (torch.from_numpy(hit(RATE)).float(), hit(RATE).astype(np.float32)[None]):
        assert torch.equal(recording_of(form, RATE, RATE, LENGTH).samples, by_file.samples)


def test_what_is_longer_than_the_model_is_cut_and_said(tmp_path):
    soundfile.write(tmp_path / "crash.wav", np.random.default_rng(0).standard_normal(4 * RATE) * 0.1, RATE)
    recording = read_recording(tmp_path / "crash.wav", RATE, LENGTH)
    assert any("only the first 1.49 s" in note for note in recording.notes)
    assert abs(float(recording.samples[-1])) < 1e-3


@pytest.mark.parametrize(
    ("content", "rate", "message"),
    [
        (np.zeros(44100), 44100, "silent"),
        (np.ones(1), 44100, "too short"),
        (np.zeros(8000 * 600), 8000, "too long: 600.0 s"),
        (np.full(4410, np.nan), 44100, "NaN"),
    ],
)
def test_hostile_sounds_are_refused_in_a_line(tmp_path, content, rate, message):
    path = tmp_path / "hostile.wav"
    soundfile.write(path, content.astype(np.float32), rate, subtype="FLOAT" if np.isnan(content).any() else "PCM_16")
    for attempt in (
        lambda: read_recording(path, RATE, LENGTH),
        lambda: recording_of(content, rate, RATE, LENGTH),
    ):
        with pytest.raises(CreativeMLError, match=message) as caught:
            attempt()
        assert "\n" not in str(caught.value)


def test_files_that_are_no_audio_and_samples_of_no_shape(tmp_path):
    (tmp_path / "notes.wav").write_text("not a sound")
    with pytest.raises(CreativeMLError, match=r"notes\.wav"):
        read_recording(tmp_path / "notes.wav", RATE, LENGTH)
    with pytest.raises(CreativeMLError, match="cannot be opened"):
        read_recording(tmp_path / "absent.wav", RATE, LENGTH)
    with pytest.raises(CreativeMLError, match="shape"):
        recording_of(np.zeros((2, 2, 100)), RATE, RATE, LENGTH)
    with pytest.raises(CreativeMLError, match="sample rate"):
        recording_of(hit(RATE), 0, RATE, LENGTH)
