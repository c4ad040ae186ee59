"""`creativeml map`: a folder of sounds as a page on which like sounds stand together."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from creativeml.cli.progress import Bars


def map_(
    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")],
    /,
    *,
    out: Path = Path("map.html"),
    placement: Literal["t-sne", "pca"] = "t-sne",
    groups: int | None = None,
    audio: bool = True,
    max_megabytes: float = 100.0,
    workers: int | None = None,
    cache: Path | None = None,
    json: bool = False,
) -> int:
    """Map a folder of sounds: one page, every sound a point, like sounds near one another; point at one to hear it.

    Kinds are read from the names of files and folders (Kick 01.wav, Snares/...) and heard by a classifier of drums
    where they say nothing. Duplicates are marked: equal files, and the same recording at another level or re-encoded.
    What cannot be read is named with the reason, here and on the page; the rest is still mapped.

    The page is one file without network access. It holds a preview of up to a second of each sound (Ogg Opus, some 5 kB
    each), so it plays wherever it is taken. Where the sounds' folder is still in the same place beside it, a second
    click plays the original file, and so does the first in a browser that cannot decode the previews. Needs the extra
    `train` (scikit-learn).

    What was measured is kept by content in a cache folder, so that an interrupted run goes on and the next one measures
    only what is new.

    Args:
        folder: the sounds, in any folders below it. WAV, AIFF, FLAC, OGG, MP3, AU and CAF, of any length; the first
            1.5 s after the onset count.
        out: the page; replaced if it exists.
        placement: t-sne shows which sounds are neighbours (one to two minutes for 10,000); pca is quick and shows the
            two largest differences.
        groups: how many groups of like sounds are named; chosen by the number of sounds if not given.
        audio: `--no-audio` leaves the previews out: a small page that plays only beside the sounds' folder.
        max_megabytes: of the page; previews that find no room are left out, and you are told.
        workers: threads; one per core if not given.
        cache: folder for what was measured; if not given, `map` in $CREATIVEML_CACHE or ~/.cache/creativeml.
        json: print a summary as JSON.
    """
    from creativeml.maps.make import MapOptions, make_map

    options = MapOptions(placement, groups, audio, max_megabytes, workers, cache)
    with Bars() as bars:
        made = make_map(folder, out, options, bars.step)
    if json:
        print(json_format.dumps(made, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(_summary(made))
    for refusal in made["refused"]:
        print(f"not read: {refusal['file']}: {refusal['reason']}; {refusal['remedy']}", file=sys.stderr)
    return 0


def _summary(made: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in made["kinds"].items())
    same = sum(d["identical"] for d in made["duplicates"])
    lines = [
        f"{made['out']}: {made['sounds']} sounds, {made['megabytes']:.1f} MB",
        f"kinds: {kinds} ({made['named_by_ear']} by ear, the others by name)",
        f"duplicates: {len(made['duplicates'])}, {same} of them equal files",
        f"not read: {len(made['refused'])}",
    ]
    if made["without_preview"]:
        lines.append(f"without preview: {made['without_preview']}, for which --max-megabytes has no room")
    return "\n".join(lines)
