"""Losses equal the negative log-likelihoods of torch.distributions."""

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Normal

from creativeml.losses.likelihood import bernoulli_nll, categorical_nll, gaussian_nll, gaussian_nll_with_variance


@pytest.fixture
def draws():
    random = torch.Generator().manual_seed(0)
    return [torch.randn(7, 5, generator=random, dtype=torch.float64) for _ in range(3)]


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("deviation", [0.2, 1.0, 3.0])
def test_gaussian_of_known_deviation(draws, deviation):
    mean, target, _ = draws
    close(gaussian_nll(mean, target, deviation=deviation), -Normal(mean, deviation).log_prob(target))


def test_gaussian_of_mean_and_variance_in_value_and_slope(draws):
    mean, target, log_variance = (x.requires_grad_() for x in draws)
    ours = gaussian_nll_with_variance(mean, log_variance, target)
    theirs = -Normal(mean, torch.exp(0.5 * log_variance)).log_prob(target)
    close(ours, theirs)
    wanted = (mean, log_variance)
    for a, b in zip(torch.autograd.grad(ours.sum(), wanted), torch.autograd.grad(theirs.sum(), wanted), strict=True):
        close(a, b)


def test_the_best_variance_is_that_of_the_errors():
    errors = torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3.0
    log_variance = errors.square().mean().log().requires_grad_()
    gaussian_nll_with_variance(torch.zeros(1000).double(), log_variance.expand(1000), errors).sum().backward()
    assert log_variance.grad.abs() < 1e-9


def test_bernoulli_and_where_a_sigmoid_would_be_one(draws):
    logits, target = draws[0], (draws[1] > 0).double()
    close(bernoulli_nll(logits, target), -Bernoulli(logits=logits).log_prob(target))
    assert bernoulli_nll(torch.tensor(200.0), torch.tensor(0.0)).item() == pytest.approx(200.0)


def test_categorical(draws):
    logits, target = draws[0].reshape(7, 5), torch.arange(7) % 5
    close(categorical_nll(logits, target), -Categorical(logits=logits).log_prob(target))


def test_shapes_that_would_be_broadcast_are_refused():
    row, column = torch.zeros(4), torch.zeros(4, 1)
    for refused in (
        lambda: gaussian_nll(row, column),
        lambda: gaussian_nll_with_variance(row, column, row),
        lambda: bernoulli_nll(column, row),
        lambda: categorical_nll(torch.zeros(4, 3), torch.zeros(4, 1, dtype=torch.long)),
    ):
        with pytest.raises(ValueError, match=r"\(4"):
            refused()
    with pytest.raises(ValueError, match="above 0"):
        gaussian_nll(row, row, deviation=0.0)
