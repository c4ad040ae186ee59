"""From a published file to points: conversion once, strict loading, one embedding whatever rate and level."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from creativeml.audio.resample import resample
from creativeml.errors import CreativeMLError
from creativeml.evaluation.embeddings import embed
from creativeml.evaluation.outside import OUTSIDE, convert, load_outside
from creativeml.files import sha256_file


def published_soundnet(network, path):
    """The seeded network in the form of `sound8.npy`: TensorFlow's axes, layers that are not used beside it."""
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    layers = {"conv8": {"weights": np.zeros((8, 1, 4, 4), np.float32), "biases": np.zeros(4, np.float32)}}
    names = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
    for i in range(5):
        layer = {theirs: state[f"norms.{i}.{ours}"] for ours, theirs in names.items()}
        layer["weights"] = state[f"convolutions.{i}.weight"].transpose(2, 1, 0)[:, None]
        layers[f"conv{i + 1}"] = {**layer, "biases": state[f"convolutions.{i}.bias"]}
    np.save(path, layers, allow_pickle=True)
    return path


def published_resemblyzer(network, path):
    state = {**network.state_dict(), "similarity_weight": torch.ones(1), "similarity_bias": torch.ones(1)}
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    checkpoint = {"step": 1564501, "model_state": state, "optimizer_state": optimizer}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def soundnet(seeded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("soundnet")
    made = convert("soundnet", published_soundnet(seeded("soundnet"), folder / "sound8.npy"), folder / "s.safetensors")
    return made.path


def drums(count=3, rate=44100, seconds=0.6):
    time = torch.arange(round(rate * seconds)) / rate
    pitches = torch.tensor([60.0, 180.0, 700.0])[:count, None]
    return 0.3 * torch.sin(2 * torch.pi * pitches * time) * torch.exp(-time / 0.08)


def test_conversion_keeps_every_number(seeded, soundnet):
    tensors, state = load_file(soundnet), seeded("soundnet").state_dict()
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[key], state[key]) for key in state)


def test_resemblyzer_in_its_old_form(seeded, tmp_path):
    source = published_resemblyzer(seeded("resemblyzer"), tmp_path / "pretrained.pt")
    made = convert("resemblyzer", source, tmp_path / "r.safetensors")
    assert made.sha256 == sha256_file(made.path) and made.parameters == 1_423_616
    state = seeded("resemblyzer").state_dict()
    assert all(torch.equal(value, state[key]) for key, value in load_file(made.path).items())


def test_the_embedding_is_the_network_on_resampled_sounds_of_peak_one(seeded, soundnet):
    name, embedding = load_outside(f"soundnet={soundnet}")
    sounds = drums()
    expected = torch.stack([torch.from_numpy(resample((s / s.abs().max()).numpy(), 44100, 22050)) for s in sounds])
    with torch.no_grad():
        points = seeded("soundnet")(expected.float())
    assert name == "soundnet"
    torch.testing.assert_close(embedding(sounds, 44100), points)
    assert not embedding(sounds, 44100).requires_grad


def test_level_batch_and_repetition_do_not_matter_and_rate_hardly(soundnet):
    _, embedding = load_outside(f"soundnet={soundnet}")
    sounds = drums()
    points = embedding(sounds, 44100)
    assert points.shape == (3, 256) and points.dtype == torch.float32
    assert torch.equal(points, embedding(sounds, 44100))
    torch.testing.assert_close(points, embedding(0.01 * sounds, 44100), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(points, embed(sounds, 44100, embedding, batch_size=1), rtol=1e-3, atol=1e-3)
    other = embedding(drums(rate=48000), 48000)
    assert (points - other).norm() < 0.05 * (points[0] - points[1]).norm()
    assert embedding(sounds[:0], 44100).shape == (0, 256)
    assert bool(torch.isfinite(embedding(torch.zeros(1, 4000), 44100)).all())


def test_what_reports_say(soundnet):
    _, embedding = load_outside(f"soundnet={soundnet}")
    about = embedding.about()
    assert about["sha256"] == sha256_file(soundnet) and about["sample_rate"] == 22050 and about["version"] == 1
    assert about["licence"] == "MIT" and "1610.09001" in about["paper"]
    json.dumps(about)


def test_wrong_specifications_say_what_to_do(soundnet, tmp_path):
    other = tmp_path / "plain.safetensors"
    save_file(load_file(soundnet), other)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(soundnet.read_bytes()[:5000])
    pickled = tmp_path / "pretrained.pt"
    torch.save({"model_state": {}}, pickled)
    for spec, said in (
        ("soundnet", "NAME=PATH"),
        ("soundnet=", "NAME=PATH"),
        ("nobody=x", "known: soundnet"),
        (f"soundnet={tmp_path / 'none'}", r"no such file; soundnet needs .*sound8\.npy"),
        (f"soundnet={tmp_path}", "no such file"),
        (f"musicnn={soundnet}", "holds soundnet, not musicnn.*creativeml embedding convert musicnn"),
        (f"soundnet={other}", "not converted here"),
        (f"soundnet={damaged}", "not a readable safetensors file"),
        (f"resemblyzer={pickled}", "as safetensors only; convert .* once: creativeml embedding convert resemblyzer"),
    ):
        with pytest.raises(CreativeMLError, match=said) as caught:
            load_outside(spec)
        assert "\n" not in str(caught.value)


def test_wrong_conversions_say_what_to_do(seeded, soundnet, tmp_path):
    source = published_soundnet(seeded("soundnet"), tmp_path / "sound8.npy")
    out = tmp_path / "o.safetensors"
    missing = tmp_path / "missing.npy"
    np.save(missing, {"conv1": {"weights": np.zeros((64, 1, 1, 16), np.float32)}}, allow_pickle=True)
    layers = np.load(source, allow_pickle=True).item()
    layers["conv5"]["beta"] = np.full(256, np.nan, np.float32)
    broken = tmp_path / "broken.npy"
    np.save(broken, layers, allow_pickle=True)
    layers["conv5"]["beta"] = np.zeros(7, np.float32)
    shaped = tmp_path / "shaped.npy"
    np.save(shaped, layers, allow_pickle=True)
    text = tmp_path / "text.npy"
    text.write_text("no weights at all")
    for name, file, to, said in (
        ("nobody", source, out, "known"),
        ("onnx", source, out, "used as it is"),
        ("birdnet", source, out, "used as it is"),
        ("soundnet", tmp_path / "none.npy", out, "no such file"),
        ("soundnet", source, tmp_path / "o.pt", "ends in .safetensors"),
        ("soundnet", missing, out, "no 'biases'"),
        ("soundnet", broken, out, "norms.4.bias holds values that are not finite"),
        ("soundnet", shaped, out, r"norms.4.bias has shape \(7,\), not \(256,\)"),
        ("soundnet", text, out, "of no kind that is read here"),
        ("musicnn", source, out, "no 'batch_normalization/gamma'.*it needs musicnn"),
        ("resemblyzer", source, out, "no 'model_state'"),
    ):
        with pytest.raises(CreativeMLError, match=said) as caught:
            convert(name, file, to)
        assert "\n" not in str(caught.value) and not out.exists()
    shutil.copy(soundnet, out)
    with pytest.raises(CreativeMLError, match="new file"):
        convert("soundnet", out, out)


def test_values_that_are_not_finite_are_no_points(soundnet, tmp_path):
    _, embedding = load_outside(f"soundnet={soundnet}")
    embedding.network.norms[0].weight.data[:] = float("inf")
    with pytest.raises(CreativeMLError, match="not finite"):
        embedding(drums(), 44100)
    with pytest.raises(ValueError, match="batch, samples"):
        embedding(torch.zeros(10), 44100)


def test_every_entry_says_what_a_user_must_know():
    for name, entry in OUTSIDE.items():
        assert entry.line and entry.licence and entry.where and entry.paper, name
        assert (entry.rate is None) == (name == "onnx")
        assert entry.converted == (name not in ("onnx", "birdnet"))
