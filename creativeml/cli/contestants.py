"""Where the sounds of an evaluation come from: recordings, models, folders of audio files, shaped noise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from creativeml.audio.io import AUDIO_SUFFIXES, read_audio
from creativeml.audio.resample import resample
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.measure import SoundBatch
from creativeml.evaluation.shaped_noise import ShapedNoise
from creativeml.kinds import UNLABELLED
from creativeml.models import registry
from creativeml.models.checkpoint import CONFIG, WEIGHTS
from creativeml.synthesis.catalog import bundled_models
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
        tuning: steps by which sounds of models with controls are brought nearer to what was asked.
    """

    data: Path
    model: str
    against: tuple[str, ...]
    reference: Sequence[str]
    count: int
    seed: int
    tuning: int = 0


@dataclass(frozen=True)
class Source:
    """A named set of sounds, any of which can be had as often as wanted: they are made or read anew each time.

    Attributes:
        name: of the model, folder or split.
        kinds: of each sound; `UNLABELLED` throughout for a folder without kinds.
        titles: what a person would call each sound.
        read: sounds `(b, samples)` of the given indices.
        groups: what each was recorded from; None if all are independent.
        sha256: of each sound's file; None if there are no files.
        trained_on: fingerprints of the recordings that the model behind it has heard.
        instrument: the model behind it, if there is one.
        unused_files: audio files in a folder that belong to none of the kinds.
    """

    name: str
    kinds: tuple[str, ...]
    titles: tuple[str, ...]
    read: Callable[[Sequence[int]], Tensor]
    groups: tuple[str, ...] | None = None
    sha256: tuple[str, ...] | None = None
    trained_on: frozenset[str] = frozenset()
    instrument: Instrument | None = None
    unused_files: int = 0

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def labelled(self) -> bool:
        """Whether the kinds of its sounds are known."""
        return UNLABELLED not in self.kinds

    def batches(self) -> Iterator[SoundBatch]:
        """All sounds, up to `BATCH` of one kind at a time."""
        start = 0
        while start < len(self):
            end = start + 1
            while end < min(len(self), start + BATCH) and self.kinds[end] == self.kinds[start]:
                end += 1
            groups, hashes = (values[start:end] if values else None for values in (self.groups, self.sha256))
            yield SoundBatch(self.kinds[start], self.read(range(start, end)), groups, hashes)
            start = end


def recordings(data: OneShotDataset, name: str) -> Source:
    """A split of a dataset, its sounds ordered by kind."""
    order = torch.argsort(data.labels, stable=True).tolist()
    rows = [data.rows[i] for i in order]
    return Source(
        name,
        tuple(data.kinds[int(data.labels[i])] for i in order),
        tuple(row["path"] for row in rows),
        lambda chosen: data.batch([order[i] for i in chosen])[0],
        # A group is named for the whole corpus: sounds of one drum that came by two sources share it.
        tuple(row["group"] for row in rows),
        tuple(row.get("sha256", "") for row in rows),
    )


def joined(name: str, sources: Sequence[Source]) -> Source:
    """Several sources as one, their sounds one after the other."""
    places = [(source, i) for source in sources for i in range(len(source))]

    def collect(values: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
        known = [v for v in values if v is not None]
        return tuple(item for v in known for item in v) if len(known) == len(sources) else None

    return Source(
        name,
        collect(s.kinds for s in sources) or (),
        collect(s.titles for s in sources) or (),
        lambda chosen: torch.cat([places[i][0].read([places[i][1]]) for i in chosen]),
        collect(s.groups for s in sources),
        collect(s.sha256 for s in sources),
    )


def shaped_noise(noise: ShapedNoise, count: int, seed: int) -> Source:
    """`count` sounds of noise of each kind; each has a seed of its own."""
    kinds = tuple(kind for kind in noise.kinds for _ in range(count))

    def read(chosen: Sequence[int]) -> Tensor:
        seeds = (torch.Generator().manual_seed(seed * len(kinds) + i) for i in chosen)
        return torch.cat([noise.generate(kinds[i], 1, own) for i, own in zip(chosen, seeds, strict=True)])

    return Source(NOISE, kinds, tuple(f"noise shaped like {kind}, {i % count}" for i, kind in enumerate(kinds)), read)


def distinct(sources: Iterable[Source], reserved: Collection[str]) -> list[Source]:
    """The sources, with a number added where two have the same name or one has a reserved one."""
    result: list[Source] = []
    for source in sources:
        taken = {s.name for s in result} | set(reserved)
        name, number = source.name, 2
        while name in taken:
            name, number = f"{source.name} ({number})", number + 1
        result.append(replace(source, name=name))
    return result


def open_source(name: str, plan: Plan, like: OneShotDataset) -> Source:
    """A model or a folder of audio files as a source of sounds of the same form as the dataset `like`.

    Raises:
        CreativeMLError: neither a model nor a folder of sounds, a model of other kinds or of another sample rate.
    """
    folder = Path(name)
    if (folder / BEST / CONFIG).is_file():
        return _instrument(load(folder / BEST), folder.resolve().name, plan, like)
    if folder.is_dir() and not (folder / WEIGHTS).is_file() and name not in bundled_models():
        return _audio_folder(folder, like)
    if name in registry.list() and name not in bundled_models() and not folder.is_dir():
        raise CreativeMLError(
            f"'{name}' is a kind of model without weights, which makes no drums yet; train one with `creativeml train` "
            "and give its folder"
        )
    return _instrument(load(name), folder.resolve().name if folder.is_dir() else name, plan, like)


def _instrument(instrument: Instrument, name: str, plan: Plan, like: OneShotDataset) -> Source:
    known = [kind for kind in like.kinds if kind in instrument.kinds]
    if not known:
        raise CreativeMLError(
            f"{name} makes {', '.join(instrument.kinds)}, but {plan.data} holds {', '.join(like.kinds)}; "
            "give data of the model's kinds"
        )
    if instrument.sample_rate != like.sample_rate:
        raise CreativeMLError(
            f"{name} makes sounds at {instrument.sample_rate} Hz, {plan.data} is at {like.sample_rate} Hz; "
            "run `creativeml prepare` at the model's rate"
        )
    kinds = tuple(kind for kind in known for _ in range(plan.count))
    # Each kind gets seeds of its own, so that no latent serves two kinds.
    first = plan.seed * len(kinds)

    def read(chosen: Sequence[int]) -> Tensor:
        sounds = torch.stack([instrument.sound(kinds[i], first + i) for i in chosen])
        return fit_length(sounds, like.length_samples, like.sample_rate)

    trained_on = frozenset(map(str, instrument.info.details.get("trained_on_sha256", ())))
    titles = tuple(f"{kind}, seed {first + i}" for i, kind in enumerate(kinds))
    return Source(name, kinds, titles, read, trained_on=trained_on, instrument=instrument)


def _audio_folder(folder: Path, like: OneShotDataset) -> Source:
    everything = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    by_kind = [(kind, path) for kind in like.kinds for path in everything if folder / kind in path.parents]
    if not everything:
        raise CreativeMLError(
            f"{folder} is neither a model nor a folder of sounds; a model has a {CONFIG} and a {WEIGHTS}, a folder of "
            f"sounds has audio files, best in sub-folders named by kind ({', '.join(like.kinds)})"
        )
    chosen = by_kind or [(UNLABELLED, path) for path in everything]

    def read(indices: Sequence[int]) -> Tensor:
        return torch.stack([_read(chosen[i][1], like) for i in indices])

    return Source(
        folder.resolve().name,
        tuple(kind for kind, _ in chosen),
        tuple(path.relative_to(folder).as_posix() for _, path in chosen),
        read,
        unused_files=len(everything) - len(chosen),
    )


def _read(path: Path, like: OneShotDataset) -> Tensor:
    audio = read_audio(path)
    sound = resample(audio.samples.mean(0), audio.sample_rate, like.sample_rate)
    return fit_length(torch.from_numpy(sound).float(), like.length_samples, like.sample_rate)


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
