"""A musician's own recordings: put on pads as they are, and made anew by the model."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from creativeml.data.folders import printable
from creativeml.errors import CreativeMLError, quoted
from creativeml.kits.wave import samples_of, wav_of

if TYPE_CHECKING:
    import torch

    from creativeml.synthesis.generate import Instrument
    from creativeml.synthesis.resynthesis import Found

WISHES = ("similar", "brighter", "darker", "as")
STEP_POINTS = 12.0
"""By which brighter and darker differ from the recording."""
SIMILAR = 0.3
_FADE_S = 0.005
_SILENT = 1e-5
_KEPT = 4


class Own(NamedTuple):
    """A recording for a pad: its wav, what it is called, what kind it seems to be, and what was done to it."""

    data: bytes
    name: str
    kind: str
    notes: tuple[str, ...]


class Like(NamedTuple):
    """What the model made of a recording: its wav, what it is called, its kind, its distance in dB, and a remark."""

    data: bytes
    name: str
    kind: str
    distance: float
    note: str


def read_own(path: Path, name: str, instrument: Instrument) -> Own:
    """A recording of up to 20 s, mono, at the model's rate, from its onset to where it falls silent.

    Raises:
        CreativeMLError: not usable as sound.
    """
    # Not at the top: torch loads for a second, which the page need not wait for.
    from creativeml.synthesis.recordings import LONGEST_S, read_recording
    from creativeml.synthesis.starting_points import likely_kinds

    rate = instrument.sample_rate
    try:
        found = read_recording(path, rate, round(LONGEST_S * rate))
    except CreativeMLError as error:
        raise CreativeMLError(str(error).replace(str(path), name)) from error
    samples = found.samples
    kind = likely_kinds(_of_length(samples, instrument)[None], instrument)[0]
    return Own(wav_of(_without_silence(samples.numpy(), rate), rate), word_of(name), kind, found.notes)


def word_of(name: str) -> str:
    """A file's name without its ending, as pads are called."""
    return " ".join(printable(Path(name).stem).split())[:40].strip() or "Own sound"


class Finder:
    """Finds recordings in the model; the last few stay found.

    Attributes:
        stage: what is being done, for people; "" when nothing is.
    """

    def __init__(self) -> None:
        self.stage = ""
        self._lock = Lock()
        self._found: OrderedDict[tuple[str, str], Found] = OrderedDict()

    def like(self, instrument: Instrument, root: str, data: bytes, name: str, wish: str, kind: str, seed: int) -> Like:
        """The recording as the model makes it, changed as wished.

        Args:
            instrument: the model.
            root, data, name: hash, wav and name of the recording.
            wish: one of `WISHES`.
            kind: which it shall become, with the wish "as".
            seed: of the wish "similar".

        Raises:
            CreativeMLError: an unknown wish or kind.
        """
        if wish not in WISHES:
            raise CreativeMLError(f"the wish must be one of {', '.join(WISHES)}, got {quoted(wish)}")
        with self._lock:
            try:
                found = self._find(instrument, root, data, kind if wish == "as" else "")
                self.stage = "Making the sound"
                sound, note = self._made(found, wish, seed)
            finally:
                self.stage = ""
        word = {"similar": f"like {name}", "as": f"{name} as {found.kind.replace('_', ' ')}"}.get(
            wish, f"{wish} {name}"
        )
        rate = instrument.sample_rate
        return Like(
            wav_of(_without_silence(sound.numpy(), rate), rate),
            word[:64].strip(),
            found.kind,
            round(found.distance(sound), 2),
            note,
        )

    def _made(self, found: Found, wish: str, seed: int) -> tuple[torch.Tensor, str]:
        if wish == "similar":
            return found.sound(variation=SIMILAR, seed=seed), ""
        if wish == "as":
            return found.sound(), ""
        by = STEP_POINTS if wish == "brighter" else -STEP_POINTS
        asked = {"brightness": found.descriptors["brightness"] + by}
        return found.sound(asked), found.feasible(asked).message

    def _find(self, instrument: Instrument, root: str, data: bytes, kind: str) -> Found:
        import torch

        from creativeml.synthesis.resynthesis import analyze

        if (root, kind) not in self._found:
            samples = _of_length(torch.from_numpy(samples_of(data)), instrument)

            def told(what: str, done: int, total: int) -> None:
                self.stage = f"{what.capitalize()}: {done} of {total}"

            self._found[root, kind] = analyze(instrument, samples, instrument.sample_rate, kind or None, on_step=told)
        self._found.move_to_end((root, kind))
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return self._found[root, kind]


def _of_length(samples: torch.Tensor, instrument: Instrument) -> torch.Tensor:
    import torch

    length = instrument.length_samples
    return torch.nn.functional.pad(samples[:length], (0, max(0, length - len(samples))))


def _without_silence(samples: np.ndarray, rate: int) -> np.ndarray:
    """Without the silence at its end, the last of what is left faded out."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    kept = samples[: int(loud[-1]) + 1 if len(loud) else 1].copy()
    fade = min(len(kept), max(1, round(_FADE_S * rate)))
    kept[-fade:] *= np.linspace(1, 0, fade, dtype=kept.dtype)
    return kept
