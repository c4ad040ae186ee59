"""Every descriptor at the edges of what it accepts: shortest and long sounds, all rates, signals that no drum makes."""

from __future__ import annotations

import math
import re
import sys

import pytest
import torch
from torch import Tensor

from creativeml.audio.descriptors import DESCRIPTORS, TIMBRE, describe

RATE = 44_100


def strange(samples: int, rate: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(8, samples): silence, DC, a click of one sample at the start and at the end, a full-scale square of 200 Hz, a
    sine at a third of the rate, clipped noise, and a faint hit."""
    time = torch.arange(samples, dtype=torch.float64) / rate
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    first, last = torch.zeros(samples, dtype=torch.float64), torch.zeros(samples, dtype=torch.float64)
    first[0], last[-1] = 1.0, -1.0
    return torch.stack(
        [
            torch.zeros_like(time),
            torch.full_like(time, 0.5),
            first,
            last,
            torch.where((time * 400).floor() % 2 == 0, 1.0, -1.0).double(),
            torch.sin(2 * math.pi * rate / 3 * time),
            (3 * noise).clamp(-1, 1),
            1e-5 * noise * torch.exp(-time / 0.02),
        ]
    ).to(dtype)


def finite_with_gradients(sounds: Tensor, rate: int, names: tuple[str, ...] | None = None) -> None:
    for name, value in describe(sounds, rate, names).items():
        assert value.shape == sounds.shape[:-1] and value.isfinite().all(), name
    leaf = sounds.clone().requires_grad_()
    for name, value in describe(leaf, rate, names, smooth=True).items():
        assert value.shape == sounds.shape[:-1] and value.isfinite().all(), name
        (gradient,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True)
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.4])
def test_strange_sounds_have_finite_values_and_gradients(rate, seconds):
    finite_with_gradients(strange(math.ceil(seconds * rate), rate), rate)


def test_strange_sounds_in_double_precision():
    finite_with_gradients(strange(2205, RATE, torch.float64), RATE)


@pytest.mark.parametrize("smooth", [False, True])
def test_any_leading_axes_and_batches_that_change_nothing(smooth, starter):
    sounds = torch.stack([sound.samples[:9000] for sound in starter(8) if len(sound.samples) >= 9000][:6])
    with torch.no_grad():
        together = describe(sounds.reshape(2, 3, 9000), RATE, smooth=smooth)
        for place in (0, 3, 5):
            alone = describe(sounds[place], RATE, smooth=smooth)
            for name, value in together.items():
                assert alone[name].shape == () and value.shape == (2, 3)
                expected = pytest.approx(float(alone[name]), rel=1e-3, abs=5e-3)
                assert float(value.flatten()[place]) == expected, name


@pytest.mark.parametrize("smooth", [False, True])
def test_single_precision_is_enough(smooth, starter):
    sounds = [sound.samples[:20_000] for sound in starter(24) if len(sound.samples) >= 4000]
    for sound in sounds:
        with torch.no_grad():
            single = describe(sound, RATE, smooth=smooth)
            double = describe(sound.double(), RATE, smooth=smooth)
        for name, value in double.items():
            unit = 0.02 * DESCRIPTORS[name].jnd if not DESCRIPTORS[name].logarithmic else 0.0
            assert float(single[name]) == pytest.approx(float(value), rel=5e-3, abs=unit + 1e-3), name


# What silence of 0.1 s at 44.1 kHz is given, as the docstrings of the exact faces say.
SILENT = {
    "brightness": r"About (-15) for silence",
    "depth": r"About (56) for silence",
    "warmth": r"(39) for silence",
    "hardness": r"(-48) for silence",
    "roughness": r"(0) for silence",
    "sharpness": r"(-68) for silence",
    "boominess": r"(-39) for silence",
    "loudness": r"Silence.* has (-70) LUFS",
    "attack_time": r"Silence has (0) ms",
    "decay_time_20": r"Silence has (0) ms",
    "decay_time_60": r"Silence has (0) ms",
    "spectral_centroid": r"Silence has (0) Hz",
    "noisiness": r"Silence has (0)",
    "fundamental": r"Silence has (0) Hz",
}


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_silence_has_the_documented_value(name):
    exact = DESCRIPTORS[name].exact
    function = getattr(exact, "func", exact)
    words = " ".join(f"{sys.modules[function.__module__].__doc__} {function.__doc__}".split())
    documented = re.search(SILENT[name], words)
    assert documented, f"the docstrings of {name} do not say what silence is given"
    for samples in (441, 4410, 44_100):
        value = float(describe(torch.zeros(samples), RATE, [name])[name])
        assert value == pytest.approx(float(documented[1]), abs=0.6)


def test_a_minute_with_onsets_everywhere():
    samples = 60 * RATE
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(0))
    minute = 0.3 * noise * torch.exp(-(torch.arange(samples) % 22_050) / 2000)
    exact = describe(minute, RATE, TIMBRE)
    smooth = describe(minute.requires_grad_(), RATE, TIMBRE, smooth=True)
    torch.stack(list(smooth.values())).sum().backward()
    assert minute.grad is not None and minute.grad.isfinite().all()
    for name in TIMBRE:
        # All hits are alike, so that the loudest one stands for all and the faces agree.
        assert float(smooth[name].detach()) == pytest.approx(float(exact[name]), abs=2), name
