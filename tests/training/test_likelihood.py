"""Likelihoods rise: on drums a flow and a VAE beat one Gaussian for each number, and few rows are learnt by heart."""

import math

import pytest
import torch

from creativeml.models.autoencoders.vae import VAE, VAEConfig
from creativeml.models.flows.glow import Glow, GlowConfig
from creativeml.models.flows.nice import NICE, NICEConfig
from creativeml.training.likelihood import train_likelihood
from creativeml.training.minibatches import LoopConfig


def split(x, pack):
    known, unheard = pack.split()
    x = x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    x = 5.0 * (x - x[known].mean(0))
    return x[known], x[unheard]


@pytest.mark.parametrize("name", ["vae", "nice", "glow"])
def test_unheard_drums_are_likelier_than_under_independent_gaussians(drum_pictures, drum_recordings, name):
    known, unheard = split(drum_pictures[0], drum_recordings)
    torch.manual_seed(0)
    if name == "vae":
        model = VAE(VAEConfig(128, (64,), 6))
    elif name == "nice":
        model = NICE(NICEConfig(128, 4, (64,), "gaussian"))
    else:
        model = Glow(GlowConfig((1, 16, 8), 2, 3, 16))
        known, unheard = (x.view(-1, 1, 16, 8) for x in (known, unheard))
    config = LoopConfig(steps=400, batch_size=50, learning_rate=3e-3, validate_every=50, patience=4)
    train_likelihood(model, known, config, validation=unheard)
    independent = torch.distributions.Normal(known.mean(0), known.std(0)).log_prob(unheard).flatten(1).sum(1)
    with torch.no_grad():
        found = model.evidence(unheard)
    assert found.mean() > independent.mean() + 0.2 * 128, "at least 0.2 nats a number"


def test_a_flow_finds_the_scale_of_independent_gaussians():
    torch.manual_seed(0)
    scale = torch.tensor([0.5, 2.0, 4.0, 1.0])
    x = scale * torch.randn(2000, 4)
    model = NICE(NICEConfig(4, 2, (8,), "gaussian"))
    history = train_likelihood(model, x, LoopConfig(steps=600, batch_size=200, learning_rate=1e-2, validate_every=600))
    entropy = (0.5 * math.log(2 * math.pi * math.e) + scale.log()).mean().item()
    assert model.evidence(x).mean().item() / 4 == pytest.approx(-entropy, abs=0.03)
    assert history.steps == [600]
