"""DeepCluster's groups of real drums are purer than k-means of their mel spectra; its turns can be resumed."""

import shutil

import numpy as np
import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.evaluation.projections import cluster, purity
from creativeml.models.clustering.deep_cluster import DeepCluster, DeepClusterConfig
from creativeml.training.deep_cluster import (
    DeepClusterTrainingConfig,
    coarse_groups,
    normalised_features,
    pseudo_labels,
    train_deep_cluster,
    varied,
)
from creativeml.training.minibatches import LoopConfig

KINDS = ("kick", "snare", "hat_closed", "tom", "crash")
"""Those of which the starter pack has at least ten, and which are of one sort (perc is whatever else there is)."""


@pytest.fixture(scope="module")
def drums():
    pack = starter_sounds(KINDS)
    return pack.pictures(bands=16, frames=8)[:, None], pack.labels.numpy()


def test_groups_are_purer_than_those_of_k_means_on_mels(drums):
    pictures, labels = drums
    mels = [purity(cluster(pictures.flatten(1).numpy(), count=5, seed=seed), labels) for seed in range(8)]
    found = []
    # One training in three ends below; the mean is what counts.
    for seed in range(7):
        torch.manual_seed(seed)
        model = DeepCluster(DeepClusterConfig())
        loop = LoopConfig(steps=40, learning_rate=3e-3, weight_decay=1e-4, seed=seed)
        train_deep_cluster(model, pictures, DeepClusterTrainingConfig(loop))
        found += [purity(coarse_groups(model, pictures, 5, seed=n), labels) for n in range(3)]
    assert np.mean(found) > np.mean(mels)


def test_a_turn_that_was_cut_off_goes_on_as_if_it_had_not_been(drums, tmp_path):
    pictures, _ = drums
    config = DeepClusterTrainingConfig(LoopConfig(steps=6, batch_size=16), turns=2)
    ends = []
    for resume in (None, False, True):
        torch.manual_seed(0)
        model = DeepCluster(DeepClusterConfig(channels=(4, 4)))
        train_deep_cluster(model, pictures, config, folder=None if resume is None else tmp_path, resume=bool(resume))
        ends.append(model.state_dict())
        if resume is False:
            # Cut off before the first state of the second turn: there is its folder, but nothing to go on from.
            shutil.rmtree(tmp_path / "turn-1" / "checkpoints")
    for end in ends[1:]:
        assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), end.values(), strict=True))


def test_a_small_set_is_all_that_is_seen(drums):
    pictures, _ = drums
    config = DeepClusterTrainingConfig(LoopConfig(steps=4, batch_size=8, overfit=20), turns=2)
    ends = []
    for others in (pictures[20:], torch.rand_like(pictures[20:40])):
        torch.manual_seed(0)
        model = DeepCluster(DeepClusterConfig(channels=(4, 4)))
        train_deep_cluster(model, torch.cat([pictures[:20], others]), config)
        ends.append(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(end.values() for end in ends), strict=True))


def test_grouped_features_are_white_and_of_length_one(drums):
    pictures, _ = drums
    model = DeepCluster(DeepClusterConfig())
    points = normalised_features(model, pictures, 8)
    assert points.shape == (len(pictures), 8) and np.allclose(np.linalg.norm(points, axis=1), 1.0)
    groups = pseudo_labels(model, pictures, DeepClusterTrainingConfig())
    assert len(groups.unique()) == 12 and groups.dtype == torch.long


def test_variations_shift_by_no_more_than_asked(drums):
    picture = torch.zeros(1, 1, 8, 8)
    picture[..., 4, 4] = 1.0
    config = DeepClusterTrainingConfig(shift_bands=1, shift_frames=2, gain=0.0, noise=0.0)
    seen = {tuple(varied(picture, config)[0, 0].argmax().item() // d % 8 for d in (8, 1)) for _ in range(200)}
    assert seen == {(band, frame) for band in (3, 4, 5) for frame in (2, 3, 4, 5, 6)}
