"""The baseline has the shapes and sizes of the paper, and can be trained, saved and called like the others."""

import itertools

import pytest
import torch

from creativeml import models
from creativeml.errors import CreativeMLError
from creativeml.losses.adversarial import AdversarialConfig, AdversarialLoss
from creativeml.models.gans.wavegan import (
    WaveGAN,
    WaveGANConfig,
    WaveGANCritic,
    phase_shuffle,
)

SMALL = WaveGANConfig(kinds=("kick", "snare"), length_samples=1024, latent_dim=8, channels=4)


def count(module):
    return sum(p.numel() for p in module.parameters())


def expected_sizes(layers, latent, d=64, kernel=25):
    """Weights and biases counted by hand, for the unconditional networks."""
    sizes = [1] + [d * 2**n for n in range(layers)]
    pairs = list(itertools.pairwise(sizes))
    kernels = kernel * sum(a * b for a, b in pairs)
    dense = (latent + 1) * 16 * sizes[-1]
    return dense + kernels + sum(a for a, _ in pairs), kernels + sum(b for _, b in pairs) + 16 * sizes[-1] + 1


@pytest.mark.parametrize(
    ("length", "layers", "generator", "critic"),
    [
        (16384, 5, 19_065_345, 17_427_969),
        (65536, 6, 73_149_953, 69_875_201),
    ],
)
def test_parameter_counts_of_the_paper(length, layers, generator, critic):
    with torch.device("meta"):
        config = WaveGANConfig(conditional=False, length_samples=length)
        found = count(WaveGAN(config)), count(WaveGANCritic(config))
    assert found == expected_sizes(layers, 100)
    assert found == (generator, critic)


def test_layer_shapes_of_the_paper():
    """Channels and frames from layer to layer at 65,536 samples, without computing anything."""
    config = WaveGANConfig(conditional=False)
    with torch.device("meta"):
        generator, critic = WaveGAN(config), WaveGANCritic(config)
        shapes = []
        for network in (generator, critic):
            for layer in network.convolutions:
                layer.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
        assert generator.project.out_features == 16 * 2048
        sounds = generator(torch.zeros(2, 100), generator.condition_for(["kick", "tom"]))
        phase_free = WaveGANConfig(conditional=False, phase_shuffle=0)
        critic.config = phase_free
        scores = critic(critic.views(sounds), torch.zeros(2, 0))
    assert sounds.shape == (2, 65536) and scores.shape == (2, 1)
    up = [(1024, 64), (512, 256), (256, 1024), (128, 4096), (64, 16384), (1, 65536)]
    down = [(64, 16384), (128, 4096), (256, 1024), (512, 256), (1024, 64), (2048, 16)]
    assert shapes == up + down


def test_transposed_convolution_is_the_adjoint_of_the_critics():
    """Generator and critic cut their borders alike: <A x, y> = <x, A^T y> with shared weights."""
    generator, critic = WaveGAN(SMALL), WaveGANCritic(SMALL)
    up, down = generator.convolutions[-1], critic.convolutions[0]
    up.weight.data = down.weight.data.clone()
    x, y = torch.randn(1, 1, 1024), torch.randn(1, 4, 256)
    left = (torch.nn.functional.conv1d(x, down.weight, stride=4, padding=11) * y).sum()
    assert left.item() == pytest.approx((up(y) - up.bias[:, None]).mul(x).sum().item(), rel=1e-3, abs=1e-3)


def test_kind_latent_and_truncation_reach_the_sound():
    torch.manual_seed(0)
    model = WaveGAN(SMALL)
    latent = torch.randn(1, 8).expand(2, -1)
    kick, snare = model(latent, model.condition_for(["kick", "snare"]))
    assert model.noise_shapes() == () and model.condition_for(["snare"]).tolist() == [[0.0, 1.0]]
    assert (kick - snare).abs().max() > 1e-4
    calm = model(torch.randn(2, 8), model.condition_for(["kick", "kick"]), truncation=0.0)
    assert torch.equal(calm[0], calm[1])
    with pytest.raises(CreativeMLError, match="kinds: kick, snare"):
        model.condition_for(["gong"])


def test_latent_becomes_uniform():
    draws = torch.special.erf(torch.randn(20000, generator=torch.Generator().manual_seed(0)) * 0.5**0.5)
    ordered = (draws.sort().values + 1) / 2
    assert (ordered - torch.linspace(0, 1, 20000)).abs().max() < 0.015


def test_critic_hears_the_kind_only_if_conditional():
    torch.manual_seed(0)
    sounds = torch.randn(2, 1024)
    first, second = torch.eye(2), torch.eye(2).flip(0)
    silent_shift = WaveGANConfig(kinds=("kick", "snare"), length_samples=1024, channels=4, phase_shuffle=0)
    critic = WaveGANCritic(silent_shift)
    assert not torch.equal(critic([sounds], first), critic([sounds], second))
    plain = WaveGANCritic(WaveGANConfig(length_samples=1024, channels=4, conditional=False, phase_shuffle=0))
    assert torch.equal(plain([sounds], first[:, :0]), plain([sounds], second[:, :0]))


def test_phase_shuffle_shifts_and_mirrors():
    x = torch.arange(8.0).view(1, 1, 8)
    seen = {tuple(phase_shuffle(x, 2).flatten().tolist()) for _ in range(200)}
    assert seen == {
        (2, 1, 0, 1, 2, 3, 4, 5),
        (1, 0, 1, 2, 3, 4, 5, 6),
        tuple(range(8)),
        (1, 2, 3, 4, 5, 6, 7, 6),
        (2, 3, 4, 5, 6, 7, 6, 5),
    }
    assert phase_shuffle(x, 0) is x


def test_a_few_steps_of_wgan_gp_learn_the_level():
    """A tiny generator learns to be as quiet as the 'real' sounds."""
    torch.manual_seed(0)
    generator, critic = WaveGAN(SMALL), WaveGANCritic(SMALL)
    game = AdversarialLoss(
        AdversarialConfig("wasserstein", "gp", 10.0, penalty_every=1, drift_weight=0, overshoot_weight=0)
    )
    optimizers = [torch.optim.Adam(m.parameters(), 1e-3, (0.5, 0.9)) for m in (generator, critic)]
    condition = torch.eye(2).repeat(4, 1)
    with torch.no_grad():
        generator.convolutions[-1].bias.fill_(0.5)
    for _ in range(40):
        for _ in range(5):
            real, fake = [0.02 * torch.randn(8, 1024)], [generator(torch.randn(8, 8), condition).detach()]
            terms = game.critic(critic(real, condition), critic(fake, condition))
            terms |= game.penalty(lambda views: critic(views, condition), real, fake)
            optimizers[1].zero_grad()
            sum(terms.values()).backward()
            optimizers[1].step()
        optimizers[0].zero_grad()
        sounds = generator(torch.randn(8, 8), condition)
        sum(game.generator(critic(critic.views(sounds), condition), sounds).values()).backward()
        optimizers[0].step()
    assert generator(torch.randn(8, 8), condition).mean().abs() < 0.25


def test_saved_and_loaded(tmp_path):
    model = models.build("wavegan", kinds=("kick",), length_samples=1024, channels=2, latent_dim=4)
    models.save_pretrained(model, tmp_path)
    again = models.from_pretrained(tmp_path)
    latent, condition = torch.randn(2, 4), model.condition_for(["kick"] * 2)
    assert torch.equal(model(latent, condition), again(latent, condition))


def test_configurations_that_cannot_be_are_refused():
    for wrong in ({"length_samples": 1000}, {"kernel": 24}, {"kinds": ()}, {"phase_shuffle": -1}):
        with pytest.raises(ValueError):
            WaveGANConfig(**wrong)
