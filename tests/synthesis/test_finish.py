"""The finish of a sound: DC, fade, level."""

from __future__ import annotations

import math

import torch

from creativeml.synthesis.finish import finish, remove_dc

RATE = 44100


def decaying(frequency_hz: float, decay_per_s: float = 8.0) -> torch.Tensor:
    t = torch.arange(65536, dtype=torch.float64) / RATE
    return torch.sin(2 * math.pi * frequency_hz * t) * torch.exp(-decay_per_s * t)


def test_dc_goes_and_the_tail_is_silent():
    sound = finish(decaying(60) + 0.2, RATE)
    # The high-pass settles within its 40 ms; a subtracted mean would leave the offset in the tail for good.
    assert float(sound[RATE // 2 : RATE // 2 + 4410].mean().abs()) < 1e-3
    assert float(sound[-8820:].abs().max()) < 1e-3


def test_dc_removal_is_the_recursive_filter():
    x = decaying(50)[:2000] + 0.1
    pole = 1 / (1 + 2 * math.pi * 4 / RATE)
    expected, last_x, last_y = [], 0.0, 0.0
    for value in x.tolist():
        last_y = pole * (last_y + value - last_x)
        last_x = value
        expected.append(last_y)
    padded = torch.zeros(65536, dtype=torch.float64)
    padded[:2000] = x
    torch.testing.assert_close(remove_dc(padded, RATE)[:2000], torch.tensor(expected).double(), atol=1e-7, rtol=0)


def test_the_lowest_drums_keep_their_weight():
    sound = decaying(40)
    change_db = 20 * math.log10(float(remove_dc(sound, RATE).norm() / sound.norm()))
    assert abs(change_db) < 0.1


def test_peak_end_and_shape_of_a_batch():
    sounds = finish(torch.stack([decaying(100), 50 * decaying(3000, 1.0)]), RATE)
    assert sounds.dtype == torch.float32 and sounds.shape == (2, 65536)
    torch.testing.assert_close(sounds.abs().amax(1), torch.full((2,), 10 ** (-1 / 20)))
    assert bool((sounds[:, -1] == 0).all())
    # Nothing but the last 3 ms is faded.
    plain = remove_dc(50 * decaying(3000, 1.0), RATE)
    ratio = sounds[1, : -int(0.0031 * RATE)] / plain[: -int(0.0031 * RATE)]
    assert float(ratio[1000:2000].std()) < 1e-4


def test_silence_is_not_blown_up():
    assert float(finish(torch.zeros(4096), RATE).abs().max()) == 0
    assert float(finish(1e-6 * decaying(100), RATE).abs().max()) < 1e-5
