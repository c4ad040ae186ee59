"""Saving, loading, and the refusal of everything that does not fit exactly."""

import json

import pytest
import torch

from creativeml import models
from creativeml.errors import CreativeMLError

SMALL = {"kinds": ["kick", "snare"], "length_samples": 8192, "latent_dim": 8, "style_dim": 16, "channels": [16, 12]}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = models.build("style_wavegan", **SMALL)
    models.save_pretrained(model, tmp_path / "m", info={"steps": 3})
    return model, tmp_path / "m"


def test_round_trip_is_exact_to_the_bit(saved):
    model, folder = saved
    again = models.from_pretrained(folder)
    assert again.config == model.config and not again.training
    for (name, ours), (other, theirs) in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert name == other and torch.equal(ours, theirs)


def test_saving_twice_gives_the_same_bytes(saved, tmp_path):
    model, folder = saved
    models.save_pretrained(model, tmp_path / "again", info={"steps": 3})
    for name in ("model.safetensors", "config.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_half_precision_storage_loads_as_float32(saved, tmp_path):
    model, folder = saved
    models.save_pretrained(model, tmp_path / "half", dtype=torch.float16)
    again = models.from_pretrained(tmp_path / "half")
    assert all(p.dtype == torch.float32 for p in again.parameters())
    assert (tmp_path / "half/model.safetensors").stat().st_size < 0.6 * (folder / "model.safetensors").stat().st_size
    torch.testing.assert_close(again.start, model.start, atol=2e-3, rtol=1e-3)


def test_damage_is_noticed(saved):
    _, folder = saved
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CreativeMLError, match="hash"):
        models.from_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["config"].update(chanels=[1]), "did you mean 'channels'"),
        (lambda c: c.update(model="style_wavgan"), "did you mean 'style_wavegan'"),
        (lambda c: c.update(format=99), "update creativeml"),
        (lambda c: c["config"].update(latent_dim=9), "does not fit"),
        (lambda c: c["config"].update(latent_dim="8"), "whole number"),
    ],
)
def test_configuration_that_does_not_fit_is_refused(saved, change, message):
    _, folder = saved
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CreativeMLError, match=message):
        models.from_pretrained(folder)


def test_folders_that_are_no_models(tmp_path, saved):
    with pytest.raises(CreativeMLError, match="not a model folder"):
        models.from_pretrained(tmp_path)
    _, folder = saved
    (folder / "model.safetensors").unlink()
    with pytest.raises(CreativeMLError, match="missing"):
        models.from_pretrained(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CreativeMLError, match="JSON"):
        models.from_pretrained(folder)


def test_registry_builds_by_name_and_says_what_it_knows():
    assert {"style_wavegan", "wavegan"} <= set(models.list())
    with pytest.raises(CreativeMLError, match="did you mean 'latent_dim'"):
        models.build("style_wavegan", latent_dims=3)
