"""What is frozen stays to the bit, statistics included; the new layer learns; the model can be stored afterwards."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from creativeml import models
from creativeml.errors import CreativeMLError
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import SupervisedConfig, accuracy, train_supervised
from creativeml.training.transfer import (
    TransferConfig,
    freeze,
    last_layer,
    replace_last_layer,
    train_transfer,
    unfreeze,
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(1, 6, 5, padding=2),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        # Without weights of its own, but with statistics.
        nn.BatchNorm1d(6, affine=False),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool1d(4),
        nn.Flatten(),
        nn.Linear(24, 5),
    )


def pitches(rows, kinds):
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(kinds, (rows,), generator=random)
    time = torch.arange(64.0)
    phase = 6.28 * torch.rand(rows, 1, generator=random)
    return torch.sin(time * 0.2 * (1 + labels[:, None]) + phase)[:, None], labels


def config(*, frozen, **loop):
    return TransferConfig(SupervisedConfig(LoopConfig(steps=60, learning_rate=1e-2, **loop)), frozen=frozen)


@pytest.mark.parametrize("options", [{"weight_decay": 0.1}, {"optimizer": "momentum"}])
def test_frozen_weights_and_statistics_are_unchanged_bit_for_bit(options):
    model, data = network(), pitches(120, 3)
    train_supervised(model, pitches(120, 5), SupervisedConfig(LoopConfig(steps=20)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_transfer(model, data, 3, config(frozen=True, **options), validation=data)
    after = model.state_dict()
    assert after["7.weight"].shape == (3, 24)
    kept = [name for name in before if not name.startswith("7.")]
    assert {"1.running_mean", "1.num_batches_tracked", "3.running_var"} <= set(kept)
    assert all(torch.equal(before[name], after[name]) for name in kept)
    fresh = network()
    torch.manual_seed(0)
    assert not torch.equal(replace_last_layer(fresh, 3).weight, after["7.weight"])
    assert accuracy(model, *data) > 0.6


def test_what_is_not_frozen_learns_on():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_transfer(model, pitches(60, 3), 3, config(frozen=False))
    assert not any(torch.equal(before[name], value) for name, value in model.state_dict().items() if name[0] != "7")


def test_fine_tuning_after_a_frozen_run_thaws_it():
    model = network()
    train_transfer(model, pitches(60, 3), 3, config(frozen=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train_transfer(model, pitches(60, 4), 4, config(frozen=False))
    after = model.state_dict()
    assert not any(torch.equal(before[name], after[name]) for name in before if name[0] != "7")


def test_unfreezing_undoes_it():
    model = network()
    freeze(model)
    unfreeze(model)
    assert all(p.requires_grad for p in model.parameters())
    before = model[3].running_mean.clone()
    train_supervised(model, pitches(60, 5), SupervisedConfig(LoopConfig(steps=3)))
    assert not torch.equal(before, model[3].running_mean)


def test_a_resumed_run_ends_with_the_very_weights(tmp_path):
    data = pitches(60, 3)

    def run(steps, folder, resume=False):
        model = network()
        loop = LoopConfig(steps=steps, learning_rate=1e-2, batch_size=16, validate_every=5)
        train_transfer(model, data, 3, TransferConfig(SupervisedConfig(loop)), folder=folder, resume=resume)
        return model.state_dict()

    whole = run(20, tmp_path / "whole")
    run(10, tmp_path / "halves")
    halves = run(20, tmp_path / "halves", resume=True)
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_models_that_do_not_end_with_a_dense_layer_are_refused():
    with pytest.raises(CreativeMLError, match="its last one: Conv1d"):
        last_layer(nn.Sequential(nn.Linear(2, 3), nn.Conv1d(1, 2, 3)))
    with pytest.raises(CreativeMLError, match="its last one: none"):
        last_layer(nn.Sequential(nn.ReLU()))
    with pytest.raises(CreativeMLError, match="no number of classes"):
        replace_last_layer(models.build("nice", features=8, couplings=2, hidden=[8]), 3)


def test_the_configuration_follows_the_layer():
    @dataclass(frozen=True)
    class Config:
        classes: int = 5

    model = network()
    model.config = Config()
    replace_last_layer(model, 7)
    assert model.config.classes == 7 and model(torch.zeros(2, 1, 64)).shape == (2, 7)
