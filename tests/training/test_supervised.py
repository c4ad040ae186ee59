"""Labels are learnt on real drums: kinds alone, few of them by heart, and descriptors beside them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from creativeml.audio.descriptors.registry import describe
from creativeml.layers.heads import TwoHeads
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import (
    SupervisedConfig,
    accuracy,
    logits_of,
    spread_over_kinds,
    train_supervised,
    train_two_heads,
)


@pytest.fixture(scope="module")
def split(drum_pictures):
    """Pictures and labels, two thirds to learn from."""
    x, labels, kinds = drum_pictures
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x = x - x[order[:128]].mean(0)
    return (x[order[:128]], labels[order[:128]]), (x[order[128:]], labels[order[128:]]), len(kinds), order


def trunk(outputs):
    return nn.Sequential(nn.Linear(128, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, outputs))


def config(steps, **changes):
    return SupervisedConfig(LoopConfig(steps=steps, batch_size=32, learning_rate=3e-3, validate_every=20, **changes))


def test_kinds_of_unheard_drums_are_recognised(split):
    torch.manual_seed(0)
    train, held_out, kinds, _ = split
    model = trunk(kinds)
    history = train_supervised(model, train, config(300, patience=5), validation=held_out)
    most_frequent = float((held_out[1] == train[1].mode().values).float().mean())
    assert accuracy(model, *held_out) > most_frequent + 0.25
    assert min(history.validation) == pytest.approx(
        float(nn.functional.cross_entropy(logits_of(model, held_out[0]), held_out[1])), rel=1e-5
    )


def test_a_small_set_is_learnt_by_heart_and_holds_several_kinds(split):
    torch.manual_seed(0)
    (x, labels), held_out, kinds, _ = split
    model = nn.Sequential(nn.Linear(128, 48), nn.ReLU(), nn.Linear(48, kinds))
    history = train_supervised(model, (x, labels), config(300, overfit=8), validation=held_out)
    kept = spread_over_kinds(labels)[:8]
    assert len(labels[kept].unique()) == min(8, len(labels.unique()))
    assert accuracy(model, x[kept], labels[kept]) == 1.0 and history.training[-1] < 0.02
    assert history.validation == []


def test_kinds_take_turns():
    order = spread_over_kinds(torch.tensor([0, 0, 0, 2, 2, 1]))
    assert order.tolist() == [0, 3, 5, 1, 4, 2]


def test_smoothed_labels_keep_a_classifier_from_being_certain(split):
    train, _, kinds, _ = split
    certain = []
    for smoothing in (0.0, 0.2):
        torch.manual_seed(0)
        model = nn.Linear(128, kinds)
        train_supervised(model, train, SupervisedConfig(config(400).loop, label_smoothing=smoothing))
        certain.append(logits_of(model, train[0]).softmax(1).amax(1).mean().item())
    assert certain[1] < certain[0] - 0.05
    with pytest.raises(ValueError, match="label_smoothing"):
        SupervisedConfig(label_smoothing=1.0)


def test_two_heads_learn_kinds_and_brightness_from_one_trunk(split, starter_sounds):
    """Both well above what is known without listening; half of the descriptors are kept secret."""
    (x, labels), (x_out, labels_out), kinds, order = split
    values = describe(starter_sounds[0], 44100, ("brightness",))["brightness"][order][:, None].float()
    values = (values - values[:128].mean(0)) / values[:128].std(0)
    known = values[:128].clone()
    known[::2] = torch.nan
    torch.manual_seed(0)
    model = TwoHeads(trunk(32), 32, kinds, 1)
    history = train_two_heads(model, (x, labels, known), config(400))
    logits, found = (part.detach() for part in model(x_out))
    truth = values[128:]
    explained = 1.0 - float((found - truth).square().sum() / (truth - truth.mean()).square().sum())
    linear = Ridge(1.0).fit(x[1::2].numpy(), known[1::2, 0].numpy()).score(x_out.numpy(), truth[:, 0].numpy())
    assert explained > 0.5 and np.isfinite(linear)
    assert float((logits.argmax(1) == labels_out).float().mean()) > 0.45
    assert np.isfinite(history.training).all()
