"""The distance from targets: its unit, its masks, its gradient."""

from __future__ import annotations

import math

import pytest
import torch

from creativeml.audio.descriptors import DESCRIPTORS, TIMBRE, DescriptorLoss, describe
from creativeml.errors import CreativeMLError

RATE = 44_100
QUICK = ("brightness", "spectral_centroid", "loudness")


def sounds(count: int = 3) -> torch.Tensor:
    time = torch.arange(4096, dtype=torch.float64) / RATE
    pitch = torch.tensor([200.0, 700.0, 3000.0], dtype=torch.float64)[:count, None]
    return 0.3 * torch.sin(2 * math.pi * pitch * time) * torch.exp(-time / 0.05)


def test_a_loss_of_one_is_one_just_noticeable_difference():
    values = describe(sounds(), RATE, QUICK, smooth=True)
    loss = DescriptorLoss(RATE, dict.fromkeys(QUICK, 1.0))
    assert float(loss(sounds(), values)) == pytest.approx(0, abs=1e-9)
    assert float(loss(sounds(), {"brightness": values["brightness"] + 5})) == pytest.approx(1)
    assert float(loss(sounds(), {"loudness": values["loudness"] - 3})) == pytest.approx(3)
    higher = {"spectral_centroid": values["spectral_centroid"] * 1.05**2}
    assert float(loss(sounds(), higher)) == pytest.approx(2, rel=0.3)


def test_weights_weigh_and_terms_are_named():
    values = describe(sounds(), RATE, QUICK, smooth=True)
    targets = {"brightness": values["brightness"] + 5, "loudness": values["loudness"] + 3}
    loss = DescriptorLoss(RATE, {"brightness": 3.0, "loudness": 1.0})
    assert {name: float(term) for name, term in loss.terms(sounds(), targets).items()} == pytest.approx(
        {"brightness": 1.0, "loudness": 3.0}
    )
    assert float(loss(sounds(), targets)) == pytest.approx((3 * 1 + 1 * 3) / 4)
    assert list(DescriptorLoss(RATE).weights) == list(TIMBRE)


def test_what_was_not_asked_for_does_not_count():
    values = describe(sounds(), RATE, ["brightness"], smooth=True)
    target = values["brightness"] + torch.tensor([10.0, 7.0, -20.0])
    target[1] = math.nan
    loss = DescriptorLoss(RATE, {"brightness": 1.0})
    leaf = sounds().requires_grad_()
    result = loss(leaf, {"brightness": target})
    result.backward()
    assert float(result.detach()) == pytest.approx((2 + 4) / 2)
    assert leaf.grad is not None and (leaf.grad[1] == 0).all() and (leaf.grad[[0, 2]] != 0).any(-1).all()
    assert float(loss(sounds(), {"brightness": torch.full((3,), math.nan)})) == 0
    assert float(loss(sounds(), {"brightness": torch.tensor(50.0)})) > 0  # one target for all


def test_descent_brings_a_sound_to_its_targets():
    leaf = sounds(1).requires_grad_()
    before = describe(leaf.detach(), RATE, QUICK)
    wanted = {"brightness": before["brightness"] + 10, "loudness": before["loudness"] + 3}
    loss = DescriptorLoss(RATE, dict.fromkeys(QUICK, 1.0))
    for step in range(40):
        (gradient,) = torch.autograd.grad(loss(leaf, wanted), leaf)
        leaf = (leaf - 6e-3 * (1 - step / 40) * gradient.sign()).detach().requires_grad_()
    after = describe(leaf.detach(), RATE, list(wanted))
    for name, value in after.items():
        assert float(value) == pytest.approx(float(wanted[name]), abs=DESCRIPTORS[name].jnd)


@pytest.mark.parametrize(
    ("weights", "targets", "message"),
    [
        ({}, None, "at least one descriptor"),
        ({"brightnes": 1.0}, None, "did you mean 'brightness'"),
        ({"brightness": 0.0}, None, "must be positive"),
        ({"brightness": math.nan}, None, "must be positive"),
        ({"brightness": 1.0}, {}, "a target for at least one"),
        ({"brightness": 1.0}, {"depth": torch.tensor(1.0)}, "'depth', which has no weight"),
    ],
)
def test_wrong_weights_and_targets_are_errors(weights, targets, message):
    with pytest.raises(CreativeMLError, match=message):
        DescriptorLoss(RATE, weights)(sounds(), targets)


def test_a_descriptor_of_which_nothing_was_asked_has_no_weight():
    sounds = torch.randn(2, 4410, generator=torch.Generator().manual_seed(0)) * 0.1
    own = describe(sounds, 44_100, ["brightness"], smooth=True)["brightness"]
    nothing = torch.full((2,), float("nan"))
    loss = DescriptorLoss(44_100)
    assert float(loss(sounds, {"brightness": own + 5.0, "depth": nothing})) == pytest.approx(1.0, rel=1e-3)
    assert float(loss(sounds, {"depth": nothing})) == 0.0
    with pytest.raises(CreativeMLError, match="target for brightness is infinite"):
        loss(sounds, {"brightness": float("inf")})
    with pytest.raises(CreativeMLError, match=r"target for brightness has shape \(3,\), the sounds \(2,\)"):
        loss(sounds, {"brightness": torch.zeros(3)})
