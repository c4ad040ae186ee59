"""What a sound of the map is called: shares of points that have names, so that it can be made again any day."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from creativeml.errors import CreativeMLError, quoted
from creativeml.files import sha256_bytes
from creativeml.synthesis.catalog import LAST_SEED, is_number

MAX_PARTS = 256
_MODEL_ID = re.compile(r"([a-z0-9_]{1,40}):(0|[1-9][0-9]{0,9})")
_OWN_ID = re.compile(r"own:[0-9a-f]{16}")


@dataclass(frozen=True)
class Mix:
    """A place between points.

    Attributes:
        parts: name of a point and its share, the largest first; the shares sum to 1.
    """

    parts: tuple[tuple[str, float], ...]

    @property
    def only(self) -> str | None:
        """The point's name, if it is a single one."""
        return self.parts[0][0] if len(self.parts) == 1 else None

    @property
    def text(self) -> str:
        """One spelling for one sound: "kick:3" or "kick:3*0.7+snare:0*0.3"."""
        return self.only or "+".join(f"{name}*{share:g}" for name, share in self.parts)

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for the whole text."""
        return sha256_bytes(self.text.encode())[:8]


def mix_of(shares: Mapping[str, float]) -> Mix:
    """The mix of weights of any sum above 0; shares below a thousandth are left out."""
    total = math.fsum(shares.values())
    kept = {name: weight for name, weight in shares.items() if weight >= 1e-3 * total}
    total = math.fsum(kept.values())
    # Whole ten-thousandths that sum to one exactly: read again, the text stays as it is.
    units = {name: round(10_000 * weight / total) for name, weight in kept.items()}
    largest = max(units, key=lambda name: (units[name], name))
    units[largest] += 10_000 - sum(units.values())
    return Mix(tuple((name, n / 10_000) for name, n in sorted(units.items(), key=lambda part: (-part[1], part[0]))))


def between(start: Mix, end: Mix, share: float) -> Mix:
    """The mix that has so much of the end, 0 to 1, and the rest of the start."""
    shares = {name: (1 - share) * part for name, part in start.parts}
    for name, part in end.parts:
        shares[name] = shares.get(name, 0.0) + share * part
    return mix_of(shares)


def checked_mix(value: Any, kinds: Sequence[str]) -> Mix:
    """A mix as the page names it: `{"kick:3": 0.7, "snare:0": 0.3}`, or "kick:3" for a single point.

    Raises:
        CreativeMLError: it is something else, a name of no form that points have, or weights that are no shares.
    """
    if isinstance(value, str):
        value = {value: 1}
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_PARTS:
        form = f'a sound is named like {{"kick:3": 0.7, "snare:0": 0.3}}, with 1 to {MAX_PARTS} points'
        raise CreativeMLError(f"{form}; got {quoted(value)}")
    for name, share in value.items():
        _check_name(name, kinds)
        if not is_number(share) or not 0 <= share <= 1e6:
            raise CreativeMLError(f"the share of '{name}' must be a number from 0 on, got {quoted(share)}")
    if not math.fsum(value.values()) > 0:
        raise CreativeMLError("the shares of a sound must not all be 0")
    return mix_of(value)


def _check_name(name: Any, kinds: Sequence[str]) -> None:
    found = _MODEL_ID.fullmatch(name) if isinstance(name, str) and len(name) < 60 else None
    if found and found[1] in kinds and int(found[2]) <= LAST_SEED:
        return
    if not isinstance(name, str) or not _OWN_ID.fullmatch(name[:60]):
        raise CreativeMLError(f"there is no point {quoted(name)}; points are called like '{kinds[0]}:0'")


def model_id(kind: str, seed: int) -> str:
    """Name of the model's own point of a kind and seed."""
    return f"{kind}:{seed}"


def kind_and_seed(name: str) -> tuple[str, int] | None:
    """What `model_id` was given, None for the name of a recording."""
    found = _MODEL_ID.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def label_of(kind: str, seed: int) -> str:
    """What the model's own point is called where nobody has titles for kinds."""
    return f"{kind} {seed}"


def own_id(content: str) -> str:
    """Name of a recording, by the SHA-256 of its file: the same file has the same name on every day."""
    return f"own:{content[:16]}"
