"""Where sounds lie on the map, and which shares of them stand for a place on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from _latent_explorer.cache import kept, put
from _latent_explorer.wishes import REACH, Wish
from creativeml.errors import CreativeMLError, quoted
from creativeml.evaluation.projections import cluster, project
from creativeml.files import sha256_bytes
from creativeml.synthesis.catalog import is_number

LEAST = 4
"""Sounds of a map."""
KEPT_LAYOUTS = 64
REACH_TIMES = 2.0
"""Points take part in a place that are up to so many times as far as the nearest one: few keep their character."""
MOST_PARTS = 64
"""Of a place; four places on the pad have four times as many."""
_FORMAT = 1


def placed(features: np.ndarray, projection: str, cache: Path) -> np.ndarray:
    """Places `(n, 2)` of sounds by their features `(n, d)`, within -1 to 1; known ones come from the cache.

    Raises:
        CreativeMLError: a projection that fails on these sounds.
    """
    table = np.ascontiguousarray(features, dtype=np.float32)
    name = sha256_bytes(f"{_FORMAT} {projection} {table.shape}".encode() + table.tobytes())[:24]
    path = cache / "layouts" / f"{name}.safetensors"
    known = kept(path, {"places": (len(table), 2)})
    if known is not None:
        return known["places"]
    # In one order in memory, as from the cache: what is computed with them shall round alike.
    places = np.ascontiguousarray(scaled(project(table, projection)), dtype=np.float32)
    put(path, {"places": places}, newest=KEPT_LAYOUTS)
    return places


def scaled(places: np.ndarray) -> np.ndarray:
    """Places moved and scaled alike in both directions, so that they fill -1 to 1."""
    low, high = places.min(0), places.max(0)
    size = float((high - low).max())
    return (places - (low + high) / 2) * (2 / size if size > 0 else 1.0)


def grouped(features: np.ndarray, wish: Wish) -> list[int]:
    """Number of each sound's group, from 1 on; the largest group first."""
    found = cluster(features, wish.clustering, count=min(wish.groups, len(features)))
    order = np.argsort(-np.bincount(found), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(1, len(order) + 1)
    return rank[found].tolist()


def shares_at(known: np.ndarray, ids: list[str], places: np.ndarray) -> list[dict[str, float]]:
    """Which of the known points, at places `(n, 2)`, stand for each of the places `(m, 2)`, and with what shares."""
    # Not at the top: torch loads for a second, which pages need not wait for.
    import torch

    from creativeml.synthesis.plane_map import PlaneMap

    at = torch.from_numpy(known.astype(np.float64))
    plane = PlaneMap(at, at, REACH_TIMES)
    return [{ids[n]: share for n, share in plane.parts(place)[:MOST_PARTS]} for place in torch.from_numpy(places)]


def place_among(places: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Where a sound belongs that was not there when the map was made: amid its five nearest, the nearer the more."""
    order = np.argsort(distances, kind="stable")[:5]
    weights = 1 / np.square(distances[order] + 1e-3)
    return (places[order] * weights[:, None]).sum(0) / weights.sum()


def distances_db(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How far sounds `(n, 168)` are from one `(168,)`: root mean square of the differences, in dB."""
    return np.sqrt(np.square(others - features).mean(1))


def checked_place(value: Any) -> np.ndarray:
    """A place on the map as the page gives it: `[x, y]`.

    Raises:
        CreativeMLError: not two finite numbers, or off the map.
    """
    if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
        raise CreativeMLError(f"a place on the map is [x, y], got {quoted(value)}")
    if not all(-REACH <= v <= REACH for v in value):
        raise CreativeMLError(f"the place {quoted(value)} is off the map, which goes from -1 to 1")
    return np.array([float(v) for v in value])


def along(path: np.ndarray, steps: int) -> np.ndarray:
    """Places `(steps, 2)` at equal distances along a drawn path `(n, 2)`, its ends among them."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0.0, lengths[-1], steps)
    return np.stack([np.interp(at, lengths, path[:, axis]) for axis in (0, 1)], 1)
