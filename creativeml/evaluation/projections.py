"""Maps of high-dimensional points on a plane, and groups among them, by name: scikit-learn behind one function each."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from creativeml.errors import CreativeMLError, require

PROJECTIONS: tuple[str, ...] = ("pca", "t-sne", "isomap", "lle", "ltsa", "laplacian")
CLUSTERINGS: tuple[str, ...] = ("k-means", "gmm")
_NEIGHBOURS = 12
_PERPLEXITY = 30.0


def project(points: np.ndarray, method: str = "pca", *, dims: int = 2, neighbours: int = _NEIGHBOURS, seed: int = 0) -> np.ndarray:
    """Place points in few dimensions.

    Args:
        points: `(n, features)`, finite.
        method: "pca" (Pearson 1901), "t-sne" (van der Maaten and Hinton 2008), "isomap" (Tenenbaum et al. 2000), "lle"
            (locally linear embedding, Roweis and Saul 2000), "ltsa" (local tangent space alignment, Zhang and Zha 2004)
            or "laplacian" (eigenmaps, Belkin and Niyogi 2003).
        dims: of the map; t-SNE makes up to 3.
        neighbours: of the graph that all but the first two rest on; with few points, as many as there are.
        seed: of what is random.

    Returns:
        `(n, dims)` float64.

    Raises:
        CreativeMLError: unknown method, too few points, values that are not finite, or a method that fails on them.
        MissingExtra: scikit-learn is not installed.
    """
    points = _checked(points, max(dims + 2, 4))
    count = len(points)
    _known(method, PROJECTIONS, "projection")
    near = min(neighbours, count - 1)
    try:
        return np.asarray(_projector(method, dims, near, count, seed).fit_transform(points), dtype=np.float64)
    except (ValueError, np.linalg.LinAlgError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CreativeMLError(f"{method} cannot place these {count} points ({reason}); try pca, or other neighbours") from error


def _projector(method: str, dims: int, near: int, count: int, seed: int) -> Any:
    if method == "pca":
        return require("sklearn.decomposition", extra="train").PCA(dims, random_state=seed)
    manifold = require("sklearn.manifold", extra="train")
    if method == "t-sne":
        return manifold.TSNE(dims, perplexity=min(_PERPLEXITY, (count - 1) / 3), init="pca", random_state=seed)
    if method == "isomap":
        return manifold.Isomap(n_neighbors=near, n_components=dims)
    if method == "laplacian":
        return manifold.SpectralEmbedding(dims, n_neighbors=near, random_state=seed)
    kind = "standard" if method == "lle" else "ltsa"
    # The dense solver: the sparse one fails on the singular matrices of points in clusters.
    return manifold.LocallyLinearEmbedding(
        n_neighbors=near, n_components=dims, method=kind, eigen_solver="dense", random_state=seed
    )


def cluster(points: np.ndarray, method: str = "k-means", *, count: int, seed: int = 0) -> np.ndarray:
    """Divide points into groups.

    Args:
        points: `(n, features)`, finite.
        method: "k-means" (Lloyd 1982) or "gmm" (a mixture of Gaussians with diagonal covariances, by
            expectation-maximisation, Dempster et al. 1977).
        count: of groups.
        seed: of the starts.

    Returns:
        `(n,)` number of each point's group.

    Raises:
        CreativeMLError: unknown method, or fewer points than groups.
        MissingExtra: scikit-learn is not installed.
    """
    points = _checked(points, count)
    _known(method, CLUSTERINGS, "clustering")
    if count < 1:
        raise CreativeMLError(f"points are divided into at least 1 group, not {count}")
    makers: dict[str, Callable[[], Any]] = {
        "k-means": lambda: require("sklearn.cluster", extra="train").KMeans(count, n_init=10, random_state=seed),
        "gmm": lambda: require("sklearn.mixture", extra="train").GaussianMixture(
            count, covariance_type="diag", n_init=3, random_state=seed
        ),
    }
    return np.asarray(makers[method]().fit_predict(points))


def purity(groups: np.ndarray, labels: np.ndarray) -> float:
    """Share of points whose label is the most frequent one of their group: 1 if no group mixes labels.

    Args:
        groups, labels: `(n,)` whole numbers from 0 on.
    """
    table = np.zeros((int(groups.max()) + 1, int(labels.max()) + 1))
    np.add.at(table, (groups, labels), 1)
    return float(table.max(1).sum() / len(labels))


def _known(method: str, known: tuple[str, ...], what: str) -> None:
    if method not in known:
        near = difflib.get_close_matches(method, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise CreativeMLError(f"there is no {what} '{method}'{hint} (known: {', '.join(known)})")


def _checked(points: np.ndarray, least: int) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or len(points) < least:
        raise CreativeMLError(f"at least {least} points (n, features) are needed, not an array of shape {points.shape}")
    if not np.isfinite(points).all():
        raise CreativeMLError("the points hold values that are not finite; leave those rows out")
    return points
