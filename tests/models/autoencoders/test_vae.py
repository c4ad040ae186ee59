"""The bound of the variational autoencoder is a bound, and exact where it can be."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal

from creativeml.models.autoencoders.vae import VAE, VAEConfig


def data(count=400, features=6):
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn(2, features, generator=random, dtype=torch.float64) * torch.tensor([[3.0], [1.5]]).double()
    latent = torch.randn(count, 2, generator=random, dtype=torch.float64)
    return latent @ mixing + 0.5 * torch.randn(count, features, generator=random, dtype=torch.float64) + 1.0


def test_bound_of_a_linear_model_reaches_the_likelihood_of_probabilistic_pca():
    torch.manual_seed(0)
    x, kept = data(), 2
    # Tipping and Bishop (1999), equation 8, at the maximum: the largest eigenvalues and the mean of the others.
    covariance = np.cov(x.numpy().T, bias=True)
    eigenvalues = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    features, rest = len(eigenvalues), eigenvalues[kept:].mean()
    best = -0.5 * (
        features * math.log(2 * math.pi)
        + np.log(eigenvalues[:kept]).sum()
        + (features - kept) * math.log(rest)
        + features
    )
    assert PCA(kept).fit(x.numpy()).score(x.numpy()) == pytest.approx(best, abs=0.02)
    model = VAE(VAEConfig(features, (), kept)).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=600, line_search_fn="strong_wolfe", tolerance_change=1e-12)

    def loss():
        optimizer.zero_grad()
        value = -model(x).mean()
        value.backward()
        return value

    before = model(x).mean().item()
    optimizer.step(loss)
    reached = model(x).mean().item()
    assert before < best - 1.0 and reached <= best + 1e-6
    assert reached == pytest.approx(best, abs=1e-3)
    assert math.exp(model.log_noise_variance.item()) == pytest.approx(rest, rel=1e-2)


def test_exact_bound_of_a_linear_model_is_the_mean_over_draws_and_below_the_likelihood():
    torch.manual_seed(1)
    model, x = VAE(VAEConfig(5, (), 2)).double(), torch.randn(3, 5, dtype=torch.float64)
    mean, log_variance = model.encode(x)
    draws = mean + torch.exp(0.5 * log_variance) * torch.randn(40_000, 3, 2, dtype=torch.float64)
    likelihood = torch.distributions.Normal(model.decode(draws), torch.exp(0.5 * model.log_noise_variance)).log_prob(x)
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(model(x), likelihood.sum(2).mean(0) - kl, atol=0.05)
    weight, bias = model.decoder[-1].weight, model.decoder[-1].bias
    covariance = weight @ weight.T + model.log_noise_variance.exp() * torch.eye(5, dtype=torch.float64)
    assert (model(x) < MultivariateNormal(bias, covariance).log_prob(x)).all()


def test_deep_bound_is_that_of_torch_distributions():
    torch.manual_seed(2)
    model, x, noise = VAE(VAEConfig(5, (7,), 2)), torch.randn(4, 5), torch.randn(4, 2)
    mean, log_variance = model.encode(x)
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    decoded = model.decode(mean + posterior.stddev * noise)
    kl = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    expected = torch.distributions.Normal(decoded, 1.0).log_prob(x).sum(1) - kl
    assert torch.allclose(model(x, noise), expected, atol=1e-5)
    assert not torch.equal(model(x), model(x)), "without noise given, every bound draws its own"


def test_samples_are_repeatable():
    model = VAE(VAEConfig(5, (7,), 2)).eval()
    draw = [model.sample(3, generator=torch.Generator().manual_seed(4)) for _ in range(2)]
    assert draw[0].shape == (3, 5) and torch.equal(*draw)
    with pytest.raises(ValueError, match="latent_dim"):
        VAEConfig(latent_dim=0)
