"""Kind and drum out of the names in the packs that the recipes know, checked against every name in them.

A user's own folders are read word by word in `creativeml.data.classes`; here abbreviations such as "cra" or
"PowR_BD" count too, and a rim shot is a snare (both hands of these packs hit head and rim together).
"""

from __future__ import annotations

import re

# First match wins, so the narrow names stand before the wide ones ("ride bell" before "bell", "rim shot"
# before "rim").
_RULES: tuple[tuple[str, str], ...] = (
    ("", r"roll|empty|whistle|fx\b|\bfx|zap|loop|reverse"),
    (
        "perc",
        r"pedal tamb|tamb|tombourine|shaker?s?|maraca|cabasa|guiro|clave|conga|bongo|timbale|agogo|triangle",
    ),
    (
        "perc",
        r"wood ?block|cuica|vibra ?slap|cajon|djembe|dunun|kenkeni|sangban|tabla|waterglass|bucket|snap",
    ),
    ("clap", r"clap"),
    ("cowbell", r"cow ?bell"),
    (
        "hat_open",
        r"(hat|\bhh).*(open|\bop\b|semi|swish|free)|open ?(hi)? ?(hat|hh)|\bohh|hh ?open|half ?open",
    ),
    ("hat_closed", r"hi ?hat|\bhat|hat\b|\bc?hh|\bpedal ?hi|closed? ?hi"),
    ("ride", r"ride|cup|\bbell\b"),
    ("crash", r"crash|splash|china|chinese|cymbal|\bcra\b"),
    ("rim", r"side ?stick|rim ?click|stick[ _-]?rim|\brim(?! ?shot)|\bstick"),
    ("snare", r"snare|\bsn\b|rim ?shot"),
    ("kick", r"kick|bass ?drum|\bbd"),
    ("tom", r"\btom|floor|tom\b"),
    ("perc", r"\bdrum\b|perc"),
)
_LAYER = re.compile(r"[ _-]?(softest|soft|med|medium|hardest|hard|normal)$|[ _-]?\d+$", re.IGNORECASE)


def words_of(name: str) -> str:
    """A file or instrument name as lower-case words.

    >>> words_of("EE_Hat_Cl-Dirty2"), words_of("SabianHatOpen")
    ('ee hat cl dirty 2', 'sabian hat open')
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", name)
    return re.sub(r"[\s_\-()./#]+", " ", parted).strip().lower()


def kind_of_name(name: str) -> str | None:
    """Kind of drum that a name tells, None if it tells none or something that is not a single hit.

    >>> kind_of_name("SideStick-Hard"), kind_of_name("Pedal HH"), kind_of_name("Zap 1")
    ('rim', 'hat_closed', None)
    """
    words = words_of(name)
    for kind, pattern in _RULES:
        if re.search(pattern, words):
            return kind or None
    return None


def drum_of_file(stem: str) -> str:
    """A file's name without its velocity layer or number: what names the drum.

    >>> drum_of_file("PearlTom1-Hardest"), drum_of_file("hhclosed_05")
    ('PearlTom1', 'hhclosed')
    """
    return _LAYER.sub("", stem) or stem
