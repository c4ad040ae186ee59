"""The sparsity penalty is the divergence between Bernoulli distributions."""

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from creativeml.losses.sparsity import kl_sparsity


def test_is_the_divergence_of_torch_and_vanishes_at_the_target():
    torch.manual_seed(0)
    activations = torch.rand(50, 7, dtype=torch.float64)
    expected = kl_divergence(Bernoulli(torch.tensor(0.1, dtype=torch.float64)), Bernoulli(activations.mean(0))).sum()
    assert kl_sparsity(activations, 0.1).item() == pytest.approx(expected.item(), rel=1e-9)
    assert abs(kl_sparsity(torch.full((3, 4), 0.2), 0.2).item()) < 1e-6


def test_units_that_are_never_active_have_a_finite_gradient():
    activations = torch.zeros(4, 2, requires_grad=True)
    loss = kl_sparsity(activations, 0.05)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(activations.grad).all()


def test_impossible_targets_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        kl_sparsity(torch.rand(3, 2), 1.0)
