"""Log1p mel spectrograms of a dataset folder, computed once and kept on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.features import MelConfig, MelSpectrogram
from creativeml.config import to_dict
from creativeml.data.one_shots import DatasetError, OneShotDataset, read_dataset, select_rows
from creativeml.files import atomic_path, sha256_bytes

_FORMAT = 1
_BATCH = 64


class MelDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """The log1p mels of one split, in the order of `OneShotDataset`'s sounds.

    The first use computes them (about 2 s per 1,000 sounds) and writes one file into the cache folder; later
    uses read that file. Its name is a hash of the dataset's manifest and of everything that shapes the mels,
    so a changed dataset or setting gets a new one. A damaged cache file is made again.

    Args:
        root: dataset folder, as `creativeml prepare` makes it.
        split: train, validation, test, or all.
        kinds: the kinds to use, in label order; None means all.
        peak: sounds are scaled to this absolute peak first; None keeps their level.
        config: the spectrogram; None means the default at the dataset's sample rate.
        flip: high bands first, as a picture is shown.
        cache: folder for the computed mels; None means `cache/mels` in the dataset folder.

    Attributes:
        kinds, labels, rows: as in `OneShotDataset`.
        spectrogram: the `MelSpectrogram` in use.

    Raises:
        DatasetError: as `OneShotDataset`; a spectrogram for another sample rate; a cache that cannot be
            written.
        MissingExtra: torchaudio is not installed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str = "train",
        kinds: Sequence[str] | None = None,
        peak: float | None = 0.9,
        config: MelConfig | None = None,
        flip: bool = False,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        info = read_dataset(root)
        self.root, self.split, self.flip = info.root, split, flip
        self.length_samples = info.length_samples
        self.kinds, self.rows = select_rows(info, split, kinds)
        label_of = {kind: label for label, kind in enumerate(self.kinds)}
        self.labels = torch.tensor([label_of[row["class"]] for row in self.rows], dtype=torch.long)
        config = config or MelConfig(sample_rate=info.sample_rate, high_hz=info.sample_rate / 2)
        if config.sample_rate != info.sample_rate:
            raise DatasetError(
                f"{info.root} holds sounds at {info.sample_rate} Hz, "
                f"but the mel spectrogram is set for {config.sample_rate} Hz; give both the same rate"
            )
        self.spectrogram = MelSpectrogram(config)
        folder = info.root / "cache" / "mels" if cache is None else Path(cache)
        self.cache_path = folder / f"{self._key(peak)[:32]}.safetensors"
        mels = self._read_cache()
        self._mels = self._compute(peak) if mels is None else mels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """{"mel": (bands, frames) float32, "label": int, "index": int}"""
        index = range(len(self))[index]
        mels, labels = self.batch([index])
        return {"mel": mels[0], "label": int(labels[0]), "index": index}

    def batch(self, indices: Iterable[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Mels (b, bands, frames) float32 and labels (b,) of the given indices, in their order."""
        chosen = torch.as_tensor([int(index) for index in indices], dtype=torch.long)
        mels = self._mels[chosen]
        return (mels.flip(-2) if self.flip else mels), self.labels[chosen]

    def to_sound(self, mels: Tensor, iterations: int = 64) -> Tensor:
        """Sounds (..., samples) of mels (..., bands, frames) as this dataset gives them."""
        return self.spectrogram.to_sound(mels.flip(-2) if self.flip else mels, self.length_samples, iterations)

    def _key(self, peak: float | None) -> str:
        description = {
            "format": _FORMAT,
            "mel": to_dict(self.spectrogram.config),
            "split": self.split,
            "kinds": self.kinds,
            "peak": peak,
        }
        parts = (
            json.dumps(description, sort_keys=True).encode("utf-8"),
            (self.root / "dataset.json").read_bytes(),
            (self.root / "manifest.csv").read_bytes(),
        )
        return sha256_bytes("".join(sha256_bytes(part) for part in parts).encode("ascii"))

    def _read_cache(self) -> Tensor | None:
        if not self.cache_path.is_file():
            return None
        try:
            mels = load_file(self.cache_path).get("mels")
        except (SafetensorError, OSError):
            return None
        return mels if mels is not None and tuple(mels.shape) == self._shape() else None

    def _shape(self) -> tuple[int, int, int]:
        config = self.spectrogram.config
        return len(self.rows), config.bands, config.frames(self.length_samples)

    @torch.no_grad()
    def _compute(self, peak: float | None) -> Tensor:
        sounds = OneShotDataset(self.root, self.split, self.kinds, peak)
        mels = torch.empty(self._shape())
        starts = range(0, len(sounds), _BATCH)
        for start in tqdm(starts, desc="mel spectrograms", leave=False, disable=None):
            chosen = range(start, min(start + _BATCH, len(sounds)))
            mels[start : start + len(chosen)] = self.spectrogram(sounds.batch(chosen)[0])
        try:
            with atomic_path(self.cache_path) as temporary:
                save_file({"mels": mels}, temporary)
        except OSError as error:
            raise DatasetError(
                f"cannot keep the mel spectrograms in {self.cache_path.parent} ({error.strerror or error}); "
                "make it writable or choose another folder as cache"
            ) from error
        return mels
