"""Cost: counts in closed form, times that are real, memory that grows with what is held."""

import time

import pytest
import torch
from torch import nn

from creativeml.errors import CreativeMLError
from creativeml.evaluation.cost import (
    COSTS,
    NO_COST,
    Player,
    macs,
    measure_costs,
    parameter_count,
    peak_memory_mb,
)
from creativeml.models import build, save_pretrained


class Config:
    kinds = ("kick", "snare")
    latent_dim = 6


class Small(nn.Module):
    """One matrix and one strided convolution: what they cost is plain."""

    config = Config()

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6 + 2, 4 * 100, bias=False)
        self.second = nn.ConvTranspose1d(4, 1, 8, stride=8)

    def condition_for(self, kinds):
        return torch.eye(2)[[Config.kinds.index(kind) for kind in kinds]]

    def noise_shapes(self):
        return ((3,),)

    def forward(self, latent, condition, *, noise, truncation=1.0):
        assert noise[0].shape == (len(latent), 3)
        return self.second(self.first(torch.cat([latent, condition], 1)).view(-1, 4, 100))[:, 0]


def test_parameters_and_multiplications_in_closed_form():
    model = Small()
    assert parameter_count(model) == 8 * 400 + 4 * 8 + 1
    # The matrix, and for every one of 100 frames 4 channels times 8 samples.
    assert macs(model) == 8 * 400 + 100 * 4 * 8


def test_times_are_those_of_the_playing():
    def slow(seed):
        time.sleep(0.02)
        return torch.zeros(4410)

    def quick(seed):
        return torch.zeros(4410)

    turns = []
    players = {"slow": Player(slow, Small()), "quick": Player(quick), "a folder": None}
    costs = measure_costs(players, 44100, turns=2, calls=3, memory=False, tick=lambda: turns.append(1))
    assert len(turns) == 2 * 3
    assert 20 <= costs["slow"]["one_p50_ms"] <= costs["slow"]["one_p95_ms"] < 200
    assert costs["slow"]["times_real_time"] == pytest.approx(100 / costs["slow"]["one_p50_ms"])
    assert costs["quick"]["one_p50_ms"] < 5 and costs["quick"]["parameters"] is None
    assert costs["slow"]["macs"] == macs(players["slow"].model)
    assert costs["a folder"] == NO_COST == dict.fromkeys(COSTS)
    assert all(set(cost) == set(COSTS) for cost in costs.values())


def test_every_call_has_a_seed_of_its_own():
    seeds = []

    def play(seed):
        seeds.append(seed)
        return torch.zeros(100)

    measure_costs({"a": Player(play)}, 44100, turns=2, calls=2, memory=False)
    assert seeds == [1, 2, 3, 4, 5]


def test_memory_is_that_of_a_process_with_the_model(tmp_path):
    net = build("wavegan", kinds=("kick", "snare"), length_samples=16384, channels=64)
    save_pretrained(net, tmp_path / "model")
    costs = measure_costs({"net": Player(lambda seed: torch.zeros(16384), net, tmp_path / "model")}, 44100, turns=1)
    cost = costs["net"]
    if cost["idle_memory_mb"] is None:
        pytest.skip("the system tells no memory")
    weights_mb = 4 * parameter_count(net) / 2**20
    assert weights_mb > 50
    assert cost["idle_memory_mb"] + 0.8 * weights_mb < cost["peak_memory_mb"] < 3000


def test_work_that_fails_says_why():
    with pytest.raises(CreativeMLError, match=r"could not be measured: .*/nowhere/at/all"):
        peak_memory_mb("creativeml.evaluation.cost:play_from", "/nowhere/at/all")
