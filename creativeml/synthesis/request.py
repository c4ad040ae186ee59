"""What one sound is asked for by, and the name of its file."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from creativeml.files import sha256_bytes

# Names that Windows keeps for itself, whatever the ending.
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{p}{i}" for p in ("COM", "LPT") for i in range(10))}
_SHARE = re.compile(r"\d{1,7}(\.\d{1,7})?(e-\d{1,2})?")


@dataclass(frozen=True)
class Request:
    """The name of one sound: what to ask an instrument for.

    Attributes:
        kind: a kind, or a mixture as text: "snare:0.7,clap:0.3".
        seed: see `creativeml.synthesis.generate.Instrument`.
        truncation: the same.
        controls: descriptor → value in its unit, as asked for, whether or not it is feasible.
        tuning: steps towards what was asked for.
        vary: how far a further take lies from the sound, 0 (the same, but for its noise) to 1 (another sound).
        take: 0 is the sound itself; from 1 on, takes of the same stroke.
        stroke: 0 is that sound; from 1 on, the very same struck again, which is as another noise has it.
    """

    kind: str
    seed: int
    truncation: float = 1.0
    controls: Mapping[str, float] = field(default_factory=dict, hash=False)
    tuning: int = 0
    vary: float = 0.0
    take: int = 0
    stroke: int = 0


def file_name(request: Request) -> str:
    """Name for a sampler's browser, e.g. `Kick_s0007.wav`, `HatClosed_s0007_v080.wav` (truncation 0.8).

    A mixture is `Snare70_Clap30_s0007.wav`. With controls, a short number of theirs stands at the end:
    `Kick_s0007_c1f0ac3d2.wav`; the values are in the manifest. A further take of it is `Kick_s0007_t002_020.wav` (take
    2, varied by 0.2), and that struck again `Kick_s0007_t002_020_r001.wav`.

    ASCII, at most 63 characters, safe on every system, different for different kinds, mixtures and seeds, for
    truncations that differ by 0.00001 or more, and (but for one chance in four thousand million) for other controls.
    """
    variation = "" if request.truncation == 1 else f"_v{_percent(request.truncation)}"
    asked = json.dumps(sorted((name, float(value)) for name, value in request.controls.items()))
    asked += f" tuned {request.tuning}" if request.tuning else ""
    controls = f"_c{sha256_bytes(asked.encode())[:8]}" if request.controls else ""
    take = f"_t{request.take:03d}_{_percent(request.vary)}" if request.take else ""
    again = f"_r{request.stroke:03d}" if request.stroke else ""
    name = f"{kind_word(request.kind)}_s{request.seed:04d}{variation}{controls}{take}{again}"
    # A long mixture with a long seed, a broken truncation and all the rest.
    return f"{name if len(name) <= 59 else f'{name[:50]}_{sha256_bytes(name.encode())[:8]}'}.wav"


def kind_word(kind: str) -> str:
    """A kind or mixture as file names begin: "HatClosed", "Snare70_Clap30"; at most 28 characters."""
    parts = [part.rpartition(":") for part in kind.split(",")]
    if not all(_SHARE.fullmatch(share) and name for name, _, share in parts):
        return _kind_word(kind)
    # No word of a kind has an underscore, so none can look like a mixture.
    word = "_".join(f"{_kind_word(name)}{100 * float(share):.0f}" for name, _, share in parts)
    whole = all(math.isclose(100 * float(share), round(100 * float(share)), abs_tol=1e-9) for _, _, share in parts)
    return word if whole and len(word) <= 28 else f"{word[:23]}_{sha256_bytes(kind.encode())[:4]}"


def _percent(truncation: float) -> str:
    hundredths = truncation * 100
    if math.isclose(hundredths, round(hundredths), abs_tol=1e-9):
        return f"{round(hundredths):03d}"
    return f"{hundredths:07.3f}".replace(".", "p")


def _kind_word(kind: str) -> str:
    plain = unicodedata.normalize("NFKD", kind).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z0-9]+", plain)
    word = "".join(w[:1].upper() + w[1:] for w in words)[:24]
    # A kind may be whatever a user's folder is called: where letters were lost, two kinds could become one
    # word.
    exact = "_".join(words).lower() == kind and len(word) == sum(map(len, words))
    if not exact or word.upper() in _RESERVED:
        word = f"{word or 'Sound'}{sha256_bytes(kind.encode())[:4]}"
    return word
