"""Exported models against the models themselves, on the shipped weights, and the player that knows no torch."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import creativeml
from creativeml.data.starter import starter_files
from creativeml.errors import CreativeMLError
from creativeml.evaluation.judge import load_judge
from creativeml.files import project_folder, sha256_file
from creativeml.models import build, save_pretrained
from creativeml.models.checkpoint import from_pretrained
from creativeml.synthesis.catalog import bundled_models
from creativeml.synthesis.exporting.eight_bits import int8_model
from creativeml.synthesis.exporting.engine import export_model, log_spectral_distances, onnx_session
from creativeml.synthesis.exporting.parts import find_part
from creativeml.synthesis.exporting.torch_file import CARD_FILE
from creativeml.synthesis.finish import finish

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
LARGEST = 1e-3
PLAYER = project_folder("examples") / "play_onnx.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def drums_file(folder) -> Path:
    export_model("drums", folder / "drums.onnx")
    return folder / "drums.onnx"


@pytest.fixture(scope="module")
def drums():
    """In float32, as the exported files compute."""
    instrument = creativeml.load("drums")
    instrument.model.dtype = torch.float32
    return instrument


@pytest.fixture(scope="module")
def recordings() -> torch.Tensor:
    """Every twelfth of the starter pack `(n, 65536)`, with the exact silence after their ends, and silence alone."""
    sounds = [torch.zeros(65536)]
    for file in starter_files()[::12]:
        samples = torch.from_numpy(file.mono(44100)[:65536].astype(np.float32))
        sounds.append(torch.nn.functional.pad(samples, (0, 65536 - len(samples))))
    return torch.stack(sounds)


@pytest.fixture(scope="module")
def player():
    spec = importlib.util.spec_from_file_location("play_onnx", PLAYER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def inputs_of(model, kinds: list[str], seed: int) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(seed)
    noise = [torch.randn(len(kinds), *shape) for shape in model.noise_shapes()]
    return torch.randn(len(kinds), model.config.latent_dim), model.condition_for(kinds), noise


@torch.no_grad()
def both(session, model, kinds: list[str], seed: int, truncation: float) -> tuple[torch.Tensor, torch.Tensor]:
    latent, condition, noise = inputs_of(model, kinds, seed)
    own = model(latent, condition, noise=noise, truncation=truncation)
    inputs = {
        "latent": latent.numpy(),
        "condition": condition.numpy(),
        "noise": torch.cat([part.flatten(1) for part in noise], dim=1).numpy(),
        "truncation": np.full(len(kinds), truncation, np.float32),
    }
    return own, torch.from_numpy(session.run(None, inputs)[0])


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("truncation", [1.0, 0.6])
def test_the_generator_makes_the_same_of_every_kind(drums, drums_file, batch, truncation):
    session = onnx_session(drums_file.read_bytes(), 1)
    for number, kind in enumerate(drums.kinds):
        own, theirs = both(session, drums.model, [kind] * batch, number, truncation)
        assert own.shape == theirs.shape == (batch, 65536) and float(own.abs().max()) > 0.05
        assert float((own - theirs).abs().max()) <= LARGEST
        assert float((finish(own, 44100) - finish(theirs, 44100)).abs().max()) <= LARGEST


def test_one_file_that_says_all_and_nothing_of_this_machine(drums, drums_file):
    data = drums_file.read_bytes()
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model)
    assert [path.name for path in drums_file.parent.glob("drums.onnx*")] == ["drums.onnx"]
    # Weights of 16 bits are stored as such: less than two thirds of the parameters in 32 bits.
    assert len(data) < 4 * 0.75 * sum(p.numel() for p in drums.model.parameters())
    assert str(Path(creativeml.__file__).parent).encode() not in data and b"site-packages" not in data
    card = json.loads({entry.key: entry.value for entry in model.metadata_props}["creativeml"])
    assert card["kinds"] == list(drums.kinds) and list(card["controls"]) == list(drums.controls)
    assert card["model"] == {"name": "drums", "sha256": drums.info.sha256, "licence": "CC-BY-SA-4.0"}
    assert card["inputs"]["noise"][1] == sum(math.prod(shape) for shape in drums.model.noise_shapes())
    assert (card["sample_rate"], card["length_samples"], card["precision"]) == (44100, 65536, "float32")


@torch.no_grad()
def test_the_encoder_hears_the_same(folder, recordings):
    made = export_model("drums", folder / "encoder.onnx", which="encoder")
    encoder = from_pretrained(bundled_models()["drums"] / "encoder")
    condition = torch.nn.functional.one_hot(torch.arange(len(recordings)) % 11, 19).float()
    session = onnx_session((folder / "encoder.onnx").read_bytes(), 1)
    for some in (slice(0, 1), slice(1, None)):
        theirs = session.run(
            ["mean", "log_variance"], {"sound": recordings[some].numpy(), "condition": condition[some].numpy()}
        )
        for own, their in zip(encoder(recordings[some], condition[some]), theirs, strict=True):
            assert float((own - torch.from_numpy(their)).abs().max()) <= LARGEST
    assert made.role == "encoder" and made.differences.largest_difference <= LARGEST
    said = onnx.load(folder / "encoder.onnx").metadata_props
    card = json.loads(next(entry.value for entry in said if entry.key == "creativeml"))
    assert card["model"]["sha256"] == sha256_file(bundled_models()["drums"] / "encoder" / "model.safetensors")


@torch.no_grad()
def test_the_classifier_hears_the_same_and_silence_too(folder, recordings):
    export_model("judge", folder / "judge.onnx")
    judge = load_judge().model
    session = onnx_session((folder / "judge.onnx").read_bytes(), 1)
    for some in (slice(0, 1), slice(1, None)):
        scores, embedding = session.run(["scores", "embedding"], {"sound": recordings[some].numpy()})
        own = judge(recordings[some])
        assert float((own - torch.from_numpy(scores)).abs().max()) <= LARGEST
        assert float((judge.embed(recordings[some]) - torch.from_numpy(embedding)).abs().max()) <= LARGEST
        assert scores.argmax(1).tolist() == own.argmax(1).tolist()


@pytest.mark.parametrize("seed", [0, 3, 2**32 - 1])
def test_the_player_draws_the_random_numbers_of_torch(player, seed):
    """Of 16 and more in blocks, with an odd rest, and of fewer in pairs whose second is kept."""
    numbers, generator = player.RandomNumbers(seed), torch.Generator().manual_seed(seed)
    for shape in ((1, 64), (1, 2, 32), (1, 8), (1, 3), (1, 4), (1, 100), (5,), (17,), (1, 65536)):
        expected = torch.randn(shape, generator=generator).numpy()
        np.testing.assert_allclose(numbers.normal(*shape), expected, atol=5e-6)


def test_a_seed_is_the_same_sound_in_the_player(player, drums, drums_file):
    played = player.Player(drums_file)
    for kind, seed, truncation, asked in (
        ("kick", 3, 1.0, {}),
        ("crash", 0, 0.5, {}),
        ("snare", 12, 1.0, {"decay_time_20": 90.0}),
        ("tom", 7, 1.2, {"warmth": 45.0, "brightness": 50.0}),
    ):
        asked = drums.feasible(kind, asked).values
        told = drums.given(kind, seed, truncation, asked)
        assert played.completed(kind, seed, truncation, asked) == pytest.approx(told)
        sound = played.sound(kind, seed, truncation, asked)
        assert np.abs(sound - drums.sound(kind, seed, truncation, asked).numpy()).max() <= LARGEST


def test_the_player_needs_neither_torch_nor_creativeml(drums, drums_file, tmp_path):
    blocked = "import sys, runpy; sys.modules.update(torch=None, creativeml=None, soundfile=None);"
    code = blocked + "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(PLAYER), str(drums_file), "--out", str(tmp_path)]
    asked = ["--kind", "snare", "--seed", "3", "--control", "brightness=58"]
    done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    sound, rate = soundfile.read(tmp_path / "snare_s0003.wav", dtype="float32")
    assert rate == 44100 and soundfile.info(tmp_path / "snare_s0003.wav").subtype == "PCM_24"
    assert np.abs(sound - drums.sound("snare", 3, 1.0, {"brightness": 58.0}).numpy()).max() <= LARGEST
    done = subprocess.run([*command, "--kind", "tuba"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2 and "the kind 'tuba' is not known" in done.stderr.splitlines()[-1]


def test_eight_bits_cost_little_that_is_heard(drums, drums_file):
    part = find_part("drums")
    model = int8_model(part, onnx.load(drums_file))
    operations = [node.op_type for node in model.graph.node]
    # Ten convolutions over time: what goes in, and the weights.
    assert operations.count("QuantizeLinear") >= 10 and operations.count("DequantizeLinear") >= 20
    session = onnx_session(model.SerializeToString(), 1)
    own, theirs = (finish(sounds, 44100) for sounds in both(session, drums.model, list(drums.kinds), 5, 1.0))
    assert 0.01 < float(log_spectral_distances(own, theirs).mean()) < 0.5
    judge = load_judge().model
    assert judge.recognise(theirs) == judge.recognise(own)


@torch.no_grad()
def test_a_torch_program_plays_any_number(tiny_folder, tmp_path):
    """In bfloat16; of a model without controls, whose average styles are stored."""
    made = export_model(tiny_folder, tmp_path / "tiny.pt2", form="torch", precision="bfloat16")
    extra = {CARD_FILE: ""}
    data = (tmp_path / "tiny.pt2").read_bytes()
    program = torch.export.load(BytesIO(data), extra_files=extra)
    card = json.loads(extra[CARD_FILE])
    assert card["role"] == "generator" and card["precision"] == "bfloat16" and made.bytes == len(data)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        texts = [archive.read(name) for name in archive.namelist()]
    assert not any(str(Path(creativeml.__file__).parent).encode() in text for text in texts)
    model = from_pretrained(tiny_folder)
    for batch in (1, 3):
        latent, condition, noise = inputs_of(model, ["kick", "snare", "hat_closed"][:batch], batch)
        flat = torch.cat([part.flatten(1) for part in noise], dim=1)
        theirs = program.module()(latent, condition, flat, torch.full((batch,), 0.7))
        exact = model(latent, condition, noise=noise, truncation=0.7)
        model.dtype = torch.bfloat16
        rounded = model(latent, condition, noise=noise, truncation=0.7)
        model.dtype = torch.float32
        # Rounding falls otherwise here and there, by far less than it is itself.
        assert 0 < float((rounded - theirs).square().mean()) < 0.5 * float((exact - theirs).square().mean())


def test_an_autoencoder_of_few_latents_plays_too(tmp_path, player):
    """The second family that makes sounds; so few latents are drawn in another way."""
    torch.manual_seed(0)
    shape = {"channels": [8] * 5, "encoder_channels": [8] * 5, "hidden_dim": 16, "style_dim": 8, "modes": 8}
    vae = build("wave_vae", kinds=["kick", "snare"], global_dim=8, frame_dim=0, **shape)
    save_pretrained(vae, tmp_path / "vae")
    export_model(tmp_path / "vae", tmp_path / "vae.onnx")
    instrument = creativeml.load(tmp_path / "vae")
    instrument.model.dtype = torch.float32
    played = player.Player(tmp_path / "vae.onnx").sound("snare", 4, 0.8)
    assert np.abs(played - instrument.sound("snare", 4, 0.8).numpy()).max() <= LARGEST


def test_what_is_not_there_is_said(tiny_folder, tmp_path):
    with pytest.raises(CreativeMLError, match="came without an encoder"):
        export_model(tiny_folder, tmp_path / "encoder.onnx", which="encoder")
    with pytest.raises(CreativeMLError, match="int8 is for generators"):
        export_model("judge", tmp_path / "judge.onnx", precision="int8")
    with pytest.raises(CreativeMLError, match="bfloat16 is for generators"):
        export_model("judge", tmp_path / "judge.pt2", form="torch", precision="bfloat16")
    assert list(tmp_path.iterdir()) == []
