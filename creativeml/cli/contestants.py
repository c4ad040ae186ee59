"""Where the sounds of an evaluation come from: recordings, models, folders of audio files, shaped noise."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.io import AUDIO_SUFFIXES, read_audio
from creativeml.data.one_shots import OneShotDataset, fingerprint
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.measure import JUDGE, Measured, SoundBatch, measure
from creativeml.evaluation.report import LOG_MEL, Contest
from creativeml.evaluation.shaped_noise import ShapedNoise
from creativeml.models.checkpoint import CONFIG, WEIGHTS
from creativeml.synthesis.generate import Instrument, load

REAL, NOISE = "real", "noise"
BEST = "best"
"""Folder within a training run that holds its best checkpoint."""
FADE_S = 0.005
BATCH = 16


@dataclass(frozen=True)
class Plan:
    """What shall be compared.

    Attributes:
        data: dataset folder.
        model: name, folder, `real` or `noise`: the one in question.
        against: further ones.
        reference: splits that make up the reference recordings.
        count: sounds to generate per kind.
        seed: of everything random.
    """

    data: Path
    model: str
    against: tuple[str, ...]
    reference: Sequence[str]
    count: int
    seed: int


@dataclass(frozen=True)
class Source:
    """A named set of sounds that can be heard once."""

    name: str
    total: int
    batches: Iterator[SoundBatch]
    trained_on: frozenset[str] = frozenset()
    """Fingerprints of the recordings that the model behind it has heard."""


def stage(plan: Plan, judge: Judge) -> Contest:
    """Hear everything that the plan names, with a progress bar.

    Raises:
        CreativeMLError: unusable data, a name that is neither a model nor a folder, a model of another
            sample rate.
    """
    train = OneShotDataset(plan.data, "train", peak=None)
    names = [name for name in dict.fromkeys((plan.model, *plan.against)) if name not in (REAL, NOISE)]
    opened = {name: open_source(name, plan, train) for name in names}
    held_out, left_out = zip(*(_unheard(plan.data, split, opened.values()) for split in plan.reference), strict=True)
    noise = ShapedNoise((b.kind, b.sounds) for b in _recordings(train))
    sources = [
        Source(" + ".join(plan.reference), sum(map(len, held_out)), (b for d in held_out for b in _recordings(d))),
        Source(REAL, len(train), _recordings(train)),
        Source(NOISE, plan.count * len(noise.kinds), _noise(noise, plan)),
    ]
    sources += _distinct(opened.values())
    embeddings = {LOG_MEL: log_mel_statistics, JUDGE: judge.embedding}
    with tqdm(total=sum(s.total for s in sources), unit="sound", delay=1, disable=_quiet(), leave=False) as bar:
        heard = [measure(s.name, s.batches, train.sample_rate, embeddings, bar.update) for s in sources]
    reference, floor, ceiling, *others = heard
    special = {REAL: floor, NOISE: ceiling}
    by_name: dict[str, Measured] = {**special, **dict(zip(opened, others, strict=True))}
    contestants = tuple(by_name[name] for name in dict.fromkeys((plan.model, *plan.against)))
    return Contest(reference, floor, ceiling, contestants, sum(left_out))


def _unheard(data: Path, split: str, contestants: Iterable[Source]) -> tuple[OneShotDataset, int]:
    """The recordings of a split that no contestant was trained on, and how many it was.

    A split holds heard ones when a model meets data other than those it was trained on: prepared anew with other
    sources or labels, or a user's own collection that has sounds of ours.
    """
    recordings = OneShotDataset(data, split, peak=None)
    digests = [fingerprint(row.get("sha256", "")) for row in recordings.rows]
    by = [source for source in contestants if source.trained_on.intersection(digests)]
    heard = frozenset().union(*(source.trained_on for source in by))
    kept = [i for i, digest in enumerate(digests) if digest not in heard]
    left_out, names = len(recordings) - len(kept), ", ".join(source.name for source in by)
    if not kept:
        raise CreativeMLError(
            f"{data}: every recording of the {split} split is one that {names} was trained on; evaluate it on others"
        )
    if left_out:
        count = f"{left_out} of {len(recordings)} recordings"
        print(f"left out of {split}: {count} that {names} was trained on", file=sys.stderr)
    return recordings.subset(kept), left_out


def _quiet() -> bool | None:
    return None if sys.stderr.isatty() else True


def _distinct(sources: Iterable[Source]) -> list[Source]:
    """The sources, with a number added where two have the same name."""
    result: list[Source] = []
    for source in sources:
        taken = {s.name for s in result} | {REAL, NOISE}
        name, number = source.name, 2
        while name in taken:
            name, number = f"{source.name} ({number})", number + 1
        result.append(replace(source, name=name))
    return result


def open_source(name: str, plan: Plan, like: OneShotDataset) -> Source:
    """A model or a folder of audio files as a source of sounds of the same form as the dataset `like`."""
    folder = Path(name)
    if (folder / BEST / CONFIG).is_file():
        return _instrument(load(folder / BEST), folder.resolve().name, plan, like)
    if folder.is_dir() and not (folder / WEIGHTS).is_file():
        return _audio_folder(folder, like)
    return _instrument(load(name), folder.resolve().name if folder.is_dir() else name, plan, like)


def _recordings(data: OneShotDataset) -> Iterator[SoundBatch]:
    for label, kind in enumerate(data.kinds):
        members = torch.nonzero(data.labels == label).flatten()
        for part in members.split(BATCH):
            rows = [data.rows[int(i)] for i in part]
            groups = tuple(f"{row['source']} {row['group']}" for row in rows)
            yield SoundBatch(kind, data.batch(part)[0], groups, tuple(row.get("sha256", "") for row in rows))


def _noise(noise: ShapedNoise, plan: Plan) -> Iterator[SoundBatch]:
    generator = torch.Generator().manual_seed(plan.seed)
    for kind in noise.kinds:
        for start in range(0, plan.count, BATCH):
            yield SoundBatch(kind, noise.generate(kind, min(BATCH, plan.count - start), generator))


def _instrument(instrument: Instrument, name: str, plan: Plan, like: OneShotDataset) -> Source:
    kinds = [kind for kind in like.kinds if kind in instrument.kinds]
    if not kinds:
        raise CreativeMLError(
            f"{name} makes {', '.join(instrument.kinds)}, but {plan.data} holds {', '.join(like.kinds)}; "
            "give data of the model's kinds"
        )
    if instrument.sample_rate != like.sample_rate:
        raise CreativeMLError(
            f"{name} makes sounds at {instrument.sample_rate} Hz, {plan.data} is at {like.sample_rate} Hz; "
            "run `creativeml prepare` at the model's rate"
        )

    def batches() -> Iterator[SoundBatch]:
        for place, kind in enumerate(kinds):
            # Each kind gets seeds of its own, so that no latent serves two kinds.
            first = (plan.seed * len(kinds) + place) * plan.count
            for start in range(0, plan.count, BATCH):
                count = min(BATCH, plan.count - start)
                sounds = instrument.generate(kind, count, seed=first + start)
                yield SoundBatch(kind, fit_length(sounds, like.length_samples, like.sample_rate))

    trained_on = frozenset(map(str, instrument.info.details.get("trained_on_sha256", ())))
    return Source(name, plan.count * len(kinds), batches(), trained_on)


def _audio_folder(folder: Path, like: OneShotDataset) -> Source:
    files = {
        kind: sorted(p for p in (folder / kind).rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        for kind in like.kinds
        if (folder / kind).is_dir()
    }
    total = sum(map(len, files.values()))
    if not total:
        raise CreativeMLError(
            f"{folder} is neither a model nor a folder of sounds; a model has a {CONFIG} and a {WEIGHTS}, "
            f"a folder of sounds has sub-folders named by kind ({', '.join(like.kinds)}) with audio files"
        )

    def batches() -> Iterator[SoundBatch]:
        for kind, paths in files.items():
            for start in range(0, len(paths), BATCH):
                sounds = [_read(path, like) for path in paths[start : start + BATCH]]
                yield SoundBatch(kind, torch.stack(sounds))

    return Source(folder.resolve().name, total, batches())


def _read(path: Path, like: OneShotDataset) -> Tensor:
    audio = read_audio(path)
    sound = torch.from_numpy(audio.samples).mean(0)
    if audio.sample_rate != like.sample_rate:
        functional = require("torchaudio.functional", extra="train")
        sound = functional.resample(sound, audio.sample_rate, like.sample_rate)
    return fit_length(sound, like.length_samples, like.sample_rate)


def fit_length(sounds: Tensor, length_samples: int, sample_rate: int) -> Tensor:
    """Pad with silence, or cut with a fade of 5 ms, to a length: `(..., samples)` → `(...,
    length_samples)`."""
    missing = length_samples - sounds.shape[-1]
    if missing >= 0:
        return torch.nn.functional.pad(sounds, (0, missing))
    fade = min(length_samples, round(FADE_S * sample_rate))
    cut = sounds[..., :length_samples].clone()
    cut[..., -fade:] *= torch.linspace(1, 0, fade)
    return cut
