"""The onset embedding hears the first milliseconds and nothing else."""

import pytest
import torch

from creativeml.evaluation.transients import ONSET_DIM, from_onset, onset_windows

RATE = 44100
LENGTH = 16384


def hit(attack_ms=0.0, decay_s=0.05, seed=0, frequency_hz=300.0):
    time = torch.arange(LENGTH) / RATE
    rough = torch.randn(LENGTH, generator=torch.Generator().manual_seed(seed))
    rise = (time / (attack_ms / 1000)).clamp_max(1) if attack_ms else 1.0
    return (torch.sin(2 * torch.pi * frequency_hz * time) + 0.1 * rough) * rise * torch.exp(-time / decay_s)


def test_form_and_what_plays_no_part():
    sounds = torch.stack([hit(seed=s) for s in range(4)])
    points = onset_windows(sounds, RATE)
    assert points.shape == (4, ONSET_DIM) and points.dtype == torch.float32
    assert torch.allclose(points, onset_windows(-0.1 * sounds, RATE), atol=1e-3)
    late = torch.nn.functional.pad(sounds, (3000, 0))[:, :LENGTH]
    assert torch.allclose(points, onset_windows(late, RATE), atol=1e-3)
    cut = sounds.clone()
    cut[:, 4000:] = 0  # after 90 ms
    assert torch.allclose(points, onset_windows(cut, RATE), atol=1e-3)
    assert torch.isfinite(onset_windows(torch.zeros(2, 300), RATE)).all()
    with pytest.raises(ValueError, match="batch, samples"):
        onset_windows(torch.zeros(10), RATE)


def test_a_band_holds_the_power_of_its_frequencies():
    """A steady tone is loudest in the band around it, in every part of every window."""
    time = torch.arange(LENGTH) / RATE
    tones = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (100.0, 1500.0, 15000.0)])
    longest = onset_windows(tones, RATE)[:, -4 * 14 :].unflatten(1, (4, 14))
    edges = 43.066 * 512 ** (torch.arange(1, 14) / 14)
    expected = torch.bucketize(torch.tensor([100.0, 1500.0, 15000.0]), edges)
    assert (longest[:, 1:3].argmax(2) == expected[:, None]).all()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("slower attack", lambda: hit(attack_ms=8.0)),
        ("brighter", lambda: hit(frequency_hz=900.0)),
        ("blurred", lambda: torch.stack([hit().roll(n) for n in (0, 20, 50, 90, 130)]).mean(0)),
    ],
)
def test_changes_of_the_attack_are_heard(name, changed):
    points = onset_windows(torch.stack([hit(), hit(seed=7), changed()]), RATE)
    assert (points[0] - points[2]).norm() > 1.5 * (points[0] - points[1]).norm()


def test_from_onset_begins_where_the_level_is_reached():
    sounds = torch.zeros(2, 100)
    sounds[0, 40:60], sounds[1, 10], sounds[1, 30] = 0.5, 0.02, -1.0
    heads = from_onset(sounds, 30, -20.0)
    assert heads.shape == (2, 30)
    assert heads[0, :20].tolist() == [1.0] * 20 and heads[0, 20:].abs().max() == 0
    assert heads[1, 0] == -1.0
    assert float(from_onset(sounds, 30, -40.0)[1, 0]) == pytest.approx(0.02)
    assert from_onset(torch.zeros(1, 10), 30, -20.0).abs().max() == 0
