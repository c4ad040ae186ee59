"""Runs that read their sounds from tar shards: exact resume, small sets, autoencoders, damage, the web."""

import dataclasses
import json
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from creativeml.data import shard_reader
from creativeml.data.shard_sources import Address
from creativeml.data.shards import write_shards
from creativeml.errors import CreativeMLError
from creativeml.training import fit as fit_module
from creativeml.training import run as run_module
from creativeml.training.drum_vae import VAETrainingConfig
from creativeml.training.fit import fit
from creativeml.training.run import FitOptions
from creativeml.training.updates import NonFiniteLoss
from creativeml.training.wave_vae import WaveVAETrainingConfig
from tests.training.small_configs import small_drum_vae, small_wave_vae


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


@pytest.fixture(scope="module")
def sharded(drums, tmp_path_factory):
    """The small dataset, its eight sounds of each kind in shards of three; without its audio files."""
    root = shutil.copytree(drums, tmp_path_factory.mktemp("sharded") / "drums")
    write_shards(root, 3)
    shutil.rmtree(root / "audio")
    return root


def tensors(run, step):
    return load_file(run / "checkpoints" / f"step-{step:08d}.safetensors")


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("parts", [1, 2])
def test_ten_steps_equal_five_and_a_resume_of_five_and_the_web_is_no_other_place(
    parts, sharded, small, fabric, tmp_path
):
    small = dataclasses.replace(small, parts=parts)
    fit(small, sharded, tmp_path / "whole", fabric, FitOptions(10, checkpoint_every=5))
    fit(small, sharded, tmp_path / "parts", fabric, FitOptions(5, checkpoint_every=5))
    torch.manual_seed(999)  # what happened in between must not matter
    handler = partial(SimpleHTTPRequestHandler, directory=str(sharded.parent))
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        place = Address(f"http://127.0.0.1:{server.server_port}/drums", tmp_path / "cache")
        run = fit(small, place, tmp_path / "parts", fabric, FitOptions(10, checkpoint_every=5, resume=True))
        server.shutdown()
    assert equal(tensors(tmp_path / "whole", 10), tensors(tmp_path / "parts", 10))
    states = [
        json.loads((tmp_path / p / "checkpoints/step-00000010.json").read_text())["values"] for p in ("whole", "parts")
    ]
    assert states[0]["sampler"] == states[1]["sampler"]
    # All the sounds, by their files' hashes, and the validation recordings count.
    assert len(run.info["trained_on_sha256"]) == 16 and run.best["distance"] is not None


def autoencoders() -> list[WaveVAETrainingConfig | VAETrainingConfig]:
    return [small_wave_vae(pretrain_steps=1, game_from=2), small_drum_vae()]


@pytest.mark.parametrize("config", autoencoders(), ids=lambda config: config.preset)
def test_autoencoders_learn_from_shards_and_resume_exactly(config, sharded, fabric, tmp_path):
    fit(config, sharded, tmp_path / "whole", fabric, FitOptions(4, checkpoint_every=2))
    fit(config, sharded, tmp_path / "parts", fabric, FitOptions(2, checkpoint_every=2))
    torch.manual_seed(999)
    fit(config, sharded, tmp_path / "parts", fabric, FitOptions(4, checkpoint_every=2, resume=True))
    assert equal(tensors(tmp_path / "whole", 4), tensors(tmp_path / "parts", 4))
    assert (tmp_path / "whole/best/config.json").is_file()


def test_a_roll_back_draws_the_same_sounds_again(sharded, small, fabric, tmp_path, monkeypatch):
    real_step, seen = fit_module.train_step, []
    # Other augmentations are drawn then, of the same sounds.
    small = dataclasses.replace(small, augmentation=dataclasses.replace(small.augmentation, data_probability=0.0))

    def poisoned(gan, parts):
        seen.append((gan.step, parts[0].real.clone()))
        if gan.step == 7 and [step for step, _ in seen].count(7) <= fit_module.SKIPS_BEFORE_ROLLBACK:
            raise NonFiniteLoss("made so")
        return real_step(gan, parts)

    monkeypatch.setattr(fit_module, "train_step", poisoned)
    fit(small, sharded, tmp_path / "run", fabric, FitOptions(9, checkpoint_every=3))
    first, again = [sounds for step, sounds in seen if step == 6]
    assert torch.equal(first, again)


def test_estimates_come_from_a_part_that_is_said(sharded, small, fabric, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shard_reader, "SURVEYED", 6)
    monkeypatch.setattr(run_module, "HELD_OUT", 2)
    run = fit(small, sharded, tmp_path / "run", fabric, FitOptions(2, dry_run=True))
    told = capsys.readouterr().err
    assert "estimated from 6 of 16 training sounds" in told and "2 of 4 validation sounds" in told
    assert run.about["surveyed_sounds"] == 6 and run.dataset.survey().labels.bincount().tolist() == [3, 3]
    assert len(run.info["trained_on_sha256"]) == 16


def numbers(value) -> list[float]:
    """All numbers in nested plain values, in their order."""
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


def test_small_sets_and_controls_work_as_from_the_folder(drums, sharded, small, fabric, tmp_path):
    generator = dataclasses.replace(small.generator, controls=("brightness",))
    controlled = dataclasses.replace(small, generator=generator)
    runs = [
        fit(controlled, data, tmp_path / name, fabric, FitOptions(3, overfit=6))
        for data, name in ((drums, "folder"), (sharded, "shards"))
    ]
    assert len(runs[1].dataset) == 6 and runs[1].dataset.labels.bincount().tolist() == [3, 3]
    runs = [
        fit(controlled, data, tmp_path / f"all-{name}", fabric, FitOptions(1, dry_run=True))
        for data, name in ((drums, "folder"), (sharded, "shards"))
    ]
    # The same sounds in another order give the same estimates.
    one, other = (numbers(run.info["descriptor_ranges"]) for run in runs)
    assert len(one) > 10 and one == pytest.approx(other, rel=1e-4, abs=1e-6)
    assert torch.allclose(runs[0].gan.average.level, runs[1].gan.average.level, atol=1e-5)
    assert torch.allclose(runs[0].gan.average.usual_controls, runs[1].gan.average.usual_controls, atol=1e-5)


def test_a_shard_that_is_spoilt_ends_the_run_with_its_name_and_other_data_are_refused(sharded, small, fabric, tmp_path):
    root = shutil.copytree(sharded, tmp_path / "data")
    fit(small, root, tmp_path / "run", fabric, FitOptions(2, checkpoint_every=2))
    path = root / "shards" / "train-snare-000001.tar"
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(CreativeMLError, match=r"train-snare-000001\.tar is damaged"):
        fit(small, root, tmp_path / "run", fabric, FitOptions(30, resume=True))
    shutil.rmtree(root)
    shutil.copytree(sharded, root)
    index = root / "shards" / "index.json"
    index.write_text(index.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(CreativeMLError, match="other data"):
        fit(small, root, tmp_path / "run", fabric, FitOptions(30, resume=True))
