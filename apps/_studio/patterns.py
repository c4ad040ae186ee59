"""Beats to begin with: the rhythms that the package knows, for the pads."""

from __future__ import annotations

from typing import Any

from creativeml.data.patterns import written_patterns

VELOCITIES = {"x": 100, "X": 127, "o": 45, ".": 0}
INSTEAD = {"shaker": "hat_closed", "kick_low": "kick"}
TEMPI = {
    "rock": 116,
    "half_time": 84,
    "disco": 118,
    "house": 124,
    "bossa_nova": 132,
    "samba": 104,
    "funk": 104,
    "breakbeat": 128,
    "hip_hop": 90,
    "reggae": 76,
}
USUAL_TEMPO = 110


def presets() -> list[dict[str, Any]]:
    """Name, title, tempo, steps and lines by kind of each written pattern of one or two bars."""
    found, counts = [], {}
    for pattern in written_patterns():
        counts[pattern.style] = counts.get(pattern.style, 0) + 1
        number = counts[pattern.style]
        if pattern.steps not in (16, 32):
            continue
        lines = {INSTEAD.get(name, name): [VELOCITIES[mark] for mark in line] for name, line in pattern.lines.items()}
        title = pattern.style.replace("_", " ").capitalize()
        found.append(
            {
                "name": f"{pattern.style}_{number}",
                "title": f"{title} {number}",
                "tempo": TEMPI.get(pattern.style, USUAL_TEMPO),
                "steps": pattern.steps,
                "lines": lines,
            }
        )
    return found
