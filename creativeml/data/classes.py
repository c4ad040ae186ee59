"""From the names of files and folders to the kind of drum and to the group of recordings of one drum.

Names are read word by word, never by substring: "chat_noir" holds no hat, "Open HH 03" is an open hat
although "hh" alone means a closed one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from hashlib import sha256

from creativeml.kinds import KINDS, UNLABELLED

# Words that can hardly mean anything else. Of several in one name the last counts: a "tom rim" is a rim.
_WORDS: dict[str, str] = {
    "kick": "kick",
    "kik": "kick",
    "kck": "kick",
    "bassdrum": "kick",
    "snare": "snare",
    "snr": "snare",
    "hat": "hat_closed",
    "hihat": "hat_closed",
    "closedhat": "hat_closed",
    "closedhihat": "hat_closed",
    "closedhh": "hat_closed",
    "openhat": "hat_open",
    "openhihat": "hat_open",
    "openhh": "hat_open",
    "tom": "tom",
    "tomtom": "tom",
    "floortom": "tom",
    "lowtom": "tom",
    "midtom": "tom",
    "hitom": "tom",
    "hightom": "tom",
    "rim": "rim",
    "rimshot": "rim",
    "sidestick": "rim",
    "crossstick": "rim",
    "xstick": "rim",
    "clap": "clap",
    "handclap": "clap",
    "cowbell": "cowbell",
    "crash": "crash",
    "splash": "crash",
    "china": "crash",
    "ride": "ride",
}
_PERCUSSION = """perc percussion conga bongo shaker tambourine tamb tambo maraca clave guiro cabasa timbale
agogo
    triangle woodblock vibraslap castanet djembe cajon tabla snap fingersnap cuica surdo whistle"""
_WORDS |= dict.fromkeys(_PERCUSSION.split(), "perc")

# Codes of drum machines and sample packs: read only where no full word tells more.
_CODES: dict[str, str] = {
    "bd": "kick",
    "kd": "kick",
    "sd": "snare",
    "sn": "snare",
    "ch": "hat_closed",
    "chh": "hat_closed",
    "hh": "hat_closed",
    "hhc": "hat_closed",
    "hc": "hat_closed",
    "closed": "hat_closed",
    "oh": "hat_open",
    "ohh": "hat_open",
    "hho": "hat_open",
    "ho": "hat_open",
    "open": "hat_open",
    "lt": "tom",
    "mt": "tom",
    "ht": "tom",
    "ft": "tom",
    "rs": "rim",
    "ss": "rim",
    "cp": "clap",
    "cb": "cowbell",
    "cr": "crash",
    "cy": "crash",
    "rd": "ride",
    "ma": "perc",
    "cl": "perc",
}

# Neighbours that mean one thing, replaced from first to last.
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"hi hats?", "hihat"),
    (r"(bass|kick) drums?", "kick"),
    (r"rim shots?", "rimshot"),
    # Struck on head and rim at once: louder, but still the snare.
    (r"snare rimshots?", "snare"),
    (r"(side|cross) sticks?", "sidestick"),
    (r"hand claps?", "clap"),
    (r"cow bells?", "cowbell"),
    (r"ride bells?", "ride"),
    (r"wood blocks?", "woodblock"),
    (r"finger snaps?", "snap"),
)
_OPEN = {"open", "opened", "op", "o", "half", "semi"}


def words_of(name: str) -> list[str]:
    """Lower-case words of a name: split at everything that is no letter, at digits and at camelCase humps."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    humps = re.sub(r"([a-z])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3 \2\4", plain)
    return [word.lower() for word in re.findall(r"[A-Za-z]+", humps)]


def kind_of(name: str) -> str | None:
    """The kind of drum that a file or folder name speaks of, one of KINDS; None if it speaks of none."""
    words = words_of(name)
    slug = "_".join(words)
    if slug in KINDS:
        return slug
    text = " ".join(words)
    for phrase, word in _PHRASES:
        text = re.sub(rf"\b{phrase}\b", word, text)
    words = text.split()
    is_open = any(word in _OPEN for word in words)
    found = [_WORDS[w] for word in words for w in (word, _singular(word)) if w in _WORDS]
    if found:
        return "hat_open" if found[-1] == "hat_closed" and is_open else found[-1]
    codes = [_CODES[word] for word in words if word in _CODES]
    if "hat_closed" in codes and is_open:  # "HH open"
        return "hat_open"
    return codes[0] if codes else None


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def slug_of(name: str) -> str:
    """A folder name as a kind of the user's own: lower-case ASCII letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40].strip("_")
    if not slug:
        # A name in another script leaves nothing; its hash at least keeps two such folders apart.
        return f"kind_{sha256(name.encode('utf-8')).hexdigest()[:6]}"
    # Reserved by Windows, which cannot have folders of these names.
    if re.fullmatch(r"con|prn|aux|nul|(com|lpt)[0-9]", slug):
        return f"{slug}_"
    return slug


def kind_of_folder(name: str) -> str | None:
    """Like `kind_of`, for a folder's name; a folder called "unlabelled" has no kind by intention."""
    return None if slug_of(name) == UNLABELLED else kind_of(name)


_LAYER = re.compile(
    r"(v|vel|velo|velocity|rr|take|tk|layer|lyr|alt|round|robin|hit|seq|stroke)\d*|pp+|p|mp|mf|f|ff+|"
    r"soft|softer|medium|med|hard|harder|loud|quiet|ghost|l|r|left|right"
)
_NUMBER = re.compile(r"\d+")


def take_stem(stem: str, *, numbers_are_takes: bool) -> str:
    """The file name without what tells takes of one drum apart: velocity, round robin, hand, number.

    Args:
        stem: file name without its ending.
        numbers_are_takes: whether a bare number at the end counts takes ("Snare 1", "Snare 2" are one drum)
            or sounds (they are two).

    Returns:
        Lower-case words joined by spaces; the whole name where nothing else would be left.
    """
    tokens = re.findall(r"[a-z]+\d*|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", stem).lower())
    kept = list(tokens)
    while kept:
        last = kept[-1]
        split = re.fullmatch(r"([a-z]+)(\d+)", last)
        if _LAYER.fullmatch(last) or (_NUMBER.fullmatch(last) and _is_take(kept, numbers_are_takes)):
            kept.pop()
        elif split and numbers_are_takes:
            kept[-1] = split[1]
        else:
            break
    return " ".join(kept or tokens) or stem.lower()


def _is_take(tokens: Sequence[str], numbers_are_takes: bool) -> bool:
    """Whether the number at the end belongs to a word such as "take", or counts as a take by itself."""
    named = len(tokens) > 1 and _LAYER.fullmatch(tokens[-2]) is not None
    return named or numbers_are_takes
