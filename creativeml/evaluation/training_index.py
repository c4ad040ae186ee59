"""Which training recording a sound is nearest to, and whether it is suspiciously near: without the recordings.

An index keeps what novelty is judged by of each recording, `aligned_levels`, with its name, source and licence: for 900
recordings about half a megabyte beside a model's weights. `creativeml.evaluation.novelty` judges many sounds at once
against the recordings themselves, by waveforms too; this answers for a single sound, at once.

The ruler is novelty's: Euclidean distance, each dimension z-scored by the recordings; too near is what is nearer than
99 % of the recordings are to the nearest one of another drum. What it cannot hear is said there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset, fingerprint
from creativeml.data.starter import StarterFile
from creativeml.errors import CreativeMLError, quoted
from creativeml.evaluation.embeddings import embed
from creativeml.evaluation.novelty import PERCENTILE, aligned_levels
from creativeml.evaluation.points import Points, standardise
from creativeml.files import atomic_write_bytes

FILE = "training_index.safetensors"
FORMAT = 1
BATCH = 32
_LEVELS, _ABOUT = "levels", "training_index"
_REPEATED = ("kind", "group", "source", "credit", "licence")
"""Columns with few values, each of which is stored once."""
_DAMAGE = (SafetensorError, OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)
_REMEDY = "make it again with examples/training_index.py"


@dataclass(frozen=True)
class Recording:
    """A recording of a training set.

    Attributes:
        name: in its source, e.g. "sonic-pi-samples/bd_fat.flac".
        kind: of drum.
        group: the drum that it was recorded from.
        source: corpus or kit.
        credit: who is to be named.
        licence: as an SPDX id.
        sha256: of the prepared file.
        starter: path of the same recording in the starter pack, "" if it is not in it.
    """

    name: str
    kind: str
    group: str
    source: str
    credit: str
    licence: str
    sha256: str
    starter: str = ""


@dataclass(frozen=True)
class Match:
    """A sound's nearest training recording.

    Attributes:
        index: of the recording.
        recording: the recording.
        distance: from it.
        threshold: below which a sound is suspiciously near.
        rank: share of the training recordings that are nearer than this to one of another drum, 0 to 1.
    """

    index: int
    recording: Recording
    distance: float
    threshold: float
    rank: float

    @property
    def near(self) -> bool:
        """Whether it is suspiciously near."""
        return self.distance < self.threshold

    @property
    def words(self) -> str:
        """The verdict for people."""
        if self.near:
            return "suspiciously near"
        if self.rank < 0.25:
            return "nearer than another drum usually is"
        if self.rank <= 0.75:
            return "as near as another drum usually is"
        return "farther than another drum usually is"


class TrainingIndex:
    """The recordings that a model was trained on, as far as novelty needs them.

    Args:
        levels: (n, dimensions) of `aligned_levels`.
        recordings: n of them.
        sample_rate: of the sounds that can be compared, in Hz.

    Raises:
        CreativeMLError: fewer than two drums.
    """

    def __init__(self, levels: Tensor, recordings: Sequence[Recording], sample_rate: int) -> None:
        if levels.ndim != 2 or len(levels) != len(recordings):
            raise ValueError(f"{len(recordings)} recordings, but levels of shape {tuple(levels.shape)}")
        if len({recording.group for recording in recordings}) < 2:
            raise CreativeMLError("novelty needs training recordings of at least two drums (groups)")
        # What is kept in a file is what is compared, so that an index answers alike before and after.
        self.levels, self.recordings, self.sample_rate = levels.half(), tuple(recordings), sample_rate
        self._known = Points(self.levels)

    def __len__(self) -> int:
        return len(self.recordings)

    @cached_property
    def distances(self) -> Tensor:
        """(n,) ascending: of each recording from the nearest one of another drum."""
        numbers = {group: n for n, group in enumerate(dict.fromkeys(r.group for r in self.recordings))}
        groups = torch.tensor([numbers[recording.group] for recording in self.recordings])
        known = standardise(self._known, self._known)[0].values
        between = torch.cdist(known, known)
        between[groups[:, None] == groups[None]] = torch.inf
        return between.amin(1).sort().values

    @cached_property
    def threshold(self) -> float:
        """Distance below which a sound is suspiciously near."""
        return float(torch.quantile(self.distances, PERCENTILE))

    def nearest(self, sounds: Tensor) -> list[Match]:
        """The nearest recording of each sound.

        Args:
            sounds: (n, samples) at the index's sample rate, of any level.
        """
        return [found for (found,) in self.nearest_few(sounds, 1)]

    def nearest_few(self, sounds: Tensor, count: int) -> list[list[Match]]:
        """The nearest recordings of each sound, the nearest first."""
        known, points = standardise(self._known, Points(embed(sounds.float(), self.sample_rate, aligned_levels)))
        # Not by a product of matrices: of sounds that are alike, that would leave little but rounding.
        between = torch.cdist(points.values, known.values, compute_mode="donot_use_mm_for_euclid_dist")
        found = between.topk(min(count, len(self)), dim=1, largest=False)
        return [
            [self._match(int(index), float(distance)) for index, distance in zip(places, distances, strict=True)]
            for places, distances in zip(found.indices, found.values, strict=True)
        ]

    def _match(self, index: int, distance: float) -> Match:
        rank = float((self.distances < distance).double().mean())
        return Match(index, self.recordings[index], distance, self.threshold, rank)

    def save(self, path: Path) -> None:
        """Write it, complete or not at all: levels of 16 bits, all else as JSON in the file's head."""
        columns: dict[str, object] = {}
        for name in (f.name for f in fields(Recording)):
            values = [asdict(recording)[name] for recording in self.recordings]
            if name in _REPEATED:
                known = list(dict.fromkeys(values))
                columns[name] = {"values": known, "of": [known.index(value) for value in values]}
            else:
                columns[name] = values
        about = {"format": FORMAT, "sample_rate": self.sample_rate, "recordings": columns}
        # One entry of the head: several would stand in any order, and equal indices have equal files.
        head = {_ABOUT: json.dumps(about, ensure_ascii=False, separators=(",", ":"))}
        atomic_write_bytes(path, save({_LEVELS: self.levels.contiguous()}, head))


def load_index(path: Path) -> TrainingIndex:
    """Read what `TrainingIndex.save` wrote.

    Raises:
        CreativeMLError: no such file, damaged, or of another format.
    """
    if not path.is_file():
        raise CreativeMLError(f"{path}: there is no such index of a training set; {_REMEDY}")
    try:
        with safe_open(path, "pt") as file:
            about, levels = json.loads((file.metadata() or {})[_ABOUT]), file.get_tensor(_LEVELS)
        if about["format"] != FORMAT:
            raise CreativeMLError(
                f"{path}: an index of format {quoted(about['format'])}, here {FORMAT} is known; {_REMEDY}"
            )
        columns = about["recordings"]
        of = {name: _column(columns[name]) for name in (f.name for f in fields(Recording))}
        recordings = [Recording(*(str(cell) for cell in row)) for row in zip(*of.values(), strict=True)]
        if not levels.is_floating_point() or not levels.isfinite().all():
            raise ValueError("levels that are no numbers")
        return TrainingIndex(levels, recordings, int(about["sample_rate"]))
    except _DAMAGE as error:
        reason = str(error)[:120]
        raise CreativeMLError(f"{path}: a damaged index of a training set ({reason}); {_REMEDY}") from error


def _column(stored: object) -> list:
    if isinstance(stored, dict):
        return [stored["values"][number] for number in stored["of"]]
    if not isinstance(stored, list):
        raise ValueError("a column is missing")
    return stored


def index_of(data: OneShotDataset, trained_on: Collection[str] = ()) -> TrainingIndex:
    """The index of a prepared dataset's split.

    Args:
        data: its sounds.
        trained_on: fingerprints of the recordings that a model was trained on, as its details have them; all others
            are left out. Empty takes all.

    Raises:
        CreativeMLError: some of the recordings that the model was trained on are not there.
    """
    wanted = set(trained_on)
    chosen = [n for n, row in enumerate(data.rows) if not wanted or fingerprint(row["sha256"]) in wanted]
    missing = len(wanted - {fingerprint(data.rows[n]["sha256"]) for n in chosen})
    if missing:
        raise CreativeMLError(
            f"{data.root}: {missing} of the {len(wanted)} recordings that the model was trained on are not among its "
            f"{data.split} ones; give the dataset that it was trained with"
        )
    batches = (data.batch(chosen[i : i + BATCH])[0] for i in range(0, len(chosen), BATCH))
    levels = embed(batches, data.sample_rate, aligned_levels)
    return TrainingIndex(levels, [_recording(data.rows[n]) for n in chosen], data.sample_rate)


def with_starter(index: TrainingIndex, files: Sequence[StarterFile], length_samples: int) -> TrainingIndex:
    """The same index, told which of its recordings lie in the starter pack, by drum and content.

    Args:
        index: of a training set.
        files: of the starter pack.
        length_samples: of the sounds in the training set.
    """
    sounds = torch.zeros(len(files), length_samples)
    for sound, file in zip(sounds, files, strict=True):
        samples = torch.from_numpy(np.ascontiguousarray(file.mono(index.sample_rate)[:length_samples]))
        sound[: len(samples)] = samples
    recordings = list(index.recordings)
    for file, found in zip(files, index.nearest(sounds), strict=True):
        if found.near and found.recording.group == file.group:
            place = f"{file.path.parent.name}/{file.path.name}"
            recordings[found.index] = replace(found.recording, starter=place)
    return TrainingIndex(index.levels, recordings, index.sample_rate)


def _recording(row: dict[str, str]) -> Recording:
    return Recording(
        # Without the name of the dataset, which may be anybody's.
        name=row["original_path"].partition("/")[2] or row["original_path"],
        kind=row["class"],
        **{name: row[name] for name in ("group", "source", "credit", "licence", "sha256")},
    )
