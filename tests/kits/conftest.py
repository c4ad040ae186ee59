"""Kits of real sounds: the bundled model's, and recordings of the starter pack."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import creativeml
from creativeml.audio.io import read_audio
from creativeml.files import project_folder
from creativeml.kits.kit import Kit, Layer, Pad, Shaping, Take, spans_of
from creativeml.kits.layers import model_layers, own_layers
from creativeml.models import build, save_pretrained
from creativeml.synthesis.export import ModelRecord, render
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.request import Request


@pytest.fixture(scope="session")
def drums() -> Instrument:
    return creativeml.load("drums")


@pytest.fixture(scope="session")
def recording() -> np.ndarray:
    """A snare of the starter pack, `(n,)` at 44.1 kHz."""
    found = map(read_audio, sorted((project_folder("datasets") / "starter" / "snare").glob("*.flac")))
    return next(audio.samples.mean(0) for audio in found if audio.sample_rate == 44100 and audio.seconds > 0.2)


@pytest.fixture(scope="session")
def made(drums):
    """Request -> what `render` gives, each made once."""
    known = {}

    def make(request: Request):
        key = (request, tuple(request.controls.items()))
        if key not in known:
            known[key] = render(drums, request, measure=False)
        return known[key]

    return make


@pytest.fixture(scope="session")
def kit(drums, recording, made) -> Kit:
    """Four pads with everything that a kit can have: layers, takes, gain, pan, choke, tuning and a recording."""

    def take(kind: str, seed: int, turn: int = 0) -> Take:
        data, record = made(Request(kind, seed, vary=0.2 if turn else 0.0, take=turn))
        return Take(data, f"{kind} {seed} {turn}", record)

    low, high = spans_of(2)
    kick = model_layers(drums, Request("kick", 3), "Kick", shaping=Shaping(tune_semitones=-2, decay=0.5), make=made)
    closed = (
        Layer(*low, (take("hat_closed", 1),)),
        Layer(*high, (take("hat_closed", 2), take("hat_closed", 2, 1), take("hat_closed", 2, 2))),
    )
    pads = (
        Pad(46, "Hat Open", "hat_open", (Layer(1, 127, (take("hat_open", 2),)),), -6.5, 0.333, 1),
        Pad(36, "Kick Dépth", "kick", kick, 1.234, -0.07),
        Pad(42, "Hat Closed & <Tight>", "hat_closed", closed, -6.0, 0.333, 1),
        Pad(38, "Mine", "snare", own_layers(recording, 44100, "Mine", "a snare.wav", 2)),
    )
    model = ModelRecord(drums.info.name, drums.info.sha256, drums.info.licence)
    return Kit("Test Kit 7", pads, 44100, 'Ann O\'Neil & "co"', "first line\nsecond -- line", "CC0-1.0", model)


@pytest.fixture(scope="session")
def tiny_without_controls(tmp_path_factory) -> Instrument:
    """An untrained StyleWaveGAN of few channels, which can be asked for nothing but a kind."""
    torch.manual_seed(0)
    model = build("style_wavegan", kinds=["kick", "gong"], latent_dim=8, style_dim=8, channels=[8] * 5)
    model.estimate_mean_style(samples=32)
    folder = tmp_path_factory.mktemp("models") / "plain"
    save_pretrained(model, folder, info={"licence": "CC0-1.0"})
    return creativeml.load(folder)
