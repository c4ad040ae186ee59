"""Labels are learnt on real drums: kinds alone, few of them by heart, and descriptors beside them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn

from creativeml.audio.descriptors.registry import describe
from creativeml.layers.shared_trunk import TwoHeads
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
def split(drum_pictures, drum_recordings):
    """Pictures and labels, about two thirds of the recordings' sources to learn from; and which rows those are."""
    x, labels, kinds = drum_pictures
    known, unheard = drum_recordings.split(0.33)
    x = x - x[known].mean(0)
    return (x[known], labels[known]), (x[unheard], labels[unheard]), len(kinds), (known, unheard)


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
    # Half of these recordings are of one kind, so that guessing it is hard to beat.
    assert accuracy(model, *held_out) > most_frequent + 0.1
    heard = logits_of(model, held_out[0]).argmax(1) == held_out[1]
    kinds_there = held_out[1].unique()
    balanced = float(torch.stack([heard[held_out[1] == kind].float().mean() for kind in kinds_there]).mean())
    assert balanced > 2.5 / len(kinds_there)
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


def test_smoothing_reaches_the_kinds_of_two_heads():
    torch.manual_seed(0)
    model = TwoHeads(nn.Linear(6, 4), 4, 3, 1)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    x, labels = torch.randn(8, 6), torch.arange(8) % 3
    values = torch.full((8, 1), torch.nan)
    # A rate that changes nothing to speak of: the look after the step judges the weights of the start.
    settings = SupervisedConfig(LoopConfig(steps=1, batch_size=8, learning_rate=1e-12), label_smoothing=0.2)
    history = train_two_heads(model, (x, labels, values), settings, validation=(x, labels, values))
    model.load_state_dict(start)
    logits = model(x)[0].detach()
    smoothed = float(nn.functional.cross_entropy(logits, labels, label_smoothing=0.2))
    assert history.training == [pytest.approx(smoothed, rel=1e-5)]
    assert history.validation == [pytest.approx(float(nn.functional.cross_entropy(logits, labels)), rel=1e-5)]


def test_two_heads_learn_kinds_and_brightness_from_one_trunk(split, drum_recordings):
    """Both well above what is known without listening; half of the descriptors are kept secret."""
    (x, labels), (x_out, labels_out), kinds, (rows, unheard) = split
    values = describe(drum_recordings.sounds, 44100, ("brightness",))["brightness"][:, None].float()
    values = (values - values[rows].mean(0)) / values[rows].std(0)
    known = values[rows]
    known[::2] = torch.nan
    torch.manual_seed(0)
    model = TwoHeads(trunk(32), 32, kinds, 1)
    history = train_two_heads(model, (x, labels, known), config(400))
    logits, found = (part.detach() for part in model(x_out))
    truth = values[unheard]
    explained = 1.0 - float((found - truth).square().sum() / (truth - truth.mean()).square().sum())
    linear = Ridge(1.0).fit(x[1::2].numpy(), known[1::2, 0].numpy()).score(x_out.numpy(), truth[:, 0].numpy())
    # Both came to listen: better than a line drawn through the same pictures, and than always the commonest kind.
    assert explained > linear > 0.5
    most_frequent = float((labels_out == labels.mode().values).float().mean())
    assert float((logits.argmax(1) == labels_out).float().mean()) > most_frequent + 0.1
    assert np.isfinite(history.training).all()
