"""What sharpness, boominess and warmth promise alike: the reference's values, and gradients that lead somewhere."""

from __future__ import annotations

import pytest
import torch

from creativeml.audio.descriptors import boominess, sharpness, warmth
from creativeml.audio.descriptors.front_end import Prepared

RATE = 44_100
SILENT = {sharpness: -68.07, boominess: -38.71, warmth: 39.40}

pytestmark = pytest.mark.parametrize("descriptor", SILENT, ids=lambda module: module.__name__.rpartition(".")[2])


def values(sounds, face):
    return torch.stack([face(sound.samples, sound.rate) for sound in sounds])


def reference(sounds, descriptor):
    name = descriptor.__name__.rpartition(".")[2]
    return torch.tensor([sound.reference[name] for sound in sounds])


def test_exact_gives_the_values_of_the_reference(descriptor, starter):
    sounds = starter(12)
    assert len(sounds) == 16
    error = (values(sounds, descriptor.exact) - reference(sounds, descriptor)).abs()
    assert error.median() < 0.01 and error.max() < 1


def test_smooth_is_close_to_the_reference(descriptor, starter):
    sounds = starter(6)
    expected = reference(sounds, descriptor)
    error = values(sounds, descriptor.smooth) - expected
    assert 1 - error.square().sum() / (expected - expected.mean()).square().sum() > 0.98
    assert error.abs().median() < 0.3


def test_batches_give_what_single_sounds_give(descriptor, starter):
    length = min(len(sound.samples) for sound in starter(12))
    batch = torch.stack([sound.samples[:length] for sound in starter(12)[:6]]).reshape(2, 3, length)
    for face in (descriptor.exact, descriptor.smooth):
        together = face(batch, RATE)
        assert together.shape == (2, 3) and together.dtype == torch.float32
        torch.testing.assert_close(together[1, 2], face(batch[1, 2], RATE), atol=2e-3, rtol=0)
        prepared = Prepared(batch, RATE)
        torch.testing.assert_close(face(batch, RATE, prepared=prepared), together, atol=2e-3, rtol=0)


def test_neither_gain_nor_polarity_matter(descriptor, starter):
    sound = starter(12)[8]
    quiet = -0.1 * sound.samples
    for face in (descriptor.exact, descriptor.smooth):
        torch.testing.assert_close(face(quiet, sound.rate), face(sound.samples, sound.rate), atol=5e-3, rtol=0)


def test_gradient_is_that_of_the_function(descriptor):
    generator = torch.Generator().manual_seed(0)
    fall = torch.exp(-torch.arange(600, dtype=torch.float64) / 150)
    sound = (torch.randn(600, generator=generator, dtype=torch.float64) * fall).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: descriptor.smooth(x, RATE), (sound,), fast_mode=True)


@pytest.mark.parametrize("direction", [1, -1])
def test_following_the_gradient_changes_a_snare(descriptor, starter, direction):
    snare = next(sound for sound in starter(1) if sound.path.startswith("snare/") and len(sound.samples) > 10_000)
    start = snare.samples[:8_000] / snare.samples.abs().max()
    sound = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([sound], lr=3e-3)
    wanted = float(descriptor.smooth(start, snare.rate)) + direction * 15
    for _ in range(100):
        optimizer.zero_grad()
        value = descriptor.smooth(sound, snare.rate)
        if direction * (float(value.detach()) - wanted) > 0:
            break
        (-direction * value).backward()
        optimizer.step()
    change = descriptor.exact(sound.detach(), snare.rate) - descriptor.exact(start, snare.rate)
    assert direction * float(change) >= 10


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_and_a_constant_have_finite_values_and_gradients(descriptor, level):
    sound = torch.full((2, 3000), level, requires_grad=True)
    smooth = descriptor.smooth(sound, RATE)
    smooth.sum().backward()
    exact = descriptor.exact(sound, RATE)
    torch.testing.assert_close(smooth, exact, atol=0.5, rtol=0)
    assert sound.grad is not None and bool(sound.grad.isfinite().all())
    if level == 0:
        assert exact.tolist() == pytest.approx([SILENT[descriptor]] * 2, abs=0.01)
