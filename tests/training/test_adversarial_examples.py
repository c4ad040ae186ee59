"""The fast gradient sign method is the worst case of a linear model; real drums are misled, and learn to withstand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from creativeml.training.adversarial_examples import (
    AdversarialTrainingConfig,
    accuracy_under_attack,
    fgsm,
    train_adversarially,
)
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import SupervisedConfig, accuracy, train_supervised


def test_of_a_linear_model_it_finds_the_worst_change():
    """Two classes: the margin falls by epsilon times the L1 norm of the difference of weights, and by no more."""
    torch.manual_seed(0)
    model, x = nn.Linear(6, 2), torch.randn(5, 6)
    labels = torch.tensor([0, 1, 0, 1, 1])
    moved = fgsm(model, x, labels, 0.1)
    difference = (model.weight[1] - model.weight[0]).detach()

    def margin(inputs):
        logits = model(inputs).detach()
        return logits.gather(1, labels[:, None]).squeeze(1) - logits.gather(1, 1 - labels[:, None]).squeeze(1)

    torch.testing.assert_close(margin(x) - margin(moved), (0.1 * difference.abs().sum()).expand(5))
    assert (moved - x).abs().max() <= 0.1 + 1e-6
    for _ in range(50):
        other = x + 0.1 * (2 * torch.rand_like(x) - 1)
        assert (margin(other) >= margin(moved) - 1e-5).all()


def test_the_attack_leaves_the_model_as_it_was_and_the_inputs_in_their_range():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    model[2].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.rand(4, 6)
    with torch.no_grad():
        moved = fgsm(model, x, torch.tensor([0, 1, 2, 0]), 0.3, low=0.0, high=1.0)
    assert moved.min() >= 0.0 and moved.max() <= 1.0 and not torch.equal(moved, x)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and not moved.requires_grad
    assert model.training and model[1].training and not model[2].training


def test_each_sound_is_attacked_for_itself():
    torch.manual_seed(0)
    model, x, labels = nn.Linear(6, 3), torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    alone = torch.cat([fgsm(model, x[n : n + 1], labels[n : n + 1], 0.1) for n in range(4)])
    torch.testing.assert_close(fgsm(model, x, labels, 0.1), alone)


def test_accuracy_falls_under_attack_and_recovers_by_training_on_it(drum_pictures):
    x, labels, kinds = drum_pictures
    loop = LoopConfig(steps=400, batch_size=64, learning_rate=3e-3)
    found = {}
    for name in ("plain", "trained against"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, len(kinds)))
        if name == "plain":
            train_supervised(model, (x, labels), SupervisedConfig(loop))
        else:
            config = AdversarialTrainingConfig(loop, epsilon=0.05, low=0.0, high=1.0)
            train_adversarially(model, (x, labels), config)
        found[name] = [accuracy_under_attack(model, x, labels, e, low=0.0, high=1.0) for e in (0.0, 0.05)]
    clean, attacked = found["plain"]
    assert clean > 0.9 and attacked < clean - 0.4
    assert found["trained against"][1] > attacked + 0.25


def test_a_small_set_is_spread_over_the_kinds_and_not_judged_by_others():
    torch.manual_seed(0)
    # Sorted by kind: the first rows are of one.
    labels = torch.arange(3).repeat_interleave(20)
    x = nn.functional.one_hot(labels, 3).float() + 0.1 * torch.randn(60, 3)
    model = nn.Linear(3, 3)
    config = AdversarialTrainingConfig(LoopConfig(steps=200, learning_rate=0.05, overfit=3), epsilon=0.01)
    history = train_adversarially(model, (x, labels), config, validation=(x, labels))
    assert history.validation == [] and accuracy(model, x, labels) > 0.95


def test_the_loss_is_the_share_of_both():
    torch.manual_seed(0)
    model, x, labels = nn.Linear(6, 3), torch.randn(8, 6), torch.arange(8) % 3
    before = {name: value.clone() for name, value in model.state_dict().items()}
    config = AdversarialTrainingConfig(LoopConfig(steps=1, batch_size=8), epsilon=0.2, share=0.25)
    history = train_adversarially(model, (x, labels), config)
    model.load_state_dict(before)
    plain, attacked = (F.cross_entropy(model(inputs), labels) for inputs in (x, fgsm(model, x, labels, 0.2)))
    plain, attacked = plain.detach(), attacked.detach()
    assert history.training[0] == pytest.approx(float(0.75 * plain + 0.25 * attacked), rel=1e-5)
    with pytest.raises(ValueError, match="share"):
        AdversarialTrainingConfig(share=1.5)
