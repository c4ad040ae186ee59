"""The mel autoencoder: its bound against distributions of torch, its pictures, and what it refuses."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from creativeml.audio.features import MelSpectrogram
from creativeml.data.starter import starter_sounds
from creativeml.models.autoencoders.mel_vae import MelVAE, MelVAEConfig
from creativeml.training.likelihood import train_likelihood
from creativeml.training.minibatches import LoopConfig

SMALL = MelVAEConfig(bands=16, frames=16, latent_dim=3, channels=(4, 8), hidden_dim=8)


def test_the_bound_is_that_of_the_distributions_it_names():
    torch.manual_seed(0)
    model = MelVAE(SMALL)
    with torch.no_grad():
        model.log_noise_variance.fill_(-0.7)
    mels, noise = 3.0 * torch.rand(5, 16, 16), torch.randn(5, 3)
    mean, log_variance = model.encode(mels)
    posterior = Normal(mean, torch.exp(0.5 * log_variance))
    pictures = model.decode(mean + posterior.scale * noise)
    surprise = -Normal(pictures, math.exp(-0.35)).log_prob(mels).sum((1, 2))
    wanted = -surprise - kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(model(mels, noise), wanted, rtol=1e-5, atol=1e-3)


def test_it_learns_drums_and_its_pictures_become_sounds():
    """After 150 steps on 40 real sounds, reconstructions are nearer than the mean picture, and can be heard."""
    pack = starter_sounds(length_samples=65536)
    sounds = pack.sounds[:: len(pack.sounds) // 40][:40]
    mel = MelSpectrogram()
    pictures = mel(sounds)
    torch.manual_seed(0)
    model = MelVAE(MelVAEConfig(latent_dim=8, channels=(8, 16, 32, 32), hidden_dim=32))
    history = train_likelihood(model, pictures, LoopConfig(steps=150, batch_size=20, learning_rate=2e-2))
    assert history.training[-1] < history.training[0]
    with torch.no_grad():
        again = model.reconstruct(pictures)
        left = (again - pictures).square().mean()
    assert float(left) < 0.6 * float((pictures - pictures.mean(0)).square().mean())
    made = mel.to_sound(again[:2].clamp(min=0.0), samples=65536, iterations=8)
    assert made.shape == (2, 65536) and float(made.abs().max()) > 0.05
    assert model.sample(2, generator=torch.Generator().manual_seed(1)).min() >= 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bands": 24}, "multiples of 16"),
        ({"channels": ()}, "channels"),
        ({"scale": 0.0}, "scale"),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_shapes_that_cannot_be_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        MelVAEConfig(**fields)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(b, 16, 16\)"):
        MelVAE(SMALL)(torch.zeros(2, 16, 8))
