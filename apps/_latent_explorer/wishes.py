"""What the page may ask for, within which bounds, and what it is told meanwhile: known without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from creativeml.errors import CreativeMLError, quoted
from creativeml.evaluation.projections import CLUSTERINGS, PROJECTIONS
from creativeml.synthesis.catalog import is_whole

ARRANGEMENTS: tuple[str, ...] = ("sound", "model")
"""By how the sounds sound, or by where the model has them."""
MEASURED: tuple[str, ...] = (
    "brightness",
    "depth",
    "warmth",
    "hardness",
    "roughness",
    "sharpness",
    "boominess",
    "decay_time_20",
)
"""Descriptors that a map can be coloured by."""
MOST_GROUPS = 24
MAX_ROW = 64
MAX_PATH = 512
MAX_BUNDLE = 256
REACH = 1.6
"""Places further out than this are nowhere: the map itself goes from -1 to 1."""
SHORTEST_STEP_S, LONGEST_STEP_S = 0.02, 2.0

UNFORESEEN = "Something went wrong; the window where the server runs says what."


@dataclass(frozen=True)
class Wish:
    """How the map shall be made.

    Attributes:
        arrange: one of `ARRANGEMENTS`.
        projection: one of `projections.PROJECTIONS`.
        clustering: one of `projections.CLUSTERINGS`.
        groups: how many, 1 to 24.
    """

    arrange: str = "sound"
    projection: str = "t-sne"
    clustering: str = "k-means"
    groups: int = 8

    def __post_init__(self) -> None:
        choices = (("arrange", ARRANGEMENTS), ("projection", PROJECTIONS), ("clustering", CLUSTERINGS))
        for name, known in choices:
            if getattr(self, name) not in known:
                raise CreativeMLError(f"{name} must be {' or '.join(known)}, got {quoted(getattr(self, name))}")
        if not is_whole(self.groups) or not 1 <= self.groups <= MOST_GROUPS:
            raise CreativeMLError(f"groups must be a whole number from 1 to {MOST_GROUPS}, got {quoted(self.groups)}")


@dataclass
class Progress:
    """What is being gathered, as the page is told it.

    Attributes:
        stage: in a few words; "" when all is done.
        done, of: steps of the stage.
        edition: counts up whenever a new map can be made.
        notes: what else a person should know, a line each.
        error: what could not be gathered and why, or "".
    """

    stage: str = "Loading the model"
    done: int = 0
    of: int = 0
    edition: int = 0
    notes: list[str] = field(default_factory=list)
    error: str = ""

    def fail(self, error: Exception) -> None:
        """Enter what went wrong, behind what did before; of what nobody foresaw the page only learns that it is so."""
        text = str(error) if isinstance(error, CreativeMLError) else UNFORESEEN
        if text not in self.error:
            self.error = f"{self.error}; {text}" if self.error else text
