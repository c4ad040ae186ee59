"""What brightness, depth, roughness and hardness promise alike: the reference's values, and gradients that lead
somewhere."""

from __future__ import annotations

import pytest
import torch

from creativeml.audio.descriptors import brightness, depth, hardness, roughness
from creativeml.audio.descriptors.front_end import Prepared

RATE = 44_100
# Twice the median error of the exact face, and the coefficient of determination of the smooth one, that are allowed.
ASKED = {brightness: (0.05, 0.995), depth: (0.1, 0.97), roughness: (0.05, 0.97), hardness: (1.0, 0.9)}

pytestmark = pytest.mark.parametrize("descriptor", ASKED, ids=lambda module: module.__name__.rpartition(".")[2])


def values(sounds, face):
    with torch.no_grad():
        return torch.stack([face(sound.samples, sound.rate) for sound in sounds])


def reference(sounds, descriptor):
    name = descriptor.__name__.rpartition(".")[2]
    return torch.tensor([sound.reference[name] for sound in sounds])


def test_exact_gives_the_values_of_the_reference(descriptor, starter):
    sounds = starter(24)
    error = (values(sounds, descriptor.exact) - reference(sounds, descriptor)).abs()
    assert error.median() < ASKED[descriptor][0] / 2 and error.max() < max(1.0, 2 * ASKED[descriptor][0])


def test_smooth_is_close_to_the_reference(descriptor, starter):
    sounds = starter(6)
    expected = reference(sounds, descriptor)
    error = values(sounds, descriptor.smooth) - expected
    assert 1 - error.square().sum() / (expected - expected.mean()).square().sum() > ASKED[descriptor][1]


def test_batches_give_what_single_sounds_give(descriptor, starter):
    batch = torch.stack([sound.samples[:8000] for sound in starter(8) if len(sound.samples) >= 8000][:6])
    batch = batch.reshape(2, 3, 8000)
    for face in (descriptor.exact, descriptor.smooth):
        together = face(batch, RATE)
        assert together.shape == (2, 3) and together.dtype == torch.float32
        torch.testing.assert_close(together[1, 2], face(batch[1, 2], RATE), atol=5e-3, rtol=0)
        prepared = Prepared(batch, RATE)
        torch.testing.assert_close(face(batch, RATE, prepared=prepared), together, atol=5e-3, rtol=0)


def test_neither_gain_nor_polarity_matter(descriptor, starter):
    sound = next(s for s in starter(1) if s.path.startswith("snare/"))
    for face in (descriptor.exact, descriptor.smooth):
        there, back = face(torch.stack([sound.samples, -0.1 * sound.samples]), sound.rate)
        torch.testing.assert_close(there, back, atol=2e-2, rtol=0)


@pytest.mark.parametrize("samples", [441, 3000, 20_000])
def test_silence_and_dc_are_finite_with_gradients(descriptor, samples):
    levels = torch.tensor([0.0, 1e-9, 0.5])
    sounds = levels[:, None].expand(-1, samples).clone().requires_grad_()
    assert descriptor.exact(sounds.detach(), RATE).isfinite().all()
    points = descriptor.smooth(sounds, RATE)
    points.sum().backward()
    assert points.isfinite().all() and sounds.grad.isfinite().all()


def test_gradient_is_that_of_the_function(descriptor):
    generator = torch.Generator().manual_seed(0)
    fall = torch.exp(-torch.arange(900, dtype=torch.float64) / 150)
    sound = (torch.randn(900, generator=generator, dtype=torch.float64) * fall).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: descriptor.smooth(x, RATE), (sound,), fast_mode=True)


# Snares with room in the direction asked for, and the step of Adam. Roughness falls slowly: the noise of most snares is
# so dense that a hundred steps take only 4 to 8 points away.
CLIMBS = {
    (roughness, 1): ("snare/sn_zome.flac", 1e-2),
    (roughness, -1): ("snare/sn_zome.flac", 1e-2),
    (hardness, 1): ("snare/elec_snare.flac", 5e-3),
}


@pytest.mark.parametrize("direction", [1, -1])
def test_following_the_gradient_changes_a_snare(descriptor, starter, direction):
    path, rate = CLIMBS.get((descriptor, direction), ("snare/drum_snare_hard.flac", 5e-3))
    snare = next(s for s in starter(1) if s.path == path)
    start = snare.samples[:8000] / snare.samples.abs().max()
    sound = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([sound], lr=rate)
    before, change = descriptor.exact(start, snare.rate), 0.0
    for step in range(100):
        optimizer.zero_grad()
        (-direction * descriptor.smooth(sound, snare.rate)).backward()
        optimizer.step()
        if step % 10 == 9:
            change = direction * float(descriptor.exact(sound.detach(), snare.rate) - before)
            if change >= 10:
                break
    assert change >= 10
