"""Training recordings that can be played here: those of the starter pack, and those in a dataset folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from creativeml.errors import CreativeMLError
from creativeml.files import project_folder

if TYPE_CHECKING:
    from creativeml.evaluation.training_index import Recording

PEAK = 10 ** (-1 / 20)
"""Of what is played, as of made sounds: -1 dBFS."""


@dataclass(frozen=True)
class AtHand:
    """Where recordings lie.

    Attributes:
        starter: folder of the starter pack, None if it did not come with this installation.
        files: of a dataset folder, by the hash of the file and by its name in its source.
    """

    starter: Path | None
    files: Mapping[str, Path]

    def path(self, recording: Recording) -> Path | None:
        """The file of a recording, None if it is not at hand."""
        for key in (recording.sha256, recording.name):
            if key in self.files:
                return self.files[key]
        if self.starter is None or not recording.starter:
            return None
        path = self.starter / recording.starter
        return path if path.is_file() else None

    def wav(self, recording: Recording, sample_rate: int) -> bytes:
        """A recording for the ear: mono, at a rate in Hz, with the peak of made sounds.

        Raises:
            CreativeMLError: not at hand, or not readable.
        """
        from creativeml.audio.io import read_audio
        from creativeml.audio.resample import resample
        from creativeml.kits.wave import wav_of

        path = self.path(recording)
        if path is None:
            raise CreativeMLError(f"{recording.name} is not on this machine")
        audio = read_audio(path)
        samples = resample(audio.samples.mean(0), audio.sample_rate, sample_rate).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > 1e-5)
        samples = samples[: int(loud[-1]) + 1 if len(loud) else 1]
        return wav_of(samples * (PEAK / max(float(np.abs(samples).max()), 1e-9)), sample_rate, name=recording.name)


def recordings_at_hand(data: Path | None) -> AtHand:
    """Look where recordings may lie.

    Args:
        data: a dataset folder made by `creativeml prepare`.

    Raises:
        CreativeMLError: it is none.
    """
    try:
        starter = project_folder("datasets") / "starter"
    except CreativeMLError:
        starter = None
    files: dict[str, Path] = {}
    if data is not None:
        from creativeml.data.one_shots import read_dataset

        info = read_dataset(data)
        for row in info.rows:
            path = info.root / row["path"]
            files[row.get("original_path", "").partition("/")[2]] = path
            files[row.get("sha256", "")] = path
        files.pop("", None)
    return AtHand(starter, files)
