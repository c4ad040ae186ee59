"""Evolution finds the latent of a known sound where gradients say nothing."""

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.synthesis.latent_search import LatentSearchConfig, search_latent


def decaying_sines(latents):
    """A closed form: pitch, decay and level of a drum from three numbers."""
    time = torch.arange(2048) / 8000.0
    pitch, decay, level = (latents[:, n, None] for n in range(3))
    return torch.exp(0.3 * level - time * 20.0 * torch.exp(0.5 * decay)) * torch.sin(1000.0 * torch.exp(0.3 * pitch) * time)


def coarse(sounds):
    """Zero crossings, and the length and level in whole steps: flat almost everywhere."""
    crossings = (sounds[:, 1:] * sounds[:, :-1] < 0).sum(1).float()
    length = (sounds.abs() > 0.05).sum(1).div(20, rounding_mode="floor")
    return torch.stack([crossings, length, (20 * sounds.abs().amax(1)).floor()], dim=1)


def test_finds_a_sound_by_figures_without_a_gradient():
    target = coarse(decaying_sines(torch.tensor([[0.7, -0.8, 0.5]])))
    config = LatentSearchConfig(generations=40, population=24)

    def distance(latents):
        return (coarse(decaying_sines(latents)) - target).abs().sum(1)

    probe = torch.zeros(1, 3, requires_grad=True)
    assert not torch.autograd.grad(distance(probe).sum(), probe)[0].any(), "there is no gradient to follow"
    found = search_latent(distance, 3, config)
    assert found.distance <= 1.0 < 0.2 * found.start
    assert distance(found.latent[None]).item() == found.distance
    assert found.latent[0].item() == pytest.approx(0.7, abs=0.1)
    chance = distance(torch.randn(found.evaluations, 3, generator=torch.Generator().manual_seed(1))).min()
    assert found.distance <= chance


def test_is_repeatable_and_stays_within_bounds():
    config = LatentSearchConfig(generations=5, population=8, bound=1.0)
    runs = [search_latent(lambda z: (z - 3.0).square().sum(1), 4, config) for _ in range(2)]
    assert torch.equal(runs[0].latent, runs[1].latent)
    assert runs[0].latent.abs().max() <= 1.0 and runs[0].evaluations == 8 * 6


def test_bundled_generator_comes_nearer_to_a_target_of_its_own():
    import creativeml
    from creativeml.audio.log_mel import log_mel

    drums = creativeml.load("drums")
    model = drums.model
    condition = model.condition_for(["snare"])
    noise = [torch.zeros(1, *shape) for shape in model.noise_shapes()]

    def picture(latents):
        with torch.no_grad():
            sounds = model(latents, condition.expand(len(latents), -1), noise=[n.expand(len(latents), *n.shape[1:]) for n in noise])
        return log_mel(sounds[:, :16384], drums.sample_rate, hop_samples=1024).flatten(1)

    random = torch.Generator().manual_seed(5)
    target = picture(torch.randn(1, model.config.latent_dim, generator=random))
    found = search_latent(
        lambda z: (picture(z) - target).abs().mean(1), model.config.latent_dim, LatentSearchConfig(6, 8)
    )
    assert found.evaluations == 56 and found.distance < found.start


def test_figures_that_are_no_numbers_are_refused():
    with pytest.raises(CreativeMLError, match="not a number"):
        search_latent(lambda z: z[:, 0] * float("nan"), 2, LatentSearchConfig(1, 5))
    with pytest.raises(ValueError, match="population"):
        LatentSearchConfig(population=2)
