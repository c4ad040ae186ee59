"""A generator adapted to a recording: nearer by a few numbers, itself untouched."""

import math

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.losses.matching import Match
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
from creativeml.synthesis.adaptation import adapt, vectors_of, with_vectors

RATE = 44100


def model(seed: int = 0) -> StyleWaveGAN:
    """A small generator with random weights, whose bands differ from sound to sound."""
    torch.manual_seed(seed)
    made = StyleWaveGAN(
        StyleWaveGANConfig(kinds=("kick", "snare"), length_samples=16384, latent_dim=4, style_dim=8, channels=(12,) * 3)
    )
    with torch.no_grad():
        for level in made.levels:
            level.to_gain.weight.normal_(0, 1.0)
        made.level -= torch.linspace(0, 6, made.config.level_frames)
    return made.eval().requires_grad_(False)


def inputs(made: StyleWaveGAN, seed: int):
    random = torch.Generator().manual_seed(seed)
    latent = torch.randn(1, 4, generator=random)
    return latent, [torch.randn(1, *shape, generator=random) for shape in made.noise_shapes()]


def test_the_vectors_are_few_and_one_per_channel():
    made = model()
    vectors = vectors_of(made)
    assert {"levels.0.biases.0", "levels.1.noises.0.strength", "mapping.layers.0.bias"} <= vectors.keys()
    assert not any(name.endswith("weight") for name in vectors)
    full = StyleWaveGAN(StyleWaveGANConfig())
    share = sum(v.numel() for v in vectors_of(full).values()) / sum(p.numel() for p in full.parameters())
    assert 0.001 < share < 0.01


@torch.no_grad()
def test_a_model_that_has_played_goes_part_of_the_way_and_stays_as_it_was():
    made, condition = model(), torch.tensor([[0.0, 1.0]])
    latent, noise = inputs(made, 1)
    before = made(latent, condition, noise=noise)
    others = {name: torch.randn_like(vector) for name, vector in vectors_of(made).items()}
    for share in (0.0, 0.25, 1.0):
        for name, vector in vectors_of(with_vectors(made, others, share)).items():
            torch.testing.assert_close(vector, torch.lerp(vectors_of(made)[name], others[name], share))
    assert torch.equal(with_vectors(made, others, 0.0)(latent, condition, noise=noise), before)
    assert not torch.equal(with_vectors(made, others)(latent, condition, noise=noise), before)
    assert torch.equal(made(latent, condition, noise=noise), before)


def test_adapting_comes_nearer_and_gives_what_makes_the_sound_again():
    made, other, condition = model(), model(seed=7), torch.tensor([[0.0, 1.0]])
    latent, noise = inputs(made, 1)
    with torch.no_grad():
        # Of another generator, so that no latent of this one makes it.
        recording = other(*[inputs(other, 5)[0], torch.tensor([[1.0, 0.0]])], noise=inputs(other, 5)[1])[0]
    match, steps = Match(recording, RATE), []
    weights = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    found = adapt(made, latent, condition, noise, match.distance, 25, lambda done, total: steps.append((done, total)))
    assert steps == [(n, 25) for n in range(1, 26)]
    with torch.no_grad():
        start = float(match.distance(made(latent, condition, noise=noise)))
        adapted = with_vectors(made, found.vectors)
        end = float(match.distance(adapted(found.latent[None], condition, noise=noise)))
    assert end < 0.6 * start and found.steps == 25
    assert all(torch.equal(tensor, weights[name]) for name, tensor in made.state_dict().items())
    again = adapt(made, latent, condition, noise, match.distance, 25)
    assert torch.equal(again.latent, found.latent)
    assert all(torch.equal(again.vectors[name], vector) for name, vector in found.vectors.items())
    untouched = adapt(made, latent, condition, noise, match.distance, 0)
    assert torch.equal(untouched.latent[None], latent)
    assert all(torch.equal(untouched.vectors[name], vector) for name, vector in vectors_of(made).items())


def test_numbers_that_cease_to_be_finite_end_it_with_what_was_found():
    made, condition = model(), torch.tensor([[0.0, 1.0]])
    latent, noise = inputs(made, 1)
    calls = []

    def away(sounds):
        calls.append(1)
        return sounds.square().mean(1) * (math.nan if len(calls) > 3 else 1.0)

    found = adapt(made, latent, condition, noise, away, 25)
    assert found.steps == 3 and bool(found.latent.isfinite().all())
    with pytest.raises(CreativeMLError, match="broken sound"):
        adapt(made, latent, condition, noise, away, 25)
