"""What tests of several parts need: a share of the processor, and a real model that can be asked for descriptors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CONTROLS = ("brightness", "warmth", "hardness", "decay_time_20")


def pytest_configure() -> None:
    """Where several processes test side by side, threads of all of them together are no more than the cores."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if workers is None:
        return
    # For the processes that tests start, and, before any test imports it, for torch itself.
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // int(workers)))


@pytest.fixture(scope="session")
def controls_folder(tmp_path_factory) -> Path:
    """An untrained StyleWaveGAN of few channels with controls, and what the starter pack's recordings have of them.

    Of its kind clap there is one recording, of perc2 none.
    """
    import numpy as np
    import torch

    from creativeml.audio.descriptors.registry import describe
    from creativeml.audio.io import read_audio
    from creativeml.config import to_dict
    from creativeml.data.descriptor_ranges import ranges_of
    from creativeml.files import project_folder
    from creativeml.models import build, save_pretrained

    values, labels = [], []
    for kind in ("kick", "snare", "tom", "clap"):
        for path in sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[:24]:
            audio = read_audio(path)
            found = describe(torch.from_numpy(audio.samples.mean(0)), audio.sample_rate, CONTROLS)
            values.append([float(found[name]) for name in CONTROLS])
            labels.append(kind)
    ranges = ranges_of(CONTROLS, np.array(values), np.array(labels), ("kick", "snare", "tom", "clap"))
    torch.manual_seed(0)
    kinds = ["kick", "snare", "tom", "clap", "perc2"]
    model = build("style_wavegan", kinds=kinds, controls=list(CONTROLS), latent_dim=8, style_dim=8, channels=[8] * 5)
    model.estimate_mean_style(samples=32)
    folder = tmp_path_factory.mktemp("models") / "with_controls"
    save_pretrained(model, folder, info={"licence": "CC0-1.0", "descriptor_ranges": to_dict(ranges)})
    return folder


@pytest.fixture(scope="session")
def drum_recordings():
    """All sounds of the starter pack; `split` and `groups` keep those of one source on one side."""
    from creativeml.data.starter import starter_sounds

    return starter_sounds()


@pytest.fixture(scope="session")
def drum_pictures(drum_recordings):
    """Log-mel pictures of the starter pack `(n, 128)`, 16 bands by 8 frames, within 0 and 1; labels and their names.

    They are the rows of `drum_recordings`, by whose `split` known ones are told from unheard ones.
    """
    return drum_recordings.pictures(bands=16, frames=8).flatten(1), drum_recordings.labels, drum_recordings.kinds
