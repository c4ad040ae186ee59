from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import torch

from creativeml.audio.features import MelConfig, MelSpectrogram
from creativeml.data.mels import MelDataset
from creativeml.data.one_shots import DatasetError, OneShotDataset

pytest.importorskip("torchaudio")


@pytest.fixture
def folder(dataset_folder, tmp_path):
    return shutil.copytree(dataset_folder, tmp_path / "data")


def test_mels_are_those_of_the_sounds(folder):
    mels, sounds = MelDataset(folder), OneShotDataset(folder)
    assert len(mels) == len(sounds) == 12
    assert mels.kinds == sounds.kinds and torch.equal(mels.labels, sounds.labels)
    spectrogram = MelSpectrogram(MelConfig())
    for index in (0, 5, 11):
        item = mels[index]
        assert item["mel"].shape == (128, 32)
        assert torch.allclose(item["mel"], spectrogram(sounds[index]["sound"]), atol=1e-5)
        assert item["label"] == sounds[index]["label"] and item["index"] == index


def test_flip_turns_the_picture_over_and_still_inverts(folder):
    upright, flipped = MelDataset(folder, "validation"), MelDataset(folder, "validation", flip=True)
    assert torch.equal(upright[1]["mel"].flip(0), flipped[1]["mel"])
    sound = flipped.to_sound(flipped.batch([0])[0], iterations=8)
    assert sound.shape == (1, 16384)
    assert torch.equal(sound, upright.to_sound(upright.batch([0])[0], iterations=8))


def test_inverted_sounds_have_nearly_the_same_mel(folder):
    mels = MelDataset(folder, "validation")
    wanted, _ = mels.batch(range(3))
    found = mels.spectrogram(mels.to_sound(wanted))
    error = (found - wanted).abs().mean((1, 2)) / wanted.mean((1, 2))
    assert error.max() < 0.15


def test_second_use_reads_the_cache_and_no_sound(folder):
    first = MelDataset(folder)
    shutil.rmtree(folder / "audio")
    second = MelDataset(folder)
    assert second.cache_path == first.cache_path
    assert torch.equal(first.batch(range(12))[0], second.batch(range(12))[0])


def test_another_setting_or_manifest_gets_another_file(folder, tmp_path):
    cache = tmp_path / "cache"
    paths = {
        MelDataset(folder, cache=cache).cache_path,
        MelDataset(folder, cache=cache, split="validation").cache_path,
        MelDataset(folder, cache=cache, peak=None).cache_path,
        MelDataset(folder, cache=cache, kinds=["snare", "kick"]).cache_path,
        MelDataset(folder, cache=cache, config=MelConfig(bands=40)).cache_path,
    }
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("kick0", "kickA"), encoding="utf-8")
    paths.add(MelDataset(folder, cache=cache).cache_path)
    assert len(paths) == 6 and set(cache.iterdir()) == paths


def test_a_damaged_cache_is_made_again(folder):
    first = MelDataset(folder)
    first.cache_path.write_bytes(os.urandom(200))
    assert torch.equal(MelDataset(folder)[3]["mel"], first[3]["mel"])
    assert first.cache_path.stat().st_size > 200


def test_unreadable_sounds_are_named_and_nothing_is_cached(folder):
    (folder / "audio/kick/kick_2.flac").write_bytes(b"fLaC")
    with pytest.raises(DatasetError, match=r"kick_2.flac cannot be read"):
        MelDataset(folder)
    assert not list(folder.rglob("*.safetensors"))


def test_a_cache_that_cannot_be_written_is_explained(folder, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    with pytest.raises(DatasetError, match="choose another folder as cache"):
        MelDataset(folder, cache=blocked)


def test_the_rate_must_be_the_datasets(folder):
    with pytest.raises(DatasetError, match=r"44100 Hz.*48000 Hz"):
        MelDataset(folder, config=MelConfig(sample_rate=48000))


def test_values_are_finite_and_silence_is_zero(folder):
    mel = MelDataset(folder).batch(range(12))[0].numpy()
    assert np.isfinite(mel).all() and (mel >= 0).all()
    assert mel[..., -1].max() == 0
