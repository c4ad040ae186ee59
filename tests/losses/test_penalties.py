"""Weight penalties by their definitions and by what they do."""

import pytest
import torch
from torch import nn

from creativeml.losses.penalties import l1_penalty, l2_penalty, weights


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 3, 5), nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(12, 4))


def test_they_are_the_sums_over_weights_without_biases_and_norms():
    net = network()
    flat = torch.cat([net[0].weight.flatten(), net[3].weight.flatten()])
    assert l1_penalty(net).item() == pytest.approx(flat.abs().sum().item(), rel=1e-6)
    assert l2_penalty(net).item() == pytest.approx(0.5 * flat.dot(flat).item(), rel=1e-6)
    (l1_penalty(net) + l2_penalty(net)).backward()
    assert net[0].bias.grad is None and net[1].weight.grad is None
    torch.testing.assert_close(net[3].weight.grad, net[3].weight.sign() + net[3].weight)


def test_a_step_with_the_squared_penalty_is_weight_decay():
    ours, theirs = nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(10, 6)
    first = torch.optim.SGD(ours.parameters(), 0.1)
    second = torch.optim.SGD(theirs.parameters(), 0.1, weight_decay=0.3)
    for _ in range(5):
        for net, optimizer, penalty in ((ours, first, 0.3 * l2_penalty(ours)), (theirs, second, 0.0)):
            optimizer.zero_grad()
            (net(x).square().mean() + penalty).backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-5, atol=1e-6)


def test_magnitudes_make_weights_vanish_and_squares_make_them_small():
    """With orthonormal inputs both have closed forms: soft thresholding, and division by 1 + strength."""
    torch.manual_seed(0)
    truth, strength = torch.tensor([3.0, -2.0, 0.3, 0.1, -0.2]), 0.5
    found = {}
    for name, penalty in (("l1", l1_penalty), ("l2", l2_penalty)):
        net = nn.Linear(5, 1, bias=False)
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        for _ in range(2000):
            optimizer.zero_grad()
            (0.5 * (net(torch.eye(5))[:, 0] - truth).square().sum() + strength * penalty(net)).backward()
            optimizer.step()
        found[name] = net.weight.detach()[0]
    soft = truth.sign() * (truth.abs() - strength).clamp_min(0.0)
    torch.testing.assert_close(found["l1"], soft, rtol=0, atol=0.02)
    torch.testing.assert_close(found["l2"], truth / (1 + strength), rtol=0, atol=1e-3)


def test_frozen_weights_do_not_count_and_a_network_without_any_is_refused():
    net = network()
    net[0].requires_grad_(False)
    assert [w.shape for w in weights(net)] == [(4, 12)]
    with pytest.raises(ValueError, match="Sigmoid"):
        l1_penalty(nn.Sigmoid())
