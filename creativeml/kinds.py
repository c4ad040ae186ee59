"""The kinds of drum that the project knows by name, and mixtures of kinds.

A user's own folders may add other kinds to a dataset.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from creativeml.errors import CreativeMLError, quoted

KINDS: tuple[str, ...] = (
    "kick",
    "snare",
    "hat_closed",
    "hat_open",
    "tom",
    "rim",
    "clap",
    "cowbell",
    "crash",
    "ride",
    "perc",
)

UNLABELLED = "unlabelled"
"""Class of a sound whose kind is not known: kept in a dataset, used by nothing that needs a kind."""

Kind = str | Mapping[str, float]
"""A kind by name, or a mixture: kind → share, e.g. `{"snare": 0.7, "clap": 0.3}`, or as text `snare:0.7,clap:0.3`."""

_PARTS = 1_000_000
"""Shares are kept in whole parts of this, so that a mixture has one name and, named by it, makes the same sound."""
_LARGEST_SHARE = 1e9


def shares_of(kind: Kind, known: Sequence[str]) -> dict[str, float]:
    """Share of each kind in a mixture, the largest first; they sum to 1. A kind by its name alone has share 1.

    Raises:
        CreativeMLError: a kind that is not known, or shares that are no numbers, negative, not finite, or all 0.
    """
    if isinstance(kind, str):
        given: Mapping[Any, Any] = {kind: 1.0} if kind in known else _parsed(kind, known)
    elif isinstance(kind, Mapping):
        given = kind
    else:
        raise _unknown(kind, known)
    for name in given:
        if name not in known:
            raise _unknown(name, known)
    shares = list(given.values())
    if not all(map(_is_share, shares)) or not sum(shares) > 0:
        shown = quoted(dict(given) if isinstance(kind, Mapping) else kind)
        raise CreativeMLError(f"the shares of a mixture of kinds must be 0 or more and not all 0, not {shown}")
    total = sum(shares)
    parts = {name: round(_PARTS * share / total) for name, share in given.items()}
    largest = min(parts, key=lambda name: (-parts[name], name))
    parts[largest] += _PARTS - sum(parts.values())
    order = sorted((name for name in parts if parts[name]), key=lambda name: (-parts[name], name))
    return {name: parts[name] / _PARTS for name in order}


def kind_text(shares: Mapping[str, float]) -> str:
    """The name of a kind or mixture (of `shares_of`): "snare", "snare:0.7,clap:0.3"."""
    return next(iter(shares)) if len(shares) == 1 else ",".join(f"{name}:{share:g}" for name, share in shares.items())


def _parsed(text: str, known: Sequence[str]) -> dict[str, float]:
    if ":" not in text and "," not in text:
        return {text: 1.0}
    shares: dict[str, float] = {}
    for part in text.split(","):
        before, colon, after = part.strip().rpartition(":")
        name, share = (before, after) if colon else (after, "")
        if name not in known:
            raise _unknown(name, known)
        try:
            number = float(share)
        except ValueError:
            number = math.nan
        if math.isnan(number) or name in shares:
            raise CreativeMLError(
                f"a mixture names each of its kinds once, with its share, as in {known[0]}:0.7,{known[-1]}:0.3; "
                f"got {quoted(text)}"
            )
        shares[name] = number
    return shares


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LARGEST_SHARE


def _unknown(kind: Any, known: Sequence[str]) -> CreativeMLError:
    near = difflib.get_close_matches(str(kind)[:40].lower().replace("-", "_"), known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return CreativeMLError(f"the kind {quoted(kind)} is not known{hint} (kinds: {', '.join(known)})")
