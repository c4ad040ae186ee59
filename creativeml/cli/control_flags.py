"""The flags by which commands are told what sounds shall be like: one for each descriptor that a model may know."""

from __future__ import annotations

from dataclasses import asdict, field, make_dataclass
from typing import Annotated, Any

import tyro

from creativeml.audio.descriptors.scales import SCALES


def control_flags(kind: type, doc: str, *, otherwise: str, sign: str = "") -> Any:
    """A dataclass with a field for each descriptor, None where its flag is not given.

    Args:
        kind: of the values.
        doc: what the help says above the flags.
        otherwise: what happens to a descriptor whose flag is not given.
        sign: stands before the unit in the help.
    """
    fields = []
    for scale in SCALES.values():
        metavar = f"{sign}{scale.unit.upper()}"
        about = tyro.conf.arg(help=scale.doc, metavar=metavar, help_behavior_hint=f"({otherwise} if not given)")
        fields.append((scale.name, Annotated[kind | None, about], field(default=None)))
    made = make_dataclass("Controls", fields, frozen=True)
    made.__doc__ = doc
    return made


def given_controls(controls: Any) -> dict[str, Any]:
    """What was given of the flags: descriptor → value."""
    return {name: value for name, value in asdict(controls).items() if value is not None}
