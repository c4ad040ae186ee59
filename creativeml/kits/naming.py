"""Names of files that every system and sampler takes: ASCII, short, without spaces."""

from __future__ import annotations

import re
import unicodedata

from creativeml.files import sha256_bytes
from creativeml.kits.kit import MAX_NAME, Kit, Pad, Take

_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{p}{i}" for p in ("COM", "LPT") for i in range(10))}
_LONGEST_WORD = 40


def safe_name(text: str) -> str:
    """A name as files and folders may be called: letters, digits and underscores, at most 40 of them.

    Where that loses more than spaces and hyphens, four digits of the name's hash stand at the end: so different names
    remain different. A name that is safe already is left as it is.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    word = "_".join(re.findall(r"[A-Za-z0-9]+", plain))
    kept = re.sub(r"[ _-]+", "_", text)
    if word != kept or len(word) > _LONGEST_WORD or word.upper() in _RESERVED or not word:
        word = f"{word[: _LONGEST_WORD - 5] or 'Kit'}_{sha256_bytes(text.encode())[:4]}"
    return word


def clean_name(text: str, otherwise: str) -> str:
    """A name out of a file of others as a kit may have it; `otherwise` if nothing of it can be kept."""
    # Joiners and the like have no width; other spaces and controls parted words.
    kept = "".join(c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in text)
    return " ".join(kept.split())[:MAX_NAME].strip() or otherwise


def clean_lines(text: str, most: int) -> str:
    """A text of several lines out of a file of others as a kit may have it."""
    lines = (" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in text.splitlines())
    return "\n".join(lines).strip()[:most].strip()


def sample_names(kit: Kit) -> dict[tuple[int, int, int], str]:
    """File name of every take by the pad's note and the places of its layer and the take, from 0.

    `36_Kick_Bright_01.wav`; of a pad with several layers, the highest velocity of each is told: `36_Kick_v063_01.wav`.
    At most 60 characters, and every one is different, as each note has one pad.
    """
    names = {}
    for pad in kit.pads:
        word = safe_name(pad.name)
        for i, layer in enumerate(pad.layers):
            velocity = f"_v{layer.high:03d}" if len(pad.layers) > 1 else ""
            for k in range(len(layer.takes)):
                names[pad.note, i, k] = f"{pad.note}_{word}{velocity}_{k + 1:02d}.wav"
    return names


def named_takes(kit: Kit) -> list[tuple[str, Pad, Take]]:
    """Every take with the name of its file and its pad, in the order of notes, layers and takes."""
    names = sample_names(kit)
    return [
        (names[pad.note, i, k], pad, take)
        for pad in kit.pads
        for i, layer in enumerate(pad.layers)
        for k, take in enumerate(layer.takes)
    ]
