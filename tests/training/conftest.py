"""A dataset folder of short real drum sounds, and networks small enough for a test."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.files import project_folder
from creativeml.losses.adversarial import AdversarialConfig
from creativeml.models.gans.critics import CriticConfig, SpectralView
from creativeml.models.gans.style_wavegan import StyleWaveGANConfig
from creativeml.training.config import GANTrainingConfig, ReconstructionConfig

LENGTH = 8192
KINDS = ("kick", "snare")


@pytest.fixture(scope="session")
def drums(tmp_path_factory) -> Path:
    """Eight kicks and eight snares of the starter pack, cut to 8,192 samples."""
    root = tmp_path_factory.mktemp("drums")
    starter = project_folder("datasets") / "starter"
    rows = []
    with (starter / "manifest.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    for kind in KINDS:
        for n, source in enumerate([r for r in found if r["class"] == kind and r["source"] == "sonic-pi-samples"][:12]):
            samples, rate = soundfile.read(starter / source["path"], dtype="float32", always_2d=True)
            if rate != 44100:
                continue
            sound = np.zeros(LENGTH, np.float32)
            part = samples[:LENGTH].mean(1)
            sound[: len(part)] = part
            sound[-256:] *= np.linspace(1, 0, 256, dtype=np.float32)
            path = f"audio/{kind}/{n}.flac"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(root / path, sound, 44100, subtype="PCM_24")
            split = "train" if n < 8 else "validation" if n < 10 else "test"
            rows.append({"path": path, "class": kind, "group": path, "split": split, "duplicate_of": ""})
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    about = {"format": 1, "sample_rate": 44100, "length_samples": LENGTH, "kinds": list(KINDS), "sources": []}
    (root / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    return root


@pytest.fixture
def small() -> GANTrainingConfig:
    """The preset `fast` with few channels and everything it uses switched on within a few steps."""
    return GANTrainingConfig(
        preset="fast",
        generator=StyleWaveGANConfig(
            kinds=KINDS,
            length_samples=LENGTH,
            latent_dim=8,
            style_dim=24,
            channels=(24, 24, 16),
            hop_samples=64,
            modes=8,
            convs_per_level=1,
        ),
        critic=CriticConfig(
            2,
            views=(SpectralView(512, 128, 32, 64),),
            spectral_channels=(8, 16),
            wave_channels=(8, 16, 16),
            feature_dim=32,
        ),
        adversarial=AdversarialConfig(penalty_every=2),
        reconstruction=ReconstructionConfig(pretrain_steps=4, every=3),
        batch_size=4,
        seed=5,
    )
