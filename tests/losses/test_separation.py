"""The affinity loss in low-rank form is the dense one; the distortion ratio is what it says."""

import math

import pytest
import torch
import torch.nn.functional as F

from creativeml.losses.separation import affinity_loss, si_sdr


def points():
    torch.manual_seed(0)
    embedding = F.normalize(torch.randn(2, 40, 5, dtype=torch.float64), dim=2)
    return embedding, F.one_hot(torch.randint(3, (2, 40)), 3), torch.rand(2, 40, dtype=torch.float64)


def test_low_rank_form_equals_the_matrices_of_all_pairs():
    v, y, w = points()
    dense = (v @ v.transpose(1, 2) - y.double() @ y.double().transpose(1, 2)).square()
    assert affinity_loss(v, y).item() == pytest.approx(dense.mean().item(), rel=1e-9)
    pairs = w[:, :, None] * w[:, None, :]
    weighted = (pairs * dense).sum((1, 2)) / w.sum(1).square()
    assert affinity_loss(v, y, w).item() == pytest.approx(weighted.mean().item(), rel=1e-9)


def test_gradients_are_those_of_the_dense_form():
    v, y, _ = points()
    v.requires_grad_()
    dense = (v @ v.transpose(1, 2) - (y @ y.transpose(1, 2)).double()).square().mean()
    (expected,) = torch.autograd.grad(dense, v)
    assert torch.allclose(torch.autograd.grad(affinity_loss(v, y), v)[0], expected, atol=1e-12)


def test_perfect_groups_cost_nothing_whatever_their_order():
    _, y, w = points()
    assert abs(affinity_loss(y[..., [2, 0, 1]].double(), y, w).item()) < 1e-12


def test_distortion_ratio_ignores_level_and_counts_what_is_orthogonal():
    time = torch.arange(1000) / 1000.0
    target, other = torch.sin(2 * math.pi * 5 * time), torch.sin(2 * math.pi * 9 * time)
    for gain in (0.01, 1.0, 30.0):
        assert si_sdr(gain * (target + 0.1 * other), target).item() == pytest.approx(20.0, abs=0.05)
    assert si_sdr(torch.stack([target, other]), target)[0] > 60 > -60 > si_sdr(other, target)
    assert torch.isfinite(si_sdr(torch.zeros(10), torch.zeros(10)))
