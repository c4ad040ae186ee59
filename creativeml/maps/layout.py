"""Where sounds stand on a map, and the groups that they form there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from creativeml.audio.descriptors.scales import SCALES
from creativeml.errors import CreativeMLError
from creativeml.evaluation.projections import cluster, project
from creativeml.files import sha256_bytes
from creativeml.maps.features import NAMES
from creativeml.maps.store import Store
from creativeml.maps.survey import Sound

PLACEMENTS: tuple[str, ...] = ("t-sne", "pca")
UNSURE = "unsure"
"""Kind of a sound that no name speaks of and that the classifier does not recognise."""
LEAST_CHANCE = 0.5
"""Below it the classifier's word does not count."""
_COMPONENTS = 50
_QUIET_DB = 2.0
"""A log-mel statistic that varies less than this over the library is not blown up to the size of the others."""
_MOST_GROUPS = 40


@dataclass(frozen=True)
class Named:
    """Kind of a sound.

    Attributes:
        kind: one of KINDS, or `UNSURE`.
        by: "name" where the file or folder says so, "ear" where the classifier does.
        chance: what the classifier gives this kind, or for `UNSURE` the likeliest one.
    """

    kind: str
    by: str
    chance: float


def kind_of_sound(sound: Sound, kinds: Sequence[str]) -> Named:
    """What a sound is: what its name says, else what it is heard as, if that is likely enough."""
    chances = sound.features.chances
    if sound.file.kind is not None:
        return Named(sound.file.kind, "name", float(chances[kinds.index(sound.file.kind)]))
    best = int(chances.argmax())
    chance = float(chances[best])
    return Named(kinds[best] if chance >= LEAST_CHANCE else UNSURE, "ear", chance)


def points_of(sounds: Sequence[Sound]) -> np.ndarray:
    """Sounds as points whose distances say how different they are: `(n, features)`.

    Spectrum and envelope (log-mel statistics), what the classifier hears, and the descriptors have one third each.
    """
    timbre = np.stack([s.features.timbre for s in sounds])
    heard = np.stack([s.features.heard for s in sounds])
    values = np.stack([s.features.descriptors for s in sounds])
    scales = [SCALES[name] for name in NAMES]
    placed = np.stack([[scale.place(float(v)) for scale, v in zip(scales, row, strict=True)] for row in values])
    return np.concatenate([_block(timbre, _QUIET_DB), _block(heard), _block(placed)], axis=1)


def _block(values: np.ndarray, least_spread: float = 1e-6) -> np.ndarray:
    """Columns of mean 0 and spread 1, all of them together of mean square 1."""
    centred = values.astype(np.float64) - values.mean(0)
    scaled = centred / np.maximum(centred.std(0), least_spread)
    return scaled / np.sqrt(max(float((scaled**2).sum(1).mean()), 1e-12))


def reduce(points: np.ndarray) -> np.ndarray:
    """Their 50 principal components, or as many as there are."""
    count = min(_COMPONENTS, points.shape[1], len(points) - 2)
    return project(points, "pca", dims=count) if count >= 2 else points[:, :2]


def place(points: np.ndarray, method: str, store: Store | None = None) -> np.ndarray:
    """Places on the map `(n, 2)`, within about -1 to 1, of reduced points `(n, components)`.

    Args:
        points: at least one.
        method: one of `PLACEMENTS`.
        store: where places are kept between runs.

    Raises:
        CreativeMLError: unknown method.
    """
    if method not in PLACEMENTS:
        raise CreativeMLError(f"--placement is {' or '.join(PLACEMENTS)}, not '{method}'")
    key = sha256_bytes(method.encode() + points.astype("<f4").tobytes())
    known = store.layout(key) if store else None
    if known is not None and len(known) == len(points):
        return known.astype(np.float64)
    if len(points) < 6:
        # Too few for either method to find directions in: side by side.
        places = np.stack([np.linspace(-1, 1, len(points)), np.zeros(len(points))], axis=1)
    else:
        places = project(points.astype(np.float32), method)
    places = places - (places.max(0) + places.min(0)) / 2
    places = places / max(float(np.abs(places).max()), 1e-12)
    if store:
        store.add_layout(key, places)
    return places


def lengthwise(places: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Places turned so that the map is wide, as screens are, and brighter sounds stand rather to the right.

    Neither method means anything by its directions.

    Args:
        places: `(n, 2)`.
        brightness: `(n,)`.
    """
    centred = places - places.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes.T if len(axes) == 2 else centred
    if len(places) > 2 and float(turned[:, 0] @ (brightness - brightness.mean())) < 0:
        turned = -turned
    turned = turned - (turned.max(0) + turned.min(0)) / 2
    return turned / max(float(np.abs(turned).max()), 1e-12)


def groups(points: np.ndarray, kinds: Sequence[str], count: int | None = None) -> list[str]:
    """Name of each sound's group: "kicks 1", "snares 2".

    Args:
        points: reduced `(n, components)`.
        kinds: of the sounds.
        count: of groups; None = as many as the library is rich: 10 for 200 sounds, 32 for 10,000.
    """
    number = count or min(_MOST_GROUPS, max(1, round(min(len(points) / 12, 2 * len(points) ** 0.3))))
    number = min(number, len(points))
    found = cluster(points, count=number) if number > 1 else np.zeros(len(points), int)
    members = {g: [i for i in range(len(points)) if found[i] == g] for g in range(number)}
    main = {g: _main_kind([kinds[i] for i in rows]) for g, rows in members.items() if rows}
    names: dict[int, str] = {}
    # The largest group of a kind is its first.
    for kind in dict.fromkeys(main.values()):
        own = sorted((g for g in main if main[g] == kind), key=lambda g: (-len(members[g]), g))
        for number, g in enumerate(own, 1):
            names[g] = f"{plural(kind)} {number}" if len(own) > 1 else plural(kind)
    return [names[int(g)] for g in found]


def _main_kind(kinds: Sequence[str]) -> str:
    """The most frequent kind; what is not sure counts only where nothing else is there."""
    counts = Counter(kind for kind in kinds if kind != UNSURE) or Counter(kinds)
    return min(counts, key=lambda kind: (-counts[kind], kind))


_PLURALS = {
    "hat_closed": "closed hats",
    "hat_open": "open hats",
    "crash": "crashes",
    "perc": "percussion",
    UNSURE: "others",
}


def plural(kind: str) -> str:
    """A kind as the name of many: "snares", "closed hats"."""
    return _PLURALS.get(kind, f"{kind}s")


def label_places(places: np.ndarray, names: Sequence[str]) -> list[tuple[str, float, float]]:
    """Name and place of each group, the largest first: the member nearest to the group's middle."""
    found = []
    for name, _ in Counter(names).most_common():
        own = places[[i for i, other in enumerate(names) if other == name]]
        middle = np.median(own, axis=0)
        x, y = own[np.square(own - middle).sum(1).argmin()]
        found.append((name, float(x), float(y)))
    return found
