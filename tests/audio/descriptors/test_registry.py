"""`describe` and the list of descriptors: names, shapes, limits and errors, for whatever is registered."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

import creativeml
from creativeml.audio.descriptors import DESCRIPTORS, TIMBRE, describe, registry
from creativeml.errors import CreativeMLError

RATE = 44_100
AUDIO_COMMONS = ["brightness", "depth", "warmth", "hardness", "roughness", "sharpness", "boominess"]
TIMES = ["attack_time", "decay_time_20", "decay_time_60"]
ORDER = [*AUDIO_COMMONS, "loudness", *TIMES, "spectral_centroid", "noisiness", "fundamental"]


def hits(*leading: int, samples: int = 4410, rate: int = RATE, dtype: torch.dtype = torch.float32) -> Tensor:
    """Decaying tones with noise, each different."""
    count = math.prod(leading)
    time = torch.arange(samples, dtype=torch.float64) / rate
    pitch = 150.0 * 1.5 ** torch.arange(count, dtype=torch.float64)[:, None]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(count, samples, generator=generator, dtype=torch.float64)
    sounds = 0.3 * (torch.sin(2 * math.pi * pitch * time) + 0.3 * noise) * torch.exp(-time / 0.03)
    return sounds.reshape(*leading, samples).to(dtype)


def test_the_order_is_the_one_promised_everywhere():
    assert list(DESCRIPTORS) == ORDER and list(TIMBRE) == AUDIO_COMMONS
    assert creativeml.describe is describe


def test_every_entry_is_complete():
    for name, descriptor in DESCRIPTORS.items():
        assert descriptor.name == name and descriptor.unit in ("points", "LUFS", "ms", "Hz")
        assert descriptor.doc and descriptor.low < descriptor.high
        assert descriptor.jnd > (1 if descriptor.logarithmic else 0)
        assert descriptor.logarithmic == (descriptor.unit in ("ms", "Hz"))
        if name in TIMBRE:
            assert (descriptor.unit, descriptor.jnd) == ("points", 5.0)


def test_a_step_of_one_is_one_just_noticeable_difference():
    brightness, centroid = DESCRIPTORS["brightness"], DESCRIPTORS["spectral_centroid"]
    points = brightness.in_jnds(torch.tensor([40.0, 45.0]))
    assert float(points[1] - points[0]) == pytest.approx(1)
    hertz = centroid.in_jnds(torch.tensor([4000.0, 4200.0]))
    assert float(hertz[1] - hertz[0]) == pytest.approx(1, rel=0.03)
    for descriptor in DESCRIPTORS.values():
        scale = descriptor.in_jnds(torch.linspace(descriptor.low, descriptor.high, 50))
        assert (scale.diff() > 0).all() and descriptor.in_jnds(torch.zeros(3)).isfinite().all()


@pytest.mark.parametrize("smooth", [False, True])
def test_shapes_dtype_and_the_same_value_alone_as_in_a_batch(smooth):
    sounds = hits(2, 2, dtype=torch.float64)
    values = describe(sounds, RATE, smooth=smooth)
    alone = describe(sounds[1, 0], RATE, smooth=smooth)
    assert list(values) == ORDER
    for name, value in values.items():
        assert value.shape == (2, 2) and value.dtype == torch.float64, name
        assert alone[name].shape == ()
        assert float(alone[name]) == pytest.approx(float(value[1, 0]), rel=1e-6, abs=1e-6), name


def test_the_exact_faces_take_a_batch_piece_by_piece(monkeypatch):
    names = ["brightness", "loudness", "decay_time_60", "fundamental"]
    sounds = hits(5, dtype=torch.float64)
    whole = describe(sounds, RATE, names)
    monkeypatch.setattr(registry, "_PIECE_SAMPLES", 2 * sounds.shape[-1])
    for name, value in describe(sounds, RATE, names).items():
        assert value == pytest.approx(whole[name], rel=1e-9)


def test_names_choose_and_order():
    values = describe(hits(3), RATE, ["loudness", "brightness", "loudness"])
    assert list(values) == ["loudness", "brightness"]
    assert list(describe(hits(1), RATE, "attack_time")) == ["attack_time"]


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(("rate", "seconds"), [(16_000, 0.01), (22_050, 0.1), (192_000, 0.01), (48_000, 0.3)])
def test_all_rates_and_short_sounds_have_finite_values(smooth, rate, seconds):
    values = describe(hits(2, samples=math.ceil(seconds * rate), rate=rate), rate, smooth=smooth)
    assert all(value.shape == (2,) and value.isfinite().all() for value in values.values()), values


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_and_dc_have_finite_values_and_gradients(level):
    sounds = torch.full((1, 8820), level)
    assert all(value.isfinite().all() for value in describe(sounds, RATE).values())
    for name in DESCRIPTORS:
        leaf = sounds.clone().requires_grad_()
        value = describe(leaf, RATE, [name], smooth=True)[name]
        assert value.isfinite().all(), name
        value.sum().backward()
        assert leaf.grad is not None and leaf.grad.isfinite().all(), name


def test_the_exact_faces_carry_no_gradient_and_the_smooth_ones_reach_the_sound():
    for name in DESCRIPTORS:
        leaf = hits(1).requires_grad_()
        if name in ("loudness", "brightness"):
            assert not describe(leaf, RATE, [name])[name].requires_grad
        describe(leaf, RATE, [name], smooth=True)[name].sum().backward()
        assert leaf.grad is not None and (leaf.grad != 0).any() and leaf.grad.isfinite().all(), name


@pytest.mark.parametrize(
    ("sounds", "rate", "names", "message"),
    [
        (torch.zeros(4410), RATE, ["brightnes"], "no descriptor 'brightnes'; did you mean 'brightness'"),
        (torch.zeros(4410), RATE, ["zzz"], "known: brightness"),
        (torch.zeros(4410, dtype=torch.int16), RATE, None, "float32 or float64"),
        (torch.zeros(4410), 8000, None, "16000 to 192000 Hz"),
        (torch.zeros(440), RATE, None, "too short"),
        (torch.zeros(()), RATE, None, "too short"),
        (torch.zeros(0, 4410), RATE, None, "holds no sound"),
        (torch.full((4410,), math.nan), RATE, None, "NaN"),
    ],
)
def test_bad_input_is_named(sounds, rate, names, message):
    with pytest.raises(CreativeMLError, match=message):
        describe(sounds, rate, names)


def test_inference_first_and_training_afterwards():
    """What is kept from the first call must serve gradients too, in a process of its own where nothing is kept yet."""
    code = (
        "import torch; from creativeml.audio.descriptors import describe;"
        "s = torch.randn(1, 8820) * torch.exp(-torch.arange(8820) / 2000.0)\n"
        "with torch.inference_mode(): describe(s, 44100, smooth=True); describe(s, 44100)\n"
        "x = s.clone().requires_grad_()\n"
        "sum(v.sum() for v in describe(x, 44100, smooth=True).values()).backward()\n"
        "print(bool(x.grad.isfinite().all() and x.grad.any()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "True", result.stderr


@pytest.mark.parametrize("smooth", [False, True])
def test_mixed_precision_around_it_changes_nothing(smooth):
    sounds = hits(2)
    expected = describe(sounds, RATE, smooth=smooth)
    with torch.autocast("cpu", torch.bfloat16):
        found = describe(sounds, RATE, smooth=smooth)
    for name, values in expected.items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], values)


@pytest.mark.parametrize(
    ("sounds", "rate", "message"),
    [
        (torch.full((1, 4410), 1e20), RATE, "peak of 1e+20 where full scale is 1"),
        (np.zeros(4410, np.float32), RATE, "torch tensors, not ndarray"),
        (torch.zeros(4410, dtype=torch.int16), RATE, "divide whole numbers by full scale"),
        (torch.zeros(4410, 2), RATE, "if time comes first"),
        (torch.zeros(4410), "44100", "a whole sample rate"),
    ],
)
def test_what_is_likely_to_go_wrong_is_explained(sounds, rate, message):
    with pytest.raises(CreativeMLError, match=re.escape(message)):
        describe(sounds, rate)
