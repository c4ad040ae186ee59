"""Rate changes against their definitions: binomial filter, band-limited interpolation, perfect reconstruction."""

import math

import pytest
import torch
import torch.nn.functional as F

from creativeml.layers.pqmf import PQMF
from creativeml.layers.resampling import SincUpsample, downsample, log2_exact, upsample


def test_doubling_is_zero_insertion_and_the_binomial_filter():
    x = torch.randn(2, 3, 1, 16)
    inserted = torch.zeros(6, 1, 32)
    inserted[:, 0, ::2] = x.reshape(6, 16)
    filtered = F.conv1d(F.pad(inserted, (2, 2)), torch.tensor([[[1.0, 3, 3, 1]]]) / 4).reshape(2, 3, 1, -1)
    # Four taps between samples: the first output lies half a step before the first input.
    torch.testing.assert_close(upsample(x, 2)[..., 2:-2], filtered[..., 2:-3])


def test_downsampling_averages():
    x = torch.arange(8.0).view(1, 1, 1, 8)
    assert downsample(x, 4).flatten().tolist() == [1.5, 5.5]


@pytest.mark.parametrize("cycles", [3, 40, 75])
def test_sinc_upsampling_draws_the_sine_between_the_samples(cycles):
    n, factor = 256, 16
    coarse = torch.sin(2 * math.pi * cycles * torch.arange(n) / n)
    fine = torch.sin(2 * math.pi * cycles * torch.arange(n * factor) / (n * factor))
    middle = slice(20 * factor, -20 * factor)
    error = (SincUpsample(factor)(coarse[None])[0] - fine)[middle]
    assert float(error.abs().max()) < 0.02


@pytest.mark.parametrize("samples", [1, 31, 32, 33, 100])
def test_sinc_upsampling_by_blocks_is_the_convolution_with_the_sinc(samples):
    torch.manual_seed(0)
    x, factor, half = torch.randn(2, samples), 4, 6
    inserted = torch.zeros(2, samples, factor)
    inserted[:, :, 0] = x
    offset = torch.arange(-half * factor - factor + 1, (half + 1) * factor) / factor
    window = torch.special.i0(8 * (1 - (offset / (half + 1)).square()).clamp(min=0).sqrt()) / torch.special.i0(
        torch.tensor(8.0)
    )
    # Of every output that many taps are used: six inputs on either side of the one at or before it.
    kernel = 0.95 * torch.sinc(0.95 * offset) * window * (offset > -half - 1e-6 - (factor - 1) / factor)
    reach = len(offset) // 2
    dense = F.conv1d(F.pad(inserted.flatten(1)[:, None], (reach, reach)), kernel.flip(0)[None, None])[:, 0]
    shift = dense.shape[1] - factor * samples
    made = SincUpsample(factor)(x)
    assert made.shape == (2, factor * samples)
    errors = [float((dense[:, s : s + factor * samples] - made).abs().max()) for s in range(shift + 1)]
    assert min(errors) < 0.02 and x.abs().max() > 0


@pytest.mark.parametrize("bands", [4, 16])
def test_pqmf_gives_back_what_it_took_apart(bands):
    torch.manual_seed(0)
    sound = torch.randn(2, 8192) * torch.hann_window(8192)
    bank = PQMF(bands)
    split = bank.analyze(sound)
    assert split.shape == (2, bands, 8192 // bands)
    error = bank.synthesize(split) - sound
    assert 10 * math.log10(float(sound.square().sum() / error.square().sum())) > 55


def test_pqmf_puts_a_sine_into_its_band():
    bank = PQMF(16)
    for band in (0, 5, 15):
        frequency = (band + 0.5) / 32
        sound = torch.sin(2 * math.pi * frequency * torch.arange(8192)) * torch.hann_window(8192)
        power = bank.analyze(sound[None])[0].square().sum(1)
        assert int(power.argmax()) == band
        assert float(power[band] / power.sum()) > 0.999


def test_powers_of_two_only():
    assert log2_exact(1024) == 10
    with pytest.raises(ValueError, match="1000"):
        log2_exact(1000)
