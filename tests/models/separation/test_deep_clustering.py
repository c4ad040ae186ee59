"""Bins of two overlapping drum hits are told apart, and the masks lose nothing."""

import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError
from creativeml.losses.separation import si_sdr
from creativeml.models.separation.deep_clustering import DeepClustering, DeepClusteringConfig
from creativeml.synthesis.separation import separate
from creativeml.training.deep_clustering import DeepClusteringTrainingConfig, mix, train_deep_clustering
from creativeml.training.minibatches import LoopConfig

SMALL = DeepClusteringConfig(window_samples=256, hop_samples=128, hidden=32, layers=1, dim=6)


def test_spectrum_is_undone_by_sound():
    model, x = DeepClustering(SMALL), torch.randn(3, 5000)
    assert (model.sound(model.spectrum(x), 5000) - x).abs().max() < 1e-5


def test_vectors_have_length_one_and_levels_do_not_depend_on_the_gain():
    model, x = DeepClustering(SMALL), torch.randn(2, 2000)
    levels = model.levels(model.spectrum(x))
    assert torch.allclose(levels, model.levels(model.spectrum(0.01 * x)), atol=1e-3)
    assert levels.max() == 1.0 and levels.min() >= -1.0
    vectors = model(levels)
    assert vectors.shape == (*levels.shape, 6) and torch.allclose(
        vectors.norm(dim=-1), torch.ones(levels.shape), atol=1e-5
    )


def test_separated_sounds_add_up_to_the_mixture():
    torch.manual_seed(0)
    model, mixture = DeepClustering(SMALL), torch.randn(3000)
    parts = separate(model, mixture, 3)
    assert parts.shape == (3, 3000) and (parts.sum(0) - mixture).abs().max() < 1e-5
    assert torch.equal(parts, separate(model, mixture, 3))
    for wrong, reason in ((torch.zeros(3000), "silent"), (mixture, "at least 1")):
        with pytest.raises(CreativeMLError, match=reason):
            separate(model, wrong, 2 if reason == "silent" else 0)


def test_mixtures_are_the_sum_of_parts_of_the_asked_levels_and_delays():
    config = DeepClusteringTrainingConfig(largest_delay=50, largest_difference_db=6.0)
    first, second = torch.randn(8, 400), torch.randn(8, 400)
    mixtures, parts = mix(first, second, config, torch.Generator().manual_seed(0))
    assert torch.equal(mixtures, parts.sum(1))
    difference = 10 * torch.log10(parts[:, 0].square().mean(1) / parts[:, 1].square().mean(1))
    assert difference.abs().max() <= 6.0 + 1e-3 and difference.std() > 1.0
    starts = (parts[:, 1] != 0).float().argmax(1)
    assert starts.max() <= 50 and len(starts.unique()) > 3
    scale = parts[0, 1, starts[0]] / second[0, 0]
    assert torch.allclose(parts[0, 1, starts[0] :], scale * second[0, : 400 - starts[0]], atol=1e-6)


def test_two_overlapping_hits_that_it_has_not_heard_are_separated():
    pack = starter_sounds(("kick", "hat_closed"), length_samples=4096, sample_rate=22050)
    known, unheard = pack.split(0.25)
    sounds, labels, kinds = pack.sounds, pack.labels, pack.kinds
    torch.manual_seed(0)
    model = DeepClustering(SMALL)
    config = DeepClusteringTrainingConfig(LoopConfig(steps=60, batch_size=8, learning_rate=5e-3), largest_delay=500)
    train_deep_clustering(model, sounds[known], labels[known], config)
    kick = labels[unheard] == kinds.index("kick")
    count = min(int(kick.sum()), int((~kick).sum()))
    assert count >= 2
    random = torch.Generator().manual_seed(1)
    mixtures, parts = mix(sounds[unheard][kick][:count], sounds[unheard][~kick][:count], config, random)
    gains = []
    for mixture, true in zip(mixtures, parts, strict=True):
        ratios = si_sdr(separate(model, mixture)[:, None], true[None])
        best = torch.maximum(ratios.diagonal().mean(), ratios.flip(0).diagonal().mean())
        gains.append((best - si_sdr(mixture, true).mean()).item())
    assert sum(gains) / len(gains) > 5.0


def test_a_small_set_is_all_that_mixtures_are_made_of():
    """The first sounds of each kind; the others could not even be computed with."""
    torch.manual_seed(0)
    sounds, labels = torch.randn(8, 2000), torch.arange(2).repeat_interleave(4)
    sounds[labels.diff(prepend=labels[:1] - 1) == 0] = torch.nan
    config = DeepClusteringTrainingConfig(LoopConfig(steps=6, batch_size=2, overfit=2))
    history = train_deep_clustering(DeepClustering(SMALL), sounds, labels, config)
    assert history.steps == [6]


def test_one_kind_alone_makes_no_mixtures():
    with pytest.raises(CreativeMLError, match="two kinds"):
        train_deep_clustering(
            DeepClustering(SMALL), torch.randn(4, 1000), torch.zeros(4).long(), DeepClusteringTrainingConfig()
        )
    with pytest.raises(ValueError, match="inverted"):
        DeepClusteringConfig(hop_samples=400)
