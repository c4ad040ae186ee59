"""The critics' options: what they look at, against computations by hand, and that all of them can learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from creativeml.audio.log_mel import compressed_spectrogram
from creativeml.errors import CreativeMLError
from creativeml.losses.adversarial import r1
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.gans.critics import CriticConfig, EnsembleCritic, SpectralCritic, SpectralView, WaveCritic
from creativeml.models.gans.ear import BUNDLED
from creativeml.models.gans.period_critic import PeriodCritic, fold

LENGTH = 8192
MEL, COMPLEX = SpectralView(512, 128, 32, 32), SpectralView(256, 64, 64, 32, "complex")
SMALL = CriticConfig(
    2, views=(MEL,), spectral_channels=(6, 8), wave_channels=(6, 8), period_channels=(4, 6), feature_dim=12
)
OPTIONS = {
    "one spectrogram": {"wave_channels": ()},
    "waveform alone": {"views": ()},
    "no gate": {"wave_gate": False},
    "complex view": {"views": (COMPLEX,)},
    "three views": {"views": (MEL, COMPLEX, SpectralView(1024, 256, 64, 32))},
    "periods": {"periods": (2, 3, 7), "period_samples": 4096},
    "periods alone": {"views": (), "wave_channels": (), "periods": (5,), "period_rate_divisor": 1},
    "spread": {"spread_group": 2, "periods": (3,)},
    "ear": {"ear": True},
    "ear alone": {"views": (), "wave_channels": (), "ear": True},
}


def critic_of(**changes) -> EnsembleCritic:
    torch.manual_seed(0)
    return EnsembleCritic(replace(SMALL, **changes), length_samples=LENGTH)


@pytest.mark.parametrize(("samples", "period"), [(12, 3), (13, 3), (14, 5), (7, 1)])
def test_columns_hold_every_nth_sample_of_the_padded_wave(samples, period):
    waves = np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)
    rows = -(-samples // period)
    padded = np.concatenate([waves, np.zeros((2, rows * period - samples), np.float32)], 1)
    expected = np.stack([padded[:, column::period] for column in range(period)], 1)
    np.testing.assert_array_equal(fold(torch.from_numpy(waves), period).numpy(), expected)


def test_a_period_critic_tells_a_periodic_wave_from_one_that_only_looks_like_it_elsewhere():
    """Columns never mix before the end, so the order of columns cannot matter to it; that of rows must."""
    torch.manual_seed(0)
    critic = PeriodCritic(4, 64, (6, 8), 5)
    wave = torch.randn(1, 64)
    columns = wave.unflatten(1, (16, 4))
    with torch.no_grad():
        itself = critic(wave)
        other_columns = critic(columns[:, :, [2, 0, 3, 1]].flatten(1))
        other_rows = critic(columns.flip(1).flatten(1))
    torch.testing.assert_close(other_columns, itself, atol=1e-5, rtol=1e-5)
    assert float((other_rows - itself).abs().max()) > 1e-3


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_gives_a_verdict_per_view_and_a_gradient_to_every_parameter(name):
    critic = critic_of(**OPTIONS[name])
    sounds = (0.1 * torch.randn(4, LENGTH)).requires_grad_()
    seen = critic.views(sounds)
    verdicts = critic(seen, torch.eye(2)[[0, 1, 0, 1]])
    assert verdicts.shape == (4, len(seen)) == (4, len(critic.judges)) and bool(verdicts.isfinite().all())
    verdicts.square().sum().backward()
    missing = [n for n, p in critic.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert missing == []
    assert sounds.grad is not None and bool((sounds.grad.abs().sum(1) > 0).all())
    penalty = r1(lambda v: critic(v, torch.eye(2)[[0, 1, 0, 1]]), seen)
    penalty.backward()
    assert 0 < float(penalty.detach()) < float("inf")


def test_one_judge_for_each_period_looks_at_the_first_part_at_half_the_rate():
    critic = critic_of(periods=(2, 3), period_samples=4096)
    sounds = torch.randn(2, LENGTH)
    seen = critic.views(sounds)
    halved = sounds[:, :4096].unflatten(1, (-1, 2)).mean(2)
    assert len(seen) == 4
    for part in seen[2:]:
        torch.testing.assert_close(part, halved)
    assert [judge.period for judge in critic.judges if isinstance(judge, PeriodCritic)] == [2, 3]


def test_without_the_gate_skip_and_deeper_branch_both_pass_whole():
    torch.manual_seed(0)
    gated = WaveCritic((6, 8, 8), 5, frames=512)
    torch.manual_seed(0)
    plain = WaveCritic((6, 8, 8), 5, frames=512, gated=False)
    plain.load_state_dict({k: v for k, v in gated.state_dict().items() if k != "openness"})
    gated.openness.data.zero_()  # sigmoid 0.5: both at unity
    wave = torch.randn(2, LENGTH)
    torch.testing.assert_close(plain(wave), gated(wave))
    assert len(plain.gates()) == 0 and len(gated.gates()) == 2
    assert critic_of(wave_gate=False).gates() == []


def test_spread_lets_a_critic_notice_sounds_that_are_all_alike():
    """Two batches that hold the same first sound: its verdict depends on the company only with a spread channel."""
    torch.manual_seed(0)
    pictures = torch.randn(2, 32, 32)
    alike = pictures[:1].repeat(2, 1, 1)
    for group, differs in ((0, False), (2, True)):
        critic = SpectralCritic(MEL, (6, 8), 12, spread_group=group)
        with torch.no_grad():
            first, second = critic(pictures)[0], critic(alike)[0]
        assert bool((first - second).abs().max() > 1e-3) == differs


def test_spread_never_mixes_real_and_generated_sounds():
    critic = critic_of(spread_group=2, periods=(3,))
    real, fake, condition = torch.randn(4, LENGTH), torch.randn(4, LENGTH), torch.eye(2)[[0, 1, 0, 1]]
    with torch.no_grad():
        alone = critic(critic.views(real), condition)
        together = critic(critic.views(torch.cat([real, fake])), condition.repeat(2, 1))
    torch.testing.assert_close(together[:4], alone, atol=1e-4, rtol=1e-4)


def test_a_complex_view_keeps_phases_and_compresses_magnitudes():
    time = torch.arange(LENGTH) / 44100
    hz = 44100 * 10 / 256  # the centre of bin 10
    sounds = torch.stack([level * torch.cos(2 * torch.pi * hz * time) for level in (1.0, 0.01)])
    picture = COMPLEX.picture(sounds, 44100)
    assert picture.shape == (2, 2, 64, 32)
    magnitude = picture.square().sum(1).sqrt()[:, 10, 8]
    torch.testing.assert_close(magnitude, torch.tensor([1.0, 0.01]) ** 0.3, atol=2e-3, rtol=0.0)
    phase = torch.atan2(picture[0, 1, 10, 8], picture[0, 0, 10, 8])
    plain = torch.fft.rfft(sounds[0, 8 * 64 - 128 : 8 * 64 + 128] * torch.hann_window(256))[10]
    assert float(phase) == pytest.approx(float(plain.angle()), abs=1e-3)
    silent = torch.zeros(1, 1024, requires_grad=True)
    compressed_spectrogram(silent, 256, 64, bins=64).sum().backward()
    assert silent.grad is not None and bool(silent.grad.isfinite().all())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"views": (), "wave_channels": ()}, "something to look at"),
        ({"periods": (3, 3)}, "differ"),
        ({"periods": (0,)}, "periods must be from 1"),
        ({"spread_group": -1}, "spread_group must be at least 0"),
        ({"spectral_channels": ()}, "spectral_channels needs"),
        ({"views": (SpectralView(512, 128, 30, 32),)}, "multiples of 4, not 30 and 32"),
        ({"wave_channels": (8, 0)}, "wave_channels must be at least 1"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


def test_a_waveform_critic_that_does_not_divide_the_sound_is_refused():
    with pytest.raises(CreativeMLError, match="fewer wave_channels"):
        critic_of(wave_channels=(4,) * 6)
    with pytest.raises(CreativeMLError, match="even wave_start_stride"):
        critic_of(wave_start_stride=1)
    with pytest.raises(ValueError, match="from 1 to 129"):
        SpectralView(256, 64, 130, 32, "complex")


def test_an_ear_is_no_part_of_the_critic_and_its_gradient_is_that_of_the_classifier():
    critic = critic_of(views=(), wave_channels=(), ear=True)
    assert not any("ear" in name for name in critic.state_dict()) and sum(p.numel() for p in critic.parameters()) < 5000
    model = from_pretrained(BUNDLED)
    sounds = (0.1 * torch.randn(2, 65536)).requires_grad_()
    (seen,) = critic.views(sounds)
    torch.testing.assert_close(seen, model.embed(sounds))
    direction = torch.randn(seen.shape)
    (gradient,) = torch.autograd.grad((seen * direction).sum(), sounds)
    step = 1e-3 * gradient / gradient.norm()
    with torch.no_grad():
        ahead, behind = (((model.embed(sounds + s)) * direction).sum() for s in (step, -step))
    assert float(ahead - behind) / 2e-3 == pytest.approx(float(gradient.norm()), rel=0.05)
    critic.requires_grad_(False).requires_grad_(True)
    assert not critic.views(sounds.detach())[0].requires_grad, "the ear stays frozen when the critic is trained again"
    with pytest.raises(CreativeMLError, match=r"44100 Hz, not 48000; set critic\.ear=false"):
        critic_of(ear=True, sample_rate=48000)


def test_pictures_that_are_higher_than_wide_are_laid_down():
    """Where a result is one column wide, oneDNN 3.12 reads unwritten memory on processors with AMX."""
    critic = SpectralCritic(SpectralView(1024, 256, 64, 8), (4, 6, 8), 5)
    widths = []
    for conv in critic.convs:
        conv.register_forward_hook(lambda m, i, o: widths.append(o.shape[2:]))
    critic(torch.randn(2, 64, 8))
    assert widths == [(4, 32), (2, 16), (1, 8)]


def test_a_period_critic_is_the_published_convolution_over_a_picture_of_periods():
    """HiFi-GAN's form: (5, 1) convolutions of stride (3, 1) over the wave as a picture, one period a row."""
    torch.manual_seed(0)
    critic = PeriodCritic(3, 60, (6, 8), 5)
    wave = torch.randn(2, 60)
    picture = wave.view(2, 1, 20, 3)
    for conv in critic.convs:
        weight = (conv.weight * conv.scale).transpose(2, 3)
        picture = torch.nn.functional.conv2d(picture, weight, conv.bias, (3, 1), (2, 0))
        picture = torch.nn.functional.leaky_relu(picture, 0.2)
    assert picture.shape == (2, 8, 3, 3)
    features = critic.to_features((picture.mean(3) * 3**0.5).flatten(1))
    torch.testing.assert_close(critic(wave), torch.nn.functional.leaky_relu(features, 0.2))
