"""The identity forwards, the gradient turned round backwards; heads that share a trunk."""

import pytest
import torch
from torch import nn

from creativeml.layers.gradient_reversal import reverse_gradient
from creativeml.layers.shared_trunk import DomainAdversarial, TwoHeads


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.0])
def test_values_stay_and_gradients_turn_round(strength):
    x = torch.randn(4, 3, requires_grad=True)
    weight = torch.randn(4, 3)
    assert torch.equal(reverse_gradient(x, strength), x)
    (plain,) = torch.autograd.grad((x.square() * weight).sum(), x)
    (turned,) = torch.autograd.grad((reverse_gradient(x, strength).square() * weight).sum(), x)
    torch.testing.assert_close(turned, -strength * plain)


def test_the_domain_head_goes_down_its_loss_and_the_trunk_up():
    """After one plain step of either part alone the domain is told better, and worse."""
    torch.manual_seed(0)
    x, domain = torch.randn(32, 4), (torch.arange(32) % 2).float()

    def domain_loss(model):
        return nn.functional.binary_cross_entropy_with_logits(model.with_domain(x, 1.0)[1], domain)

    for part, better in (("domain", True), ("trunk", False)):
        torch.manual_seed(1)
        model = DomainAdversarial(nn.Linear(4, 5), 5, 3)
        before = domain_loss(model)
        before.backward()
        with torch.no_grad():
            for parameter in getattr(model, part).parameters():
                parameter -= 0.05 * parameter.grad
        assert (domain_loss(model) < before) == better
    assert all(p.grad is None for p in model.kinds.parameters())


def test_each_head_hears_of_its_own_loss_and_the_trunk_of_both():
    model = TwoHeads(nn.Linear(4, 5), 5, 3, 2)
    logits, values = model(torch.randn(6, 4))
    assert logits.shape == (6, 3) and values.shape == (6, 2)
    gradients = []
    for output in (logits, values):
        model.zero_grad()
        output.square().sum().backward(retain_graph=True)
        gradients.append({name: p.grad is not None and bool(p.grad.any()) for name, p in model.named_parameters()})
    assert [g["trunk.weight"] for g in gradients] == [True, True]
    assert [g["kinds.weight"] for g in gradients] == [True, False]
    assert [g["values.weight"] for g in gradients] == [False, True]
