"""The fixed embedding hears spectrum, envelope and onset, and not level."""

import pytest
import torch

from creativeml.evaluation.embeddings import STATISTICS_DIM, embed, log_mel_statistics

RATE = 44100
LENGTH = 16384


def hit(decay_s=0.05, frequency_hz=200.0, noise=0.3, seed=0):
    time = torch.arange(LENGTH) / RATE
    tone = torch.sin(2 * torch.pi * frequency_hz * time)
    rough = torch.randn(LENGTH, generator=torch.Generator().manual_seed(seed))
    return (tone + noise * rough) * torch.exp(-time / decay_s)


def test_shape_level_and_batch_do_not_matter():
    sounds = torch.stack([hit(seed=s) for s in range(5)])
    points = log_mel_statistics(sounds, RATE)
    assert points.shape == (5, STATISTICS_DIM) and points.dtype == torch.float32
    assert torch.allclose(points, log_mel_statistics(sounds * 0.1, RATE), atol=1e-3)
    assert torch.allclose(points, embed(sounds, RATE, batch_size=2), atol=1e-3)
    assert torch.allclose(points, embed(iter(sounds.split(2)), RATE), atol=1e-3)


def test_silence_is_finite_and_wrong_shapes_are_refused():
    assert torch.isfinite(log_mel_statistics(torch.zeros(2, LENGTH), RATE)).all()
    with pytest.raises(ValueError, match="batch, samples"):
        log_mel_statistics(torch.zeros(LENGTH), RATE)
    with pytest.raises(ValueError, match="no sounds"):
        embed(torch.zeros(0, LENGTH), RATE)


@pytest.mark.parametrize("damage", ["low_pass", "smear", "late", "decay", "pitch"])
def test_every_kind_of_damage_is_heard(damage):
    """Each damage moves the point further than another draw of the noise does."""
    original = hit()
    spectrum = torch.fft.rfft(original)
    frequencies = torch.fft.rfftfreq(LENGTH, 1 / RATE)
    phases = torch.exp(2j * torch.pi * torch.rand(len(spectrum), generator=torch.Generator().manual_seed(1)))
    damaged = {
        "low_pass": torch.fft.irfft(spectrum * (frequencies < 8000), LENGTH),
        "smear": torch.fft.irfft(spectrum * phases, LENGTH),
        "late": torch.roll(original, 441),
        "decay": hit(decay_s=0.1),
        "pitch": hit(frequency_hz=260.0),
    }[damage]
    points = log_mel_statistics(torch.stack([original, hit(seed=7), damaged]), RATE)
    assert (points[0] - points[2]).norm() > 1.5 * (points[0] - points[1]).norm()
