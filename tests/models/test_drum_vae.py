"""The decoder of the VAE: its likelihood against dense Gaussians, its draws against its own parameters."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

import creativeml
from creativeml import models
from creativeml.audio.instantaneous_frequency import demodulated_stft, inverse_demodulated_stft
from creativeml.errors import CreativeMLError
from creativeml.models.autoencoders.drum_vae import DrumVAE, DrumVAEConfig, Process, draw, surprise
from creativeml.synthesis.generate import SoundModel

SMALL = DrumVAEConfig(
    kinds=("kick", "snare"), length_samples=1024, latent_dim=8, window_samples=64, hop_samples=16, channels=(16, 12, 8)
)


def process(frames: int, bins: int = 1, seed: int = 0) -> Process:
    random = torch.Generator().manual_seed(seed)

    def complex_numbers():
        return torch.view_as_complex(torch.randn(1, bins, frames, 2, generator=random, dtype=torch.float64))

    turned = complex_numbers()
    size = 0.95 * torch.rand(1, bins, frames, generator=random, dtype=torch.float64)
    carried = turned / turned.abs() * size
    level = torch.exp(torch.randn(1, bins, frames, generator=random, dtype=torch.float64))
    return Process(level, complex_numbers(), carried, 1 - size.square())


def as_real(matrix: np.ndarray) -> np.ndarray:
    """Covariance of real and imaginary parts of circular complex numbers with this covariance."""
    return 0.5 * np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])


def test_the_surprise_is_that_of_dense_gaussians():
    """Each frame alone, and each pair of frames by the full covariance that the equations of the model imply."""
    frames = 6
    p = process(frames)
    spectrum = torch.view_as_complex(torch.randn(1, 1, frames, 2, generator=torch.Generator().manual_seed(9)).double())
    level, mean, carried, _ = (part[0, 0].numpy() for part in p)
    x = spectrum[0, 0].numpy()

    def log_density(values, means, covariance):
        parts = np.concatenate([(values - means).real, (values - means).imag])
        return scipy.stats.multivariate_normal.logpdf(parts, cov=as_real(covariance))

    def alone(t):
        return log_density(x[t : t + 1], level[t : t + 1] * mean[t : t + 1], np.array([[level[t] ** 2]], complex))

    total = 0.0
    for t in range(frames):
        if t:
            # E[U(t) conj U(t-1)] = a(t).
            together = np.array([[1, np.conj(carried[t])], [carried[t], 1]])
            scale = np.diag(level[t - 1 : t + 1])
            pair = slice(t - 1, t + 1)
            after = log_density(x[pair], level[pair] * mean[pair], scale @ together @ scale) - alone(t - 1)
        else:
            after = alone(0)
        total += 0.5 * (alone(t) + after)
    # Without log pi, which every complex number has once.
    assert float(surprise(spectrum, p)) == pytest.approx(-total / frames - math.log(math.pi), abs=1e-9)


def test_no_other_process_is_less_surprised_by_its_draws():
    """Gibbs: on what a process draws, every change of its parameters costs, on average."""
    p = process(12, bins=4)
    random = torch.Generator().manual_seed(2)
    e = torch.view_as_complex(torch.randn(20_000, 4, 12, 2, generator=random, dtype=torch.float64)) / math.sqrt(2)
    many = Process(*(part.expand(20_000, -1, -1) for part in p))
    drawn = draw(many, e)
    own = float(surprise(drawn, many).mean())
    size = p.carried.abs()
    others = [
        p._replace(level=p.level * 1.2),
        p._replace(level=p.level / 1.2),
        p._replace(mean=p.mean + 0.2),
        p._replace(mean=p.mean * 0.8),
        p._replace(carried=p.carried * np.exp(0.3j)),
        p._replace(carried=0.7 * p.carried, fresh=1 - (0.7 * size).square()),
    ]
    for other in others:
        assert float(surprise(drawn, Process(*(part.expand(20_000, -1, -1) for part in other))).mean()) > own + 0.005


def test_draws_have_the_level_mean_and_memory_of_the_process():
    p = process(5, bins=2, seed=3)
    random = torch.Generator().manual_seed(4)
    e = torch.view_as_complex(torch.randn(200_000, 2, 5, 2, generator=random, dtype=torch.float64)) / math.sqrt(2)
    drawn = draw(Process(*(part.expand(200_000, -1, -1) for part in p)), e)
    torch.testing.assert_close(drawn.mean(0, keepdim=True), p.level * p.mean, atol=0.02, rtol=0.01)
    rest = drawn / p.level - p.mean
    torch.testing.assert_close(rest.abs().square().mean(0), torch.ones(2, 5, dtype=torch.float64), atol=0.01, rtol=0)
    memory = (rest[..., 1:] * rest[..., :-1].conj()).mean(0)
    torch.testing.assert_close(memory, p.carried[0, :, 1:], atol=0.01, rtol=0)


def test_white_noise_and_a_tone_are_drawn_as_such():
    torch.manual_seed(0)
    model = DrumVAE(DrumVAEConfig(kinds=("kick",), channels=(4, 4)))
    noise = torch.randn(2, 65536)
    innovations = model._innovations(noise)
    assert float(innovations.abs().square().mean()) == pytest.approx(1.0, abs=0.02)
    one = torch.ones_like(innovations.abs())
    carried = torch.full_like(innovations, model.overlap)
    plain = Process(one / model.noise_gain, torch.zeros_like(innovations), carried, one * (1 - model.overlap**2))
    back = inverse_demodulated_stft(draw(plain, innovations), 256)
    # The very noise comes back, but for the bin at half the sample rate.
    assert 10 * math.log10(float((back - noise).square().mean())) < -25
    # Its parameters are those with which noise is least surprising.
    spectrum = demodulated_stft(noise, 1024, 256)
    for other in (0.5, 0.8):
        less = plain._replace(carried=torch.full_like(carried, other), fresh=one * (1 - other**2))
        assert float((surprise(spectrum, less) - surprise(spectrum, plain)).min()) > 0.01

    hz = 23.4 * 44100 / 1024
    angle = 2 * math.pi * (hz - 23 * 44100 / 1024) * 256 / 44100
    level = 1e-4 * one
    level[:, 23] = 0.3
    most = math.tanh(4.5)
    ringing = Process(level, torch.zeros_like(carried), most * torch.exp(1j * angle * one), one * (1 - most**2))
    tone = inverse_demodulated_stft(draw(ringing, innovations), 256)
    peak = np.abs(np.fft.rfft(tone[0].numpy() * np.hanning(65536))).argmax() * 44100 / 65536
    assert peak == pytest.approx(hz, abs=2.0)


def test_before_training_it_is_noise_that_depends_on_everything():
    torch.manual_seed(0)
    model = DrumVAE(SMALL)
    assert isinstance(model, SoundModel) and model.noise_shapes() == ((1024,),)
    latent, noise = torch.randn(1, 8).expand(2, -1), [torch.randn(1, 1024).expand(2, -1)]
    kick, snare = model(latent, model.condition_for(["kick", "snare"]), noise=noise)
    assert kick.shape == (1024,) and (kick - snare).abs().max() > 1e-3
    kicks = model.condition_for(["kick", "kick"])
    first, second = model(torch.randn(2, 8), kicks, noise=noise, truncation=0.0)
    assert torch.equal(first, second)
    first, second = model(latent, kicks)
    assert not torch.equal(first, second)
    with pytest.raises(CreativeMLError, match="kick, snare"):
        model.condition_for(["gong"])


def test_recordings_are_explained_one_by_one_and_every_weight_takes_part():
    torch.manual_seed(0)
    model = DrumVAE(SMALL)
    latent, sounds = torch.randn(3, 8), 0.1 * torch.randn(3, 1024)
    condition = model.condition_for(["kick", "snare", "kick"])
    found = model(latent, condition, observed=sounds)
    assert found.shape == (3,)
    torch.testing.assert_close(model(latent[1:2], condition[1:2], observed=sounds[1:2])[0], found[1])
    found.mean().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
    silent = model(latent, condition, observed=torch.zeros(3, 1024))
    assert bool(silent.isfinite().all())


def test_saved_loaded_and_played(tmp_path):
    torch.manual_seed(0)
    model = models.build(
        "drum_vae", kinds=["kick"], length_samples=16384, window_samples=256, hop_samples=64, channels=[8, 8], patch=4
    )
    models.save_pretrained(model, tmp_path)
    again = models.from_pretrained(tmp_path)
    latent, noise, condition = torch.randn(2, 64), [torch.randn(2, 16384)], model.condition_for(["kick"] * 2)
    with torch.no_grad():
        assert torch.equal(model(latent, condition, noise=noise), again(latent, condition, noise=noise))
    drums = creativeml.load(tmp_path)
    sounds = drums.generate(kind="kick", count=2, seed=3)
    assert sounds.shape == (2, 16384) and bool(sounds.isfinite().all())
    assert torch.equal(drums.sound("kick", 4), sounds[1]) and not torch.equal(sounds[0], sounds[1])


def test_configurations_that_cannot_be_are_refused():
    for wrong in ({"length_samples": 1000}, {"window_samples": 300}, {"channels": ()}, {"kinds": ("kick", "kick")}):
        with pytest.raises(ValueError):
            DrumVAEConfig(**wrong)
