"""The kinds of drum that the project knows by name. A user's own folders may add others to a dataset."""

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
