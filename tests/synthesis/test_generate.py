"""Instruments: what they promise about a sound, its name, and wrong requests."""

from __future__ import annotations

import json
import math
import shutil
import socket
import sys

import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.models import build, save_pretrained
from creativeml.synthesis.catalog import LAST_SEED, bundled_models, find_model


def test_sounds_are_ready_for_a_sampler(tiny):
    sounds = tiny.generate("snare", count=3, seed=5)
    assert sounds.shape == (3, 65536) and sounds.dtype == torch.float32
    assert tiny.sample_rate == 44100 and tiny.length_samples == 65536
    assert bool(torch.isfinite(sounds).all())
    peaks_dbfs = 20 * torch.log10(sounds.abs().amax(1))
    torch.testing.assert_close(peaks_dbfs, torch.full((3,), -1.0), atol=1e-4, rtol=0)
    assert bool((sounds.mean(1).abs() < 2e-3).all())
    assert bool((sounds[:, -1] == 0).all())


def test_a_sound_is_named_by_its_own_seed(tiny):
    row = tiny.generate("kick", count=4, seed=10)
    for i in range(4):
        assert torch.equal(row[i], tiny.generate("kick", count=1, seed=10 + i)[0])
        assert torch.equal(row[i], tiny.sound("kick", 10 + i))
    assert torch.equal(row, tiny.generate("kick", count=4, seed=10))


def test_the_number_of_threads_does_not_matter(tiny):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = tiny.sound("kick", 3)
        torch.set_num_threads(2)
        assert torch.equal(first, tiny.sound("kick", 3))
        assert torch.get_num_threads() == 2, "a caller's setting is left as it was"
    finally:
        torch.set_num_threads(threads)


def test_global_random_numbers_do_not_matter(tiny):
    torch.manual_seed(1)
    first = tiny.sound("kick", 3)
    torch.manual_seed(2)
    torch.rand(100)
    before = torch.random.get_rng_state()
    assert torch.equal(first, tiny.sound("kick", 3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_kind_seed_and_truncation_each_change_the_sound(tiny):
    base = tiny.sound("kick", 0)
    others = [tiny.sound("snare", 0), tiny.sound("kick", 1), tiny.sound("kick", 0, truncation=0.5)]
    assert all(float((base - other).abs().max()) > 1e-3 for other in others)


def test_truncation_draws_sounds_together(tiny):
    def spread(truncation: float) -> float:
        # Of the style alone: the noise inputs differ between seeds whatever the truncation.
        model = tiny.model
        latent = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
        condition = model.condition_for(["kick"] * 16)
        return float(model.truncate(model.map(latent, condition), condition, truncation).std(0).mean())

    assert spread(0.0) < 1e-6 < spread(0.5) < spread(1.0) < spread(1.5)


def test_sounds_can_be_used_in_training(tiny):
    # A programmer may feed them to an optimiser: no inference-mode tensors.
    sound = tiny.sound("kick", 0).requires_grad_()
    sound.square().sum().backward()
    assert sound.grad is not None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "snar"}, ["'snar'", "did you mean 'snare'", "kick, snare, hat_closed"]),
        ({"kind": "hat-closed"}, ["did you mean 'hat_closed'"]),
        ({"kind": ["kick"]}, ["not known"]),
        ({"kind": "x" * 100_000}, ["not known"]),
        ({"count": 0}, ["count", "1 to 1024", "0"]),
        ({"count": 1025}, ["count"]),
        ({"count": True}, ["count"]),
        ({"count": 2.0}, ["count"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"seed": LAST_SEED, "count": 2}, ["seed", str(LAST_SEED - 1)]),
        ({"seed": "1"}, ["seed"]),
        ({"truncation": -0.1}, ["truncation", "0 to 1.5"]),
        ({"truncation": 1.6}, ["truncation"]),
        ({"truncation": math.nan}, ["truncation", "nan"]),
        ({"truncation": "1"}, ["truncation"]),
    ],
)
def test_wrong_requests_are_one_clear_line(tiny, wrong, words):
    with pytest.raises(CreativeMLError) as caught:
        tiny.generate(**wrong)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    for word in words:
        assert word in message


def test_the_last_seed_works(tiny):
    assert tiny.generate("kick", count=2, seed=LAST_SEED - 1).shape == (2, 65536)


def test_info_names_the_model_and_not_the_path(tiny, tiny_folder):
    info = tiny.info
    assert info.name == "tiny" and info.licence == "CC0-1.0" and info.card is None
    assert info.sha256 == json.loads((tiny_folder / "config.json").read_text())["sha256"]
    assert info.kinds == tiny.kinds == ("kick", "snare", "hat_closed")
    assert (info.sample_rate, info.length_samples) == (44100, 65536)
    assert info.version == creativeml.__version__


def test_a_card_is_found(tiny_folder, tmp_path):
    folder = tmp_path / "carded"
    shutil.copytree(tiny_folder, folder)
    (folder / "MODEL_CARD.md").write_text("# A card\n")
    assert find_model(folder).card == folder / "MODEL_CARD.md"


def test_unknown_names_say_what_there_is(tmp_path):
    with pytest.raises(CreativeMLError, match="bundled:"):
        creativeml.load("drumz")
    if "drums" in bundled_models():
        with pytest.raises(CreativeMLError, match="did you mean 'drums'"):
            creativeml.load("drumz")
    with pytest.raises(CreativeMLError, match=r"config\.json"):
        creativeml.load(tmp_path)


def test_a_hub_name_without_the_hub_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CreativeMLError, match="pip install huggingface_hub"):
        creativeml.load("somebody/some-drums")


def test_missing_and_damaged_files_are_named(tiny_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(CreativeMLError, match=r"model\.safetensors: its hash"):
        creativeml.load(folder)
    weights.unlink()
    with pytest.raises(CreativeMLError, match=r"model\.safetensors"):
        creativeml.load(folder)
    (folder / "config.json").write_text("[]")
    weights.write_bytes(b"")
    with pytest.raises(CreativeMLError, match=r"config\.json"):
        creativeml.load(folder)


def test_a_model_that_makes_no_sounds_is_refused(tmp_path):
    save_pretrained(build("drum_classifier"), tmp_path / "classifier")
    with pytest.raises(CreativeMLError, match=r"makes no sounds|that makes sounds"):
        creativeml.load(tmp_path / "classifier")


def test_a_broken_model_is_refused_and_not_written(tiny_folder):
    instrument = creativeml.load(tiny_folder)
    with torch.no_grad():
        instrument.model.start.fill_(math.nan)
    with pytest.raises(CreativeMLError, match="not a number"):
        instrument.sound("kick", 0)


@pytest.mark.skipif("drums" not in bundled_models(), reason="this checkout has no bundled weights")
def test_the_bundled_model_needs_no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a bundled model must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    drums = creativeml.load("drums")
    sounds = drums.generate("kick", count=2, seed=0)
    assert drums.sample_rate == 44100 and sounds.shape == (2, 65536)
    assert drums.info.licence and drums.info.card is not None
    assert float((sounds[0] - sounds[1]).abs().max()) > 1e-3
