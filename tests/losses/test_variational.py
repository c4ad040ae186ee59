"""Variational terms against torch.distributions."""

import torch
from torch.distributions import Normal, kl_divergence

from creativeml.losses.variational import kl_standard_normal, sample_gaussian


def test_kl_equals_the_library_value():
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    posterior = Normal(mean, torch.exp(0.5 * log_variance))
    expected = kl_divergence(posterior, Normal(torch.zeros(5, 7), torch.ones(5, 7))).sum(-1)
    torch.testing.assert_close(kl_standard_normal(mean, log_variance), expected)


def test_samples_have_the_moments_asked_for_and_carry_gradients():
    torch.manual_seed(0)
    mean = torch.full((200_000, 1), 1.5, requires_grad=True)
    draw = sample_gaussian(mean, torch.full((200_000, 1), -1.0))
    assert abs(float(draw.detach().mean()) - 1.5) < 0.01
    assert abs(float(draw.detach().var()) - 0.3679) < 0.01
    draw.sum().backward()
    assert mean.grad is not None and bool((mean.grad == 1).all())
