from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from creativeml.data.one_shots import DatasetError, OneShotDataset


def test_sounds_and_labels_come_from_the_folder(dataset_folder):
    dataset = OneShotDataset(dataset_folder)
    assert dataset.kinds == ("kick", "snare", "hat_closed", "cowbell")
    assert len(dataset) == 12
    assert torch.bincount(dataset.labels, minlength=4).tolist() == [5, 3, 4, 0]
    assert (dataset.sample_rate, dataset.length_samples) == (44100, 16384)
    for index in range(len(dataset)):
        item = dataset[index]
        assert item["sound"].shape == (16384,) and item["sound"].dtype == torch.float32
        assert dataset.kinds[item["label"]] == dataset.rows[index]["class"]
        assert item["index"] == index
    assert dataset[-1]["index"] == 11
    with pytest.raises(IndexError):
        dataset[12]


def test_sounds_are_scaled_to_the_peak_and_else_unchanged(dataset_folder):
    scaled, level_kept = OneShotDataset(dataset_folder, peak=0.9), OneShotDataset(dataset_folder, peak=None)
    for index, row in enumerate(scaled.rows):
        original = soundfile.read(dataset_folder / row["path"], dtype="float32")[0]
        peak = np.abs(original).max()
        assert np.abs(level_kept[index]["sound"].numpy() - original).max() <= peak * 1.6e-5
        assert np.abs(scaled[index]["sound"].numpy() - original * (0.9 / peak)).max() <= 1.5e-5
        assert scaled[index]["sound"].abs().max() == pytest.approx(0.9, abs=1e-6)


def test_full_scale_is_never_passed(dataset_folder):
    dataset = OneShotDataset(dataset_folder, peak=1.0)
    assert dataset.batch(range(len(dataset)))[0].abs().max() <= 1.0


def test_batch_keeps_the_order_asked_for(dataset_folder):
    dataset = OneShotDataset(dataset_folder)
    sounds, labels = dataset.batch(torch.tensor([7, 2, 2]))
    assert sounds.shape == (3, 16384)
    assert torch.equal(labels, dataset.labels[[7, 2, 2]])
    assert torch.equal(sounds[0], dataset[7]["sound"]) and torch.equal(sounds[1], sounds[2])


def test_labels_mean_the_same_in_every_split(dataset_folder):
    train, validation = OneShotDataset(dataset_folder), OneShotDataset(dataset_folder, "validation")
    assert train.kinds == validation.kinds
    assert len(validation) == 3
    assert len(OneShotDataset(dataset_folder, "all")) == 15


def test_kinds_choose_and_order_the_labels(dataset_folder):
    dataset = OneShotDataset(dataset_folder, kinds=["hat_closed", "kick"])
    assert dataset.kinds == ("hat_closed", "kick")
    assert torch.bincount(dataset.labels).tolist() == [4, 5]


def test_duplicates_and_unlabelled_sounds_are_left_out(tmp_path, dataset_writer):
    copy = {
        "path": "audio/kick/kick_0.flac",
        "class": "kick",
        "split": "train",
        "duplicate_of": "audio/kick/kick_1.flac",
    }
    unlabelled = {"path": "audio/kick/kick_0.flac", "class": "unlabelled", "split": "train"}
    assert len(OneShotDataset(dataset_writer(tmp_path, (copy, unlabelled)))) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "tests"}, "unknown split 'tests'"),
        ({"kinds": ["snares"]}, "did you mean 'snare'"),
        ({"kinds": ["cowbell"]}, "train split .* holds no sound of cowbell"),
        ({"split": "test"}, "test split .* holds no sound"),
        ({"peak": 1.5}, "peak must lie"),
    ],
)
def test_wrong_requests_are_explained(dataset_folder, arguments, message):
    with pytest.raises(DatasetError, match=message):
        OneShotDataset(dataset_folder, **arguments)


def test_a_folder_that_is_no_dataset_names_the_command(tmp_path):
    with pytest.raises(DatasetError, match=r"has no dataset.json; make one with `creativeml prepare"):
        OneShotDataset(tmp_path)
    with pytest.raises(DatasetError, match="there is no such folder"):
        OneShotDataset(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", "[]", '{"sample_rate": 44100}', '{"sample_rate": "x"}'])
def test_a_damaged_description_is_named(tmp_path, dataset_writer, text):
    (dataset_writer(tmp_path) / "dataset.json").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=r"dataset.json is damaged"):
        OneShotDataset(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path, dataset_writer):
    manifest = dataset_writer(tmp_path) / "manifest.csv"
    manifest.write_text("path,class\nx,kick\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"manifest.csv has no column split, duplicate_of"):
        OneShotDataset(tmp_path)
    manifest.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"manifest.csv cannot be read"):
        OneShotDataset(tmp_path)


def test_every_unusable_file_is_named_with_its_reason(tmp_path, dataset_writer):
    folder = dataset_writer(tmp_path) / "audio"
    (folder / "kick/kick_0.flac").unlink()
    (folder / "kick/kick_1.flac").write_bytes(b"not audio")
    soundfile.write(folder / "snare/snare_0.flac", np.zeros(16384, np.float32), 44100)
    soundfile.write(folder / "snare/snare_1.flac", np.ones(100, np.float32) / 2, 44100)
    soundfile.write(folder / "snare/snare_2.flac", np.ones(16384, np.float32) / 2, 48000)
    with pytest.raises(DatasetError) as caught:
        OneShotDataset(tmp_path)
    message = str(caught.value)
    for part in (
        "kick_0.flac is missing",
        "kick_1.flac cannot be read",
        "snare_0.flac is silent",
        "snare_1.flac is 100 samples at 44100 Hz instead of 16384",
        "snare_2.flac is 16384 samples at 48000 Hz",
        "run `creativeml prepare` again",
    ):
        assert part in message


def test_many_failures_are_counted(tmp_path, dataset_writer):
    for file in (dataset_writer(tmp_path) / "audio").rglob("*.flac"):
        file.write_bytes(b"")
    with pytest.raises(DatasetError, match="and 7 more"):
        OneShotDataset(tmp_path)
