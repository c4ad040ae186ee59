"""Maps by name keep what each method promises to keep; groups by name are found."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import make_swiss_roll
from sklearn.metrics import adjusted_rand_score

from creativeml.errors import CreativeMLError
from creativeml.evaluation.projections import CLUSTERINGS, PROJECTIONS, cluster, project, purity


def blobs(count=40):
    random = np.random.default_rng(0)
    centres = 8.0 * np.eye(3, 6)
    return np.concatenate([centre + random.normal(size=(count, 6)) for centre in centres]), np.repeat([0, 1, 2], count)


@pytest.mark.parametrize("method", ["isomap", "ltsa", "lle", "laplacian"])
def test_methods_by_neighbours_unroll_a_roll(method):
    points, along = make_swiss_roll(1200, random_state=0)
    flat = project(points, method, neighbours=10)
    unrolled = max(abs(spearmanr(flat[:, axis], along).statistic) for axis in (0, 1))
    straight = max(abs(spearmanr(project(points)[:, axis], along).statistic) for axis in (0, 1))
    assert unrolled > 0.9 > 0.6 > straight


def test_pca_is_the_singular_value_decomposition():
    points = blobs()[0]
    centred = points - points.mean(0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.allclose(np.abs(project(points)), np.abs(left[:, :2] * values[:2]), atol=1e-9)


@pytest.mark.parametrize("method", PROJECTIONS)
def test_every_method_places_drums_repeatably_and_puts_like_beside_like(drum_pictures, method):
    pictures, labels, kinds = drum_pictures
    points, labels = pictures.numpy(), labels.numpy()
    placed = project(points, method, seed=1)
    assert placed.shape == (len(points), 2) and np.isfinite(placed).all()
    assert np.array_equal(placed, project(points, method, seed=1))
    apart = np.linalg.norm(placed[:, None] - placed[None], axis=2) + np.diag([np.inf] * len(placed))
    chance = (np.bincount(labels, minlength=len(kinds)) ** 2).sum() / len(labels) ** 2
    assert (labels[apart.argmin(1)] == labels).mean() > 1.3 * chance


@pytest.mark.parametrize("method", CLUSTERINGS)
def test_groups_are_found(method):
    points, truth = blobs()
    found = cluster(points, method, count=3)
    assert adjusted_rand_score(truth, found) > 0.95 and purity(found, truth) > 0.97


def test_purity_is_counted_by_hand():
    assert purity(np.array([0, 0, 0, 1, 1]), np.array([2, 2, 0, 1, 1])) == pytest.approx(0.8)
    assert purity(np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3])) == pytest.approx(0.25)


def test_what_cannot_be_placed_is_refused_with_the_reason():
    points = blobs()[0]
    with pytest.raises(CreativeMLError, match="did you mean 'isomap'"):
        project(points, "isomaps")
    with pytest.raises(CreativeMLError, match="k-means, gmm"):
        cluster(points, "dbscan", count=2)
    with pytest.raises(CreativeMLError, match="at least 4 points"):
        project(points[:3])
    with pytest.raises(CreativeMLError, match="not finite"):
        project(np.where(points == points[0, 0], np.nan, points))
    with pytest.raises(CreativeMLError, match="at least 1 group"):
        cluster(points, count=0)
