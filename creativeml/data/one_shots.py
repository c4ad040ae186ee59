"""Prepared one-shot sounds, held compactly in memory and handed out in batches.

A dataset folder is what `creativeml prepare` writes: `dataset.json` (rate, length, kinds), `manifest.csv`
(one row per sound) and the FLAC files the rows name. `read_dataset` reads the two descriptions,
`OneShotDataset` the sounds.
"""

from __future__ import annotations

import copy
import csv
import difflib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.io import AudioFileError, read_audio
from creativeml.config import read_json
from creativeml.data.samplers import ClassBalancedSampler
from creativeml.data.splits import SPLITS
from creativeml.errors import CreativeMLError, quoted
from creativeml.kinds import UNLABELLED

_NEEDED_COLUMNS = ("path", "class", "split", "duplicate_of")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_FULL_SCALE = 32767

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class DatasetError(CreativeMLError):
    """A dataset folder, or a sound in it, that cannot be used as it is."""


@dataclass(frozen=True)
class DatasetInfo:
    """What `dataset.json` and `manifest.csv` say about a dataset folder."""

    root: Path
    sample_rate: int
    length_samples: int
    kinds: tuple[str, ...]
    rows: tuple[dict[str, str], ...]


def read_dataset(root: str | os.PathLike[str]) -> DatasetInfo:
    """Read the description of a dataset folder (no sound is opened).

    Raises DatasetError when `root` is no dataset folder or its two description files are damaged.
    """
    root = Path(root)
    description_path, manifest_path = root / "dataset.json", root / "manifest.csv"
    if not description_path.is_file() or not manifest_path.is_file():
        # What may be secret in an address is not repeated; of its slashes a path has kept one.
        if _ADDRESS.match(str(root)) and not root.exists():
            raise DatasetError(
                "--data must be a folder here, not an address; only `train drum_gan|wave_vae|drum_vae` read shards "
                "from an address; make a folder with `creativeml prepare SOURCE --out FOLDER`"
            )
        missing = description_path.name if not description_path.is_file() else manifest_path.name
        reason = f"it has no {missing}" if root.is_dir() else "there is no such folder"
        raise DatasetError(
            f"{root} is not a dataset folder: {reason}; make one with `creativeml prepare SOURCE --out {root}`"
        )
    try:
        description = read_json(description_path)
        sample_rate, length_samples = int(description["sample_rate"]), int(description["length_samples"])
        kinds = tuple(str(kind) for kind in description["kinds"] if kind != UNLABELLED)
    except (CreativeMLError, ValueError, KeyError, TypeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {str(error)[:120]}"
        raise DatasetError(f"{description_path} is damaged ({reason}); run `creativeml prepare` again") from error
    return DatasetInfo(root, sample_rate, length_samples, kinds, _read_rows(manifest_path))


def _read_rows(manifest_path: Path) -> tuple[dict[str, str], ...]:
    try:
        with manifest_path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            rows = tuple({key: text or "" for key, text in row.items() if key is not None} for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{manifest_path} cannot be read ({error}); run `creativeml prepare` again") from error
    missing = [column for column in _NEEDED_COLUMNS if column not in columns]
    if missing:
        raise DatasetError(f"{manifest_path} has no column {', '.join(missing)}; run `creativeml prepare` again")
    return rows


def select_rows(
    info: DatasetInfo, split: str, kinds: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[dict[str, str], ...]]:
    """The kinds asked for and the manifest rows to use: right split and kind, no duplicates, none unlabelled.

    Raises DatasetError for an unknown split or kind, and when nothing is left.
    """
    if split not in (*SPLITS, "all"):
        raise DatasetError(f"unknown split '{split}'; choose from {', '.join(SPLITS)} or all")
    chosen = info.kinds if kinds is None else tuple(dict.fromkeys(kinds))
    for kind in chosen:
        if kind not in info.kinds:
            close = difflib.get_close_matches(kind, info.kinds, n=1)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise DatasetError(f"{info.root} has no kind '{kind}'; {hint}it has {', '.join(info.kinds)}")
    rows = tuple(
        row
        for row in info.rows
        if row["class"] in chosen and not row["duplicate_of"] and (split == "all" or row["split"] == split)
    )
    if not rows:
        raise DatasetError(
            f"the {split} split of {info.root} holds no sound of {', '.join(chosen) or 'any kind'}; "
            "add recordings and run `creativeml prepare` again, or choose another split"
        )
    return chosen, rows


class SoundSet(Protocol):
    """What training needs of its sounds, wherever they are kept."""

    sample_rate: int
    length_samples: int
    kinds: tuple[str, ...]
    labels: Tensor

    def __len__(self) -> int: ...

    def batch(self, indices: Iterable[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Sounds (b, samples) float32 and labels (b,) of the given indices, in their order."""
        ...


class OneShotDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """The sounds of one split of a dataset folder, all of one length, read once and kept as 16-bit in memory.

    Rows marked as duplicates and rows without a kind are left out. Sounds are stored without their trailing
    silence and scaled to use all 16 bits, so 1,200 sounds take about 80 MB and quantisation stays 98 dB below
    each sound's peak.

    Args:
        root: dataset folder, as `creativeml prepare` makes it.
        split: train, validation, test, or all.
        kinds: the kinds to use, in label order; None means every kind of the folder, in its own order, so
            that labels mean the same in every split.
        peak: each sound is scaled to this absolute peak (linear, full scale = 1); None keeps the file's
            level.

    Attributes:
        kinds: names that the labels count.
        labels: LongTensor (n,), index into `kinds`.
        rows: the manifest row (column -> text) of each sound.
        sample_rate: in Hz.
        length_samples: samples of every sound.

    Raises:
        DatasetError: not a dataset folder, unknown kind or split, empty split, or sounds that are missing,
            unreadable, of the wrong form, silent or not finite (all are named, up to five).
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        kinds: Sequence[str] | None = None,
        peak: float | None = 0.9,
    ) -> None:
        if peak is not None and not 0.0 < peak <= 1.0:
            raise DatasetError(f"peak must lie in (0, 1] or be None, not {peak}")
        info = read_dataset(root)
        self.root, self.split = info.root, split
        self.sample_rate, self.length_samples = info.sample_rate, info.length_samples
        self.kinds, self.rows = select_rows(info, split, kinds)
        label_of = {kind: label for label, kind in enumerate(self.kinds)}
        self.labels = torch.tensor([label_of[row["class"]] for row in self.rows], dtype=torch.long)
        contents = load_all(lambda row: read_prepared(info, row["path"]), self.rows)
        compact = [in_16_bits(content, peak) for content in contents]
        self._gains = torch.tensor([gain for _, gain in compact], dtype=torch.float32)
        self._contents = [content for content, _ in compact]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """{"sound": (samples,) float32, "label": int, "index": int}"""
        index = range(len(self))[index]
        sounds, labels = self.batch([index])
        return {"sound": sounds[0], "label": int(labels[0]), "index": index}

    def batch(self, indices: Iterable[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Sounds (b, samples) float32 and labels (b,) of the given indices, in their order."""
        chosen = [int(index) for index in indices]
        sounds = torch.zeros(len(chosen), self.length_samples)
        for sound, index in zip(sounds, chosen, strict=True):
            content = self._contents[index]
            torch.mul(content, self._gains[index], out=sound[: len(content)])
        return sounds, self.labels[chosen]

    def draw(self, sampler: ClassBalancedSampler, places: Sequence[int] = (0,)) -> list[tuple[Tensor, Tensor]]:
        """The next batch of a sampler for each of some replicas."""
        return [self.batch(indices) for indices in sampler.take(places)]

    def close(self) -> None:
        """Nothing: no sound is read ahead."""

    def survey(self) -> OneShotDataset:
        """The sounds from which figures of all are estimated: all of them. (Of shards it is a part.)"""
        return self

    def fingerprints(self) -> list[str]:
        """First twelve hex digits of the SHA-256 of each sound's file; sounds whose row has none are left out.

        Models keep those of the sounds that they were trained on, so that no evaluation counts them as unheard.
        """
        return sorted(fingerprint(row["sha256"]) for row in self.rows if row.get("sha256"))

    def subset(self, indices: Sequence[int]) -> OneShotDataset:
        """The same dataset reduced to some of its sounds; labels keep their meaning."""
        part = copy.copy(self)
        chosen = list(indices)
        part.rows = tuple(self.rows[index] for index in chosen)
        part.labels, part._gains = self.labels[chosen], self._gains[chosen]
        part._contents = [self._contents[index] for index in chosen]
        return part


def fingerprint(sha256: str) -> str:
    """Of a sound's file by its full hash, see `OneShotDataset.fingerprints`; empty if there is none."""
    return sha256[:12]


def read_prepared(info: DatasetInfo, relative_path: str) -> np.ndarray:
    """One stored sound as float32 (n,) without its trailing zeros; DatasetError if it is not as prepared."""
    path = info.root / relative_path
    inside = PurePosixPath(relative_path)
    if inside.is_absolute() or ".." in inside.parts or "\0" in relative_path or not relative_path:
        raise DatasetError(f"{info.root / 'manifest.csv'} names {quoted(relative_path)}, which is not in the dataset")
    try:
        there = path.is_file()
    except OSError:  # a name longer than any file's
        there = False
    if not there:
        if len(relative_path) < 200:
            raise DatasetError(f"{path} is missing")
        raise DatasetError(f"{info.root / 'manifest.csv'} names {quoted(relative_path)}, which is missing")
    try:
        audio = read_audio(path)
    except AudioFileError as error:
        raise DatasetError(f"{path} cannot be read ({error.reason})") from error
    samples = audio.samples[0] if len(audio.samples) == 1 else audio.samples.T
    return without_silence(samples, audio.sample_rate, str(path), info.sample_rate, info.length_samples)


def without_silence(samples: np.ndarray, own_rate: int, name: str, sample_rate: int, length_samples: int) -> np.ndarray:
    """Decoded samples (length,) without their trailing zeros; DatasetError if they are not as prepared."""
    if samples.shape != (length_samples,) or own_rate != sample_rate:
        raise DatasetError(
            f"{name} is {' x '.join(map(str, samples.shape))} samples at {own_rate} Hz "
            f"instead of {length_samples} mono at {sample_rate} Hz"
        )
    if not np.isfinite(samples).all():
        raise DatasetError(f"{name} holds values that are not finite")
    sounding = np.flatnonzero(samples)
    if not len(sounding):
        raise DatasetError(f"{name} is silent")
    return samples[: sounding[-1] + 1].copy()  # a copy, so that the padding is not kept alive


def in_16_bits(content: np.ndarray, peak: float | None) -> tuple[Tensor, float]:
    """A sound float32 (n,) as int16 (n,) that uses all bits, and the factor that makes its absolute peak `peak`, or
    what it was."""
    own_peak = np.abs(content).max()
    gain = np.float32(own_peak if peak is None else peak) / np.float32(_FULL_SCALE)
    return torch.from_numpy(np.round(content * (_FULL_SCALE / own_peak)).astype(np.int16)), float(gain)


def load_all(load: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Load all items in threads (decoding leaves the interpreter lock free); one error for all failures."""

    def attempt(item: _Item) -> _Result | DatasetError:
        try:
            return load(item)
        except DatasetError as error:
            return error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(attempt, items))
    failures = [outcome for outcome in outcomes if isinstance(outcome, DatasetError)]
    if failures:
        shown = "; ".join(str(failure)[:300] for failure in failures[:5])
        more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
        raise DatasetError(f"{shown}{more}: run `creativeml prepare` again")
    return [outcome for outcome in outcomes if not isinstance(outcome, DatasetError)]
