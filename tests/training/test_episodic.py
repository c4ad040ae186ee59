"""Episodes never show their queries beforehand; the embedding names kinds that it was not trained on."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from creativeml.errors import CreativeMLError
from creativeml.training.episodic import (
    EpisodicConfig,
    draw_episode,
    episode_accuracy,
    episode_logits,
    nearness,
    prototypes,
    train_prototypical,
)
from creativeml.training.minibatches import LoopConfig


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(0, 6), min_size=30, max_size=80),
    st.integers(2, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 100),
)
def test_support_and_queries_are_disjoint_rows_of_the_right_kinds(labels, ways, shots, queries, seed):
    labels = torch.tensor(labels)
    config = EpisodicConfig(ways=ways, shots=shots, queries=queries)
    enough = labels.bincount() >= shots + queries
    random = torch.Generator().manual_seed(seed)
    if int(enough.sum()) < ways:
        with pytest.raises(CreativeMLError, match="cannot be drawn"):
            draw_episode(labels, config, random)
        return
    episode = draw_episode(labels, config, random)
    assert episode.support.shape == (ways, shots) and episode.queries.shape == (ways, queries)
    rows = torch.cat([episode.support, episode.queries], 1)
    assert len(rows.unique()) == rows.numel()
    assert (labels[rows] == episode.kinds[:, None]).all() and len(episode.kinds.unique()) == ways


def test_queries_are_measured_by_the_mean_of_the_examples():
    torch.manual_seed(0)
    labels = torch.arange(4).repeat_interleave(6)
    inputs, model = torch.randn(24, 5), nn.Linear(5, 3)
    config = EpisodicConfig(ways=3, shots=2, queries=4)
    episode = draw_episode(labels, config, torch.Generator().manual_seed(1))
    centres = torch.stack([model(inputs[rows]).mean(0) for rows in episode.support])
    torch.testing.assert_close(prototypes(model(inputs[episode.support])), centres)
    expected = -(torch.cdist(model(inputs[episode.queries].flatten(0, 1)), centres) ** 2)
    torch.testing.assert_close(episode_logits(model, inputs, episode), expected, atol=1e-4, rtol=1e-4)
    # Among kinds of equal spread that is a linear classifier (section 2.4 of the paper).
    x = torch.randn(7, 3)
    linear = 2 * x @ centres.T - centres.square().sum(1)
    torch.testing.assert_close(nearness(x, centres).softmax(1), linear.softmax(1), atol=1e-5, rtol=1e-4)


def noisy_kinds(centres, rows, random):
    """Kinds that differ in 3 of 30 numbers; the others are loud noise."""
    labels = torch.arange(len(centres)).repeat_interleave(rows)
    signal = centres[labels] + 0.3 * torch.randn(len(labels), 3, generator=random)
    return torch.cat([signal, 3.0 * torch.randn(len(labels), 27, generator=random)], 1), labels


def test_what_is_learnt_on_some_kinds_names_others():
    random = torch.Generator().manual_seed(0)
    seen = noisy_kinds(2.0 * torch.randn(20, 3, generator=random), 20, random)
    unseen = noisy_kinds(2.0 * torch.randn(12, 3, generator=random), 20, random)
    config = EpisodicConfig(LoopConfig(steps=150, learning_rate=1e-2), ways=5, shots=1, queries=5)
    torch.manual_seed(0)
    model = nn.Linear(30, 3)
    before = episode_accuracy(nn.Identity(), *unseen, config)
    train_prototypical(model, seen, config)
    after = episode_accuracy(model, *unseen, config)
    assert before < 0.45 and after > before + 0.25


def test_unseen_kinds_of_drum_are_named_from_five_examples_each(drum_pictures):
    """Trained without snares, toms and closed hats; named among these three afterwards."""
    x, labels, kinds = drum_pictures
    unseen = torch.isin(labels, torch.tensor([kinds.index(k) for k in ("kick", "snare", "hat_closed")]))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(128, 32), nn.Tanh(), nn.Linear(32, 16))
    config = EpisodicConfig(LoopConfig(steps=100, learning_rate=3e-3), ways=3, shots=3, queries=3)
    train_prototypical(model, (x[~unseen], labels[~unseen]), config)
    test = EpisodicConfig(ways=3, shots=5, queries=5)
    assert episode_accuracy(model, x[unseen], labels[unseen], test) > 0.7


def test_a_small_set_holds_whole_episodes_and_is_learnt_by_heart():
    random = torch.Generator().manual_seed(0)
    x, labels = noisy_kinds(torch.randn(8, 3, generator=random), 12, random)
    loop = LoopConfig(steps=150, learning_rate=1e-2, overfit=16)
    config = EpisodicConfig(loop, ways=4, shots=2, queries=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 32), nn.Tanh(), nn.Linear(32, 8))
    history = train_prototypical(model, (x, labels), config, validation=(x, labels))
    kept = torch.cat([torch.nonzero(labels == kind).flatten()[:4] for kind in range(4)])
    assert history.validation == [] and episode_accuracy(model, x[kept], labels[kept], config) == 1.0
    few = EpisodicConfig(replace(loop, overfit=15), ways=4, shots=2, queries=2)
    with pytest.raises(CreativeMLError, match="overfit 16"):
        train_prototypical(model, (x, labels), few)


def test_a_resumed_run_ends_with_the_very_weights(tmp_path):
    random = torch.Generator().manual_seed(0)
    data, held_out = (noisy_kinds(torch.randn(6, 3, generator=random), 8, random) for _ in range(2))

    def run(steps, folder, resume=False):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(30, 8), nn.Dropout(0.2), nn.Linear(8, 4))
        config = EpisodicConfig(LoopConfig(steps=steps, validate_every=5), ways=3, shots=2, queries=2)
        history = train_prototypical(model, data, config, validation=held_out, folder=folder, resume=resume)
        return model.state_dict(), history

    whole, expected = run(20, tmp_path / "whole")
    run(10, tmp_path / "halves")
    halves, history = run(20, tmp_path / "halves", resume=True)
    assert history == expected and all(torch.equal(whole[name], halves[name]) for name in whole)
