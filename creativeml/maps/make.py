"""From a folder to its map."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from creativeml.data.folders import printable
from creativeml.data.gather import default_cache
from creativeml.errors import CreativeMLError
from creativeml.files import check_writable
from creativeml.maps import layout
from creativeml.maps.features import NAMES, judge, version
from creativeml.maps.library import read_library
from creativeml.maps.page import MapContent, write_page
from creativeml.maps.repeats import find_repeats
from creativeml.maps.store import Store
from creativeml.maps.survey import OnStep, Sound, survey

LEAST_MEGABYTES = 1


@dataclass(frozen=True)
class MapOptions:
    """How a map is made.

    Attributes:
        placement: one of `layout.PLACEMENTS`.
        groups: how many; None = by the number of sounds.
        audio: whether previews are put into the page.
        most_megabytes: of the page, 10^6 bytes each; previews that find no room are left out.
        workers: threads; None = one per core.
        cache: folder for features; None = `map` in the user's cache folder.
    """

    placement: str = "t-sne"
    groups: int | None = None
    audio: bool = True
    most_megabytes: float = 100.0
    workers: int | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.placement not in layout.PLACEMENTS:
            known = " or ".join(layout.PLACEMENTS)
            raise CreativeMLError(f"--placement is {known}, not '{self.placement}'")
        checks = (
            ("--groups", self.groups, 1, 200),
            ("--max-megabytes", self.most_megabytes, LEAST_MEGABYTES, 2000),
            ("--workers", self.workers, 1, 64),
        )
        for name, value, least, most in checks:
            if value is not None and not least <= value <= most:
                raise CreativeMLError(f"{name} must lie between {least} and {most}, not {value}")


def make_map(root: Path, out: Path, options: MapOptions, on_step: OnStep) -> dict[str, Any]:
    """Make the map of a folder.

    Args:
        root: the folder.
        out: the page; replaced if it exists.
        options: how.
        on_step: is told about the progress.

    Returns:
        what was done, in plain values: counts, kinds, groups, refusals, seconds of every step, bytes.

    Raises:
        CreativeMLError: no such folder, no sound in it that can be read, or a page or cache that cannot be written.
        MissingExtra: scikit-learn is not installed.
    """
    times: dict[str, float] = {}

    def timed(name: str, begun: float) -> float:
        now = time.perf_counter()
        times[name] = round(now - begun, 2)
        return now

    begun = time.perf_counter()
    library = read_library(root)
    _check_target(out)
    store = Store(options.cache or default_cache() / "map", version())
    try:
        sounds = survey(library, store, previews=options.audio, workers=options.workers, on_step=on_step)
        now = timed("listening", begun)
        if not sounds:
            first = library.refused[0]
            raise CreativeMLError(
                f"{printable(str(root))}: none of its {len(library.refused)} audio files can be used; "
                f"the first is {first.name}: {first.reason}"
            )
        repeats = find_repeats(sounds, on_step)
        now = timed("comparing", now)
        on_step("placing", 0, len(sounds))
        points = layout.reduce(layout.points_of(sounds))
        places = layout.place(points, options.placement, store)
        brightness = np.array([s.features.descriptors[NAMES.index("brightness")] for s in sounds])
        places = layout.lengthwise(places, brightness)
        kinds = [layout.kind_of_sound(s, judge().model.config.kinds) for s in sounds]
        groups = layout.groups(points, [named.kind for named in kinds], options.groups)
        on_step("placing", len(sounds), len(sounds))
        now = timed("placing", now)
    finally:
        store.close()
    content = MapContent(
        library, sounds, kinds, places, groups, repeats, most_bytes=round(1e6 * options.most_megabytes)
    )
    try:
        written = write_page(content, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    timed("writing", now)
    return {
        "out": printable(str(written.path)),
        "megabytes": round(written.bytes / 1e6, 2),
        "sounds": len(sounds),
        "kinds": dict(Counter(named.kind for named in kinds).most_common()),
        "named_by_ear": sum(named.by == "ear" for named in kinds),
        "groups": dict(Counter(groups).most_common()),
        "duplicates": _duplicates(sounds, repeats),
        "refused": [{"file": r.name, "reason": r.reason, "remedy": r.remedy} for r in library.refused],
        "ignored": library.ignored,
        "without_preview": written.without_preview,
        "seconds": times,
        "features": printable(str(store.path)),
    }


def _duplicates(sounds: list[Sound], repeats: dict[int, Any]) -> list[dict[str, Any]]:
    return [
        {"file": sounds[i].file.name, "of": sounds[r.of].file.name, "identical": r.identical}
        for i, r in repeats.items()
    ]


def _check_target(out: Path) -> None:
    """Before minutes of work: whether the page can be written at all."""
    if out.is_dir():
        page = printable(str(out / "map.html"))
        raise CreativeMLError(f"{printable(str(out))}: is a folder; name the page, for instance {page}")
    try:
        check_writable(out.parent)
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> CreativeMLError:
    reason = f"cannot be written ({error.strerror or error}); choose another --out or free space"
    return CreativeMLError(f"{printable(str(out))}: {reason}")
