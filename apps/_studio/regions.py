"""Where each control can be set, given what else is asked of a sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from creativeml.audio.descriptors.scales import SCALES

if TYPE_CHECKING:
    from creativeml.synthesis.generate import Instrument

_HALVINGS = 7


def open_regions(instrument: Instrument, kind: str, controls: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Of each control the lowest and the highest value that occurs in recordings of a kind with all else that is asked.

    Found by halving: from the value that goes with the others outwards, as far as nothing has to give way.

    Args:
        instrument: whose ranges count; without ranges there are no regions.
        kind: or a mixture.
        controls: what is asked for.
    """
    ranges = instrument.ranges
    if ranges is None:
        return {}
    fixed = instrument.feasible(kind, controls).values
    middle = ranges.complete(kind, fixed)
    found = {}
    for name, (low, _, high) in ranges.ends(kind).items():
        if name not in instrument.controls:
            continue
        others = {other: value for other, value in fixed.items() if other != name}
        centre = ranges.complete(kind, others)[name] if name in fixed else middle[name]

        def fits(value: float, name: str = name, others: Mapping[str, float] = others) -> bool:
            return not ranges.feasible(kind, {**others, name: value}).message

        found[name] = tuple(_edge(name, centre, end, fits) for end in (low, high))
    return found


def _edge(name: str, inside: float, outside: float, fits) -> float:
    """The last value on the way that fits, on the control's own scale."""
    if fits(outside):
        return outside
    scale = SCALES[name]
    near, far = scale.place(inside), scale.place(outside)
    for _ in range(_HALVINGS):
        between = (near + far) / 2
        near, far = (between, far) if fits(scale.value_at(between)) else (near, between)
    return float(f"{scale.value_at(near):.5g}")
