"""A real but tiny generator, so that tests of everything around the network take no time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import creativeml
from creativeml.models import build, save_pretrained
from creativeml.synthesis.generate import Instrument

KINDS = ["kick", "snare", "hat_closed"]


def save_tiny(folder: Path, seed: int = 0, **overrides) -> Path:
    """Randomly initialised StyleWaveGAN of few channels, full length, saved to `folder`."""
    torch.manual_seed(seed)
    model = build("style_wavegan", kinds=KINDS, latent_dim=8, style_dim=8, channels=[8] * 5, **overrides)
    model.estimate_mean_style(samples=32)
    save_pretrained(model, folder, info={"licence": "CC0-1.0"})
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny(tiny_folder) -> Instrument:
    return creativeml.load(tiny_folder)
