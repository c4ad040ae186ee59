"""Drum patterns as tokens: what is hit at each sixteenth of a bar.

A rhythm is written as one line of steps for each instrument, "x" a hit, "X" an accent, "o" a ghost note and "." none;
bars are separated by "|". The collection holds rhythms that every drummer knows, written down here in their plainest
form, and variations of them made by rules that keep what each instrument is for.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from creativeml.errors import CreativeMLError

STEPS = 16
"""Of a bar: sixteenths of 4/4."""

REST = "rest"
"""Token of a step without a hit."""

HITS = "xXo"

ROLES: dict[str, tuple[str, ...]] = {
    "time": ("hat_closed", "ride", "shaker"),
    "backbeat": ("snare", "clap", "rim"),
    "pulse": ("kick", "kick_low"),
}
"""Instruments that do the same thing in a rhythm, by what they do: keep time, mark the backbeat, carry the pulse."""


@dataclass(frozen=True)
class Pattern:
    """One or more bars.

    Attributes:
        style: name of the rhythm.
        lines: instrument → its hits, one character for each step, without bar lines; all equally long.
    """

    style: str
    lines: Mapping[str, str]

    @property
    def steps(self) -> int:
        """Number of steps, a multiple of `STEPS`."""
        return len(next(iter(self.lines.values())))

    def hits(self) -> list[tuple[str, ...]]:
        """Instruments hit at each step, sorted by name."""
        names = sorted(self.lines)
        return [tuple(name for name in names if self.lines[name][step] in HITS) for step in range(self.steps)]

    def tokens(self) -> list[str]:
        """The pattern read from left to right: each hit a token, `REST` where nothing is hit."""
        return [token for hits in self.hits() for token in (hits or (REST,))]

    def words(self) -> list[str]:
        """One word for each step: the instruments that are hit together, joined by "+", or `REST`."""
        return ["+".join(hits) or REST for hits in self.hits()]


def parse_pattern(style: str, lines: Mapping[str, str]) -> Pattern:
    """Read a pattern from its lines.

    Args:
        style: name of the rhythm.
        lines: instrument → steps, e.g. `{"kick": "x...x...|x...x..."}`; bar lines and spaces may stand anywhere.

    Raises:
        CreativeMLError: no line, an unknown character, or lines that are no whole bars or differ in length.
    """
    if not lines:
        raise CreativeMLError(f"pattern '{style}' has no line; name at least one instrument")
    plain = {name: line.replace("|", "").replace(" ", "") for name, line in lines.items()}
    for name, line in plain.items():
        odd = set(line) - set(HITS) - {"."}
        if odd:
            raise CreativeMLError(f"pattern '{style}', {name}: unknown step {sorted(odd)[0]!r}; use x, X, o and .")
        if not line or len(line) % STEPS:
            raise CreativeMLError(f"pattern '{style}', {name}: {len(line)} steps; write whole bars of {STEPS}")
    if len({len(line) for line in plain.values()}) > 1:
        raise CreativeMLError(f"pattern '{style}': its lines differ in length; write as many bars for each instrument")
    return Pattern(style, plain)


_EIGHTHS, _SIXTEENTHS, _QUARTERS = "x.x." * 4, "x" * 16, "x..." * 4
_BACKBEAT, _OFF = "....x.......x...", "..x." * 4

_WRITTEN: dict[str, tuple[dict[str, str], ...]] = {
    "rock": (
        {"hat_closed": _EIGHTHS, "snare": _BACKBEAT, "kick": "x.......x......."},
        {"hat_closed": _EIGHTHS, "snare": _BACKBEAT, "kick": "x.......x.x....."},
        {"hat_closed": _EIGHTHS, "snare": _BACKBEAT, "kick": "x.x.....x......."},
        {
            "hat_closed": "x.x.x.x.x.x.x...",
            "hat_open": "..............x.",
            "snare": _BACKBEAT,
            "kick": "x.....x.x.......",
        },
    ),
    "half_time": (
        {"hat_closed": _EIGHTHS, "snare": "........x.......", "kick": "x..............."},
        {"hat_closed": _EIGHTHS, "snare": "........x.......", "kick": "x.....x......x.."},
    ),
    "disco": (
        {"hat_open": _OFF, "hat_closed": "x...x...x...x...", "snare": _BACKBEAT, "kick": _QUARTERS},
        {"hat_closed": _SIXTEENTHS, "snare": _BACKBEAT, "kick": _QUARTERS},
    ),
    "house": (
        {"hat_open": _OFF, "snare": _BACKBEAT, "kick": _QUARTERS, "hat_closed": "x...x...x...x..."},
        {"hat_closed": "x.xxx.xxx.xxx.xx", "snare": _BACKBEAT, "kick": _QUARTERS},
    ),
    "bossa_nova": (
        {"hat_closed": _EIGHTHS, "rim": "x..x..x...x..x..", "kick": "x..xx..xx..xx..x"},
        {"hat_closed": _EIGHTHS, "rim": "..x...x..x..x...", "kick": "x..xx..xx..xx..x"},
    ),
    "samba": (
        {"hat_closed": _SIXTEENTHS, "snare": "x..x..x..x.x.x..", "kick": "x..xx..xx..xx..x"},
        {"hat_closed": _SIXTEENTHS, "tom": "....x.......x...", "kick": "x..xx..xx..xx..x"},
    ),
    "funk": (
        {"hat_closed": _SIXTEENTHS, "snare": "....X..o.o..X..o", "kick": "x.x.......x..x.."},
        {"hat_closed": _EIGHTHS, "snare": "....X..o.o..X...", "kick": "x..x..x...x..x.."},
    ),
    "breakbeat": (
        {"hat_closed": _EIGHTHS, "snare": "....x..x.x..x..x", "kick": "x.x.......xx...."},
        {"hat_closed": _EIGHTHS, "snare": "....x..x.x....x.", "kick": "x.x.......x....."},
    ),
    "hip_hop": (
        {"hat_closed": _EIGHTHS, "snare": _BACKBEAT, "kick": "x......x..x....."},
        {"hat_closed": _EIGHTHS, "snare": _BACKBEAT, "kick": "x.....xx..x..x.."},
    ),
    "reggae": (
        {"hat_closed": _EIGHTHS, "rim": "........x.......", "kick": "........x......."},
        {"hat_closed": _OFF, "snare": "........x.......", "kick": "x.......x......."},
    ),
    "march": ({"snare": "x.xxx.xxx.xxx.xx", "kick": "x.......x......."},),
    "train": ({"snare": "ooXoooXoooXoooXo", "kick": _QUARTERS},),
    "fill": (
        {
            "snare": "xxxx....x.......",
            "tom": "....xxxx.xxx....",
            "crash": "............x...",
            "kick": "............x...",
        },
        {"snare": "x.x.x.x.........", "tom": "........x.x.x.x.", "kick": "x...x...x...x..."},
    ),
}


def written_patterns() -> list[Pattern]:
    """The rhythms as they are written down, one bar each."""
    return [parse_pattern(style, lines) for style, bars in _WRITTEN.items() for lines in bars]


def varied_patterns(
    count: int, *, seed: int = 0, bars: int = 4, rhythms: Sequence[Pattern] | None = None
) -> list[Pattern]:
    """Variations of the written rhythms.

    What a drummer changes from one song to the next: the instrument that a role is played on (hats or ride keep time,
    snare, clap or rim mark the backbeat), a hit left out or added in the kick, a crash on the first beat, a fill at the
    end.

    Args:
        count: of patterns.
        seed: of every choice.
        bars: of each pattern.
        rhythms: those that are varied, none a fill; None for all that are written. Variations of one rhythm are alike:
            for patterns that are new to whoever has learnt from others, vary other rhythms.
    """
    rng, written = random.Random(seed), written_patterns()
    grooves, fills = ([p for p in written if (p.style == "fill") is fill] for fill in (False, True))
    chosen = grooves if rhythms is None else rhythms
    return [_variation(rng, rng.choice(chosen), fills, bars) for _ in range(count)]


def _variation(rng: random.Random, groove: Pattern, fills: Sequence[Pattern], bars: int) -> Pattern:
    played = {name: rng.choice(role) for role in ROLES.values() for name in role}
    parts = []
    for bar in range(bars):
        ends = bar == bars - 1 and rng.random() < 0.3
        source = rng.choice(fills) if ends else groove
        lines = {played.get(name, name): list(line) for name, line in source.lines.items()}
        kick = lines.get(played["kick"])
        if kick is not None and rng.random() < 0.5:
            step = rng.randrange(1, STEPS)
            kick[step] = "." if kick[step] != "." else "x"
        if bar == 0 and rng.random() < 0.3:
            lines.setdefault("crash", ["."] * STEPS)[0] = "x"
        parts.append(lines)
    names = sorted({name for part in parts for name in part})
    rest = ["."] * STEPS
    return Pattern(groove.style, {name: "".join("".join(part.get(name, rest)) for part in parts) for name in names})


def shuffled_hits(patterns: Sequence[Pattern], *, seed: int = 0) -> list[list[tuple[str, ...]]]:
    """A control without rhythm: the hits of all patterns in random order, as many at each step as before."""
    hits = [p.hits() for p in patterns]
    pool = [name for pattern in hits for step in pattern for name in step]
    random.Random(seed).shuffle(pool)
    drawn = iter(pool)
    return [[tuple(next(drawn) for _ in step) for step in pattern] for pattern in hits]
