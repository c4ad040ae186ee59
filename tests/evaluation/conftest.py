"""A small synthetic corpus in the layout of `creativeml prepare`: kicks, snares and hats that differ as
drums do."""

import csv
import hashlib
import json

import pytest
import soundfile
import torch

from creativeml.audio.io import read_audio
from creativeml.audio.resample import resample
from creativeml.evaluation.judge import load_judge
from creativeml.evaluation.measure import SoundBatch
from creativeml.files import project_folder
from creativeml.models.classifiers.drum_classifier import DrumClassifierConfig
from creativeml.training.judge import ClassifierTraining, save_classifier, train_classifier

RATE = 44100
LENGTH = 16384
KINDS = ("kick", "snare", "hat_closed")


def drum(kind: str, seed: int) -> torch.Tensor:
    """One drum: a falling sine, a tone with noise, or high-passed noise, with its own pitch and decay."""
    generator = torch.Generator().manual_seed(seed)
    pitch, decay, level = (torch.rand(3, generator=generator) + 0.5).tolist()
    time = torch.arange(LENGTH) / RATE
    noise = torch.randn(LENGTH, generator=generator)
    if kind == "kick":
        phase = 2 * torch.pi * (60 * pitch * time + 4 * (1 - torch.exp(-time * 40)))
        sound = torch.sin(phase) * torch.exp(-time / (0.08 * decay))
    elif kind == "snare":
        tone = torch.sin(2 * torch.pi * 190 * pitch * time)
        sound = (0.5 * tone + 0.5 * noise) * torch.exp(-time / (0.05 * decay))
    else:
        spectrum = torch.fft.rfft(noise)
        spectrum[: int(LENGTH * 6000 * pitch / RATE)] = 0
        sound = torch.fft.irfft(spectrum, LENGTH) * torch.exp(-time / (0.02 * decay))
    sound = sound * torch.linspace(1, 0, LENGTH)
    return 0.6 * level * sound / sound.abs().max()


def write_corpus(root, per_split=(("train", 14), ("validation", 4), ("test", 7))):
    """Write the corpus and return its folder; two takes share each group."""
    rows, seed = [], 0
    for kind in KINDS:
        for split, count in per_split:
            for number in range(count):
                seed += 1
                path = root / "audio" / kind / f"{split}_{number}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, drum(kind, seed).numpy(), RATE, subtype="PCM_24", format="FLAC")
                row = {"path": path.relative_to(root).as_posix(), "class": kind, "split": split}
                row |= {"group": f"{kind}-{split}-{number // 2}", "source": "synthetic", "duplicate_of": ""}
                rows.append(row | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    values = {"format": 1, "sample_rate": RATE, "length_samples": LENGTH, "kinds": list(KINDS), "sources": []}
    (root / "dataset.json").write_text(json.dumps(values), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Folder of the synthetic corpus."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def trained(corpus):
    """A small classifier, really trained on the corpus (a few seconds)."""
    shape = DrumClassifierConfig(bands=32, channels=(8, 16), hop_samples=512, embedding_dim=12, dropout=0.1)
    settings = ClassifierTraining(steps=60, batch_size=12, check_every=20)
    return train_classifier(corpus, config=shape, settings=settings, report=lambda line: None)


@pytest.fixture(scope="session")
def judge_folder(trained, tmp_path_factory):
    """Where that classifier was saved."""
    folder = tmp_path_factory.mktemp("judge")
    save_classifier(trained, folder, licence="CC0-1.0")
    return folder


@pytest.fixture(scope="session")
def judge(judge_folder):
    """The saved classifier as a judge."""
    return load_judge(judge_folder)


@pytest.fixture(scope="session")
def starter_pack():
    """Kicks, snares, closed hats and toms of the starter pack, one batch of each with its groups, all `LENGTH` long."""
    folder = project_folder("datasets") / "starter"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    batches = []
    for kind in ("kick", "snare", "hat_closed", "tom"):
        chosen = [row for row in rows if row["class"] == kind]
        sounds = torch.zeros(len(chosen), LENGTH)
        for sound, row in zip(sounds, chosen, strict=True):
            audio = read_audio(folder / row["path"])
            samples = torch.from_numpy(audio.samples).mean(0)
            if audio.sample_rate != RATE:
                samples = torch.as_tensor(resample(samples.numpy(), audio.sample_rate, RATE))
            part = samples[:LENGTH].float()
            sound[: len(part)] = part
            sound[-512:] *= torch.linspace(1, 0, 512)
        batches.append(SoundBatch(kind, sounds, tuple(row["group"] for row in chosen)))
    return batches
