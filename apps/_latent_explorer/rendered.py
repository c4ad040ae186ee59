"""Sounds of the map as files: named 24-bit wavs that say what made them, and the manifest that makes them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from _latent_explorer.mixes import Mix, kind_and_seed, label_of
from creativeml.audio.io import wav_bytes
from creativeml.files import sha256_bytes
from creativeml.synthesis.catalog import ModelInfo
from creativeml.synthesis.export import BIT_DEPTH, ModelRecord, archive_of
from creativeml.synthesis.request import kind_word

if TYPE_CHECKING:
    from _latent_explorer.atlas import Atlas

KEPT_SOUNDS = 256


@dataclass(frozen=True)
class Record:
    """A sound's line in a manifest.

    Attributes:
        file: its name.
        mix: what it is, as text.
        shares: the same as `sounds` takes it.
        kind: that has the largest share, "" if it is not known.
        label: what people read.
        peak: linear, 1 is full scale.
        duration_s, sha256: of the file.
    """

    file: str
    mix: str
    shares: dict[str, float]
    kind: str
    label: str
    peak: float
    duration_s: float
    sha256: str


class Rendered:
    """The newest sounds as files: each is made once.

    Args:
        info: the model.
        atlas: gives the sounds.
    """

    def __init__(self, info: ModelInfo, atlas: Callable[[], Atlas]) -> None:
        self._info, self._atlas = info, atlas
        self._known: OrderedDict[str, tuple[bytes, Record]] = OrderedDict()
        self._lock = Lock()

    def sound(self, mix: Mix) -> tuple[bytes, Record]:
        """Content of its wav, and its line."""
        with self._lock:
            if mix.text in self._known:
                self._known.move_to_end(mix.text)
                return self._known[mix.text]
        atlas = self._atlas()
        with atlas.turns.asked():
            samples = atlas.samples(mix).numpy()
        kind, label = _named(atlas, mix)
        data = self._wav(samples, label, mix.text)
        record = Record(
            file=_file_name(mix, kind),
            mix=mix.text,
            shares=dict(mix.parts),
            kind=kind,
            label=label,
            peak=round(float(np.abs(samples).max()), 6),
            duration_s=round(len(samples) / self._info.sample_rate, 6),
            sha256=sha256_bytes(data),
        )
        with self._lock:
            self._known[mix.text] = data, record
            while len(self._known) > KEPT_SOUNDS:
                self._known.popitem(last=False)
        return data, record

    def row(self, mixes: Sequence[Mix], step_s: float) -> bytes:
        """One wav in which sounds follow each other, so many seconds from one to the next."""
        atlas = self._atlas()
        tones = []
        for mix in mixes:
            with atlas.turns.asked():
                tones.append(atlas.samples(mix).numpy())
        joined = _joined(tones, round(step_s * self._info.sample_rate))
        return self._wav(joined, "Map row", " | ".join(mix.text for mix in mixes))

    def archive(self, mixes: Sequence[Mix]) -> bytes:
        """Zip of the sounds, numbered in their order, and their manifest."""
        made = [self.sound(mix) for mix in mixes]
        files = {f"{n:03d}_{record.file}": data for n, (data, record) in enumerate(made, 1)}
        info = self._info
        manifest = {
            "format": 1,
            "made_by": "creativeml explore",
            "version": info.version,
            "model": asdict(ModelRecord(info.name, info.sha256, info.licence)),
            "sample_rate": info.sample_rate,
            "bit_depth": BIT_DEPTH,
            "sounds": [{**asdict(record), "file": name} for name, (_, record) in zip(files, made, strict=True)],
        }
        return archive_of(files, manifest)

    def _wav(self, samples: np.ndarray, title: str, made: str) -> bytes:
        info = self._info
        comment = f"model={info.name} weights={info.sha256[:16]} mix={made[:4000]}"
        texts = {"INAM": title, "ISFT": f"creativeml {info.version}", "ICMT": comment}
        return wav_bytes(samples, info.sample_rate, bits=BIT_DEPTH, info=texts)


def _named(atlas: Atlas, mix: Mix) -> tuple[str, str]:
    """Kind that has the largest share, and what people read."""
    weights: dict[str, float] = {}
    for name, share in mix.parts:
        born, sound = kind_and_seed(name), atlas.sound(name)
        kind = born[0] if born else sound.kind if sound else ""
        weights[kind] = weights.get(kind, 0.0) + share
    kind = max(weights, key=lambda name: (weights[name], name))
    if mix.only is None:
        return kind, f"{kind or 'sound'} mix {mix.fingerprint[:4]}"
    born, sound = kind_and_seed(mix.only), atlas.sound(mix.only)
    return kind, label_of(*born) if born else sound.label if sound else ""


def _file_name(mix: Mix, kind: str) -> str:
    word = kind_word(kind) if kind else "Sound"
    born = kind_and_seed(mix.only) if mix.only else None
    return f"{word}_m{born[1]:04d}.wav" if born else f"{word}_{mix.fingerprint}.wav"


def _joined(tones: list[np.ndarray], step: int) -> np.ndarray:
    """Sounds added up, each so many samples after the one before; where they would clip, all are lowered alike."""
    from creativeml.synthesis.finish import PEAK_DBFS  # not at the top: torch loads for a second

    row = np.zeros((len(tones) - 1) * step + max(map(len, tones)))
    for n, tone in enumerate(tones):
        row[n * step : n * step + len(tone)] += tone
    loudest, limit = float(np.abs(row).max()), 10 ** (PEAK_DBFS / 20)
    return row * (limit / loudest) if loudest > limit else row
