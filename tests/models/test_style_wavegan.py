"""The generator: its shapes, its determinism, and heads against signals whose outcome is known."""

import dataclasses
import math

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.models.gans.critics import CriticConfig, EnsembleCritic, SpectralView, WaveCritic, gate
from creativeml.models.gans.heads import PqmfHead, StftHead
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig, preset

KINDS = ("kick", "snare")


def tiny(**changes) -> StyleWaveGAN:
    torch.manual_seed(0)
    base = StyleWaveGANConfig(
        kinds=KINDS,
        length_samples=8192,
        latent_dim=8,
        style_dim=16,
        channels=(16, 16, 12),
        hop_samples=64,
        convs_per_level=1,
    )
    return StyleWaveGAN(dataclasses.replace(base, **changes))


@pytest.mark.parametrize("name", ["fast", "fast-pqmf", "paper"])
def test_presets_make_65536_finite_samples_at_44100(name):
    torch.manual_seed(0)
    model = StyleWaveGAN(preset(name)).eval()
    assert model.config.sample_rate == 44100
    with torch.no_grad():
        sounds = model(torch.randn(2, model.config.latent_dim), model.condition_for(["kick", "perc"]))
    assert sounds.shape == (2, 65536) and sounds.dtype == torch.float32
    assert bool(sounds.isfinite().all()) and float(sounds.std()) > 0.01


def test_same_latent_and_noise_give_the_same_sound_alone_and_in_a_batch():
    model = tiny().eval()
    latent, condition = torch.randn(3, 8), model.condition_for(["kick", "snare", "kick"])
    noise = [torch.randn(3, *shape) for shape in model.noise_shapes()]
    with torch.no_grad():
        together = model(latent, condition, noise=noise)
        assert torch.equal(together, model(latent, condition, noise=noise))
        alone = model(latent[1:2], condition[1:2], noise=[n[1:2] for n in noise])
        other_noise = model(latent, condition)
    torch.testing.assert_close(alone[0], together[1], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(other_noise, together, atol=1e-3)


def test_convolutions_in_bfloat16_make_inaudibly_different_sounds():
    model = tiny().eval()
    latent, condition = torch.randn(2, 8), model.condition_for(["kick", "snare"])
    noise = [torch.randn(2, *shape) for shape in model.noise_shapes()]
    with torch.no_grad():
        for count in (2, 1):  # one sound alone takes other kernels
            inputs = latent[:count], condition[:count]
            drawn = [n[:count] for n in noise]
            model.dtype = torch.float32
            exact = model(*inputs, noise=drawn)
            model.dtype = torch.bfloat16
            coarse = model(*inputs, noise=drawn)
            assert coarse.dtype == torch.float32
            error = (coarse - exact).square().mean() / exact.square().mean()
            assert 1e-9 < float(error) < 1e-4  # below -40 dB, but not the same computation


def test_kind_and_latent_both_change_the_sound():
    model = tiny().eval()
    noise = [torch.randn(1, *shape) for shape in model.noise_shapes()]
    latent = torch.randn(1, 8)
    with torch.no_grad():
        kick, snare = (model(latent, model.condition_for([k]), noise=noise) for k in KINDS)
        another = model(torch.randn(1, 8), model.condition_for(["kick"]), noise=noise)
    assert float((kick - snare).abs().max()) > 1e-2
    assert float((kick - another).abs().max()) > 1e-2


def test_truncation_zero_forgets_the_latent_and_one_changes_nothing():
    model = tiny().eval()
    model.estimate_mean_style(samples=256)
    condition = model.condition_for(["snare"] * 4)
    styles = model.map(torch.randn(4, 8), condition)
    assert torch.equal(model.truncate(styles, condition, 1.0), styles)
    mean = model.truncate(styles, condition, 0.0)
    torch.testing.assert_close(mean, model.mean_style[1].expand(4, -1), atol=1e-5, rtol=1e-4)
    half = model.truncate(styles, condition, 0.5)
    torch.testing.assert_close(half, (styles + mean) / 2, atol=1e-5, rtol=1e-4)


def test_every_parameter_of_every_preset_receives_a_gradient():
    for name in ("fast", "fast-pqmf", "paper"):
        config = preset(name, KINDS)
        # The same code at a sixteenth of the length: the first levels only.
        shorter = dataclasses.replace(config, length_samples=4096, channels=config.channels[:-4])
        model = StyleWaveGAN(shorter)
        for noise in model.modules():
            if hasattr(noise, "strength"):
                torch.nn.init.constant_(noise.strength, 0.1)
            if getattr(noise, "to_gain", None) is not None:
                torch.nn.init.normal_(noise.to_gain.weight, std=0.1)
        model(torch.randn(2, 64), model.condition_for(list(KINDS))).square().mean().backward()
        missing = [n for n, p in model.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
        assert missing == [], (name, missing)


def test_levels_of_the_first_rates_are_those_measured_in_the_sound():
    """With all gains of finer rates at zero, what `band_levels` promises is what the head makes."""
    torch.manual_seed(0)
    model = tiny().eval()
    torch.nn.init.normal_(model.levels[0].to_gain.weight, std=0.3)
    condition = model.condition_for(["kick"] * 64)
    style = model.map(torch.randn(1, 8), condition[:1]).expand(64, -1)
    with torch.no_grad():
        promised = model.band_levels(style, condition, 32)[:, : model.head.bands].mean(0)
        sounds = model.synthesize(style, condition)
        # The bass is a further part, which the promise keeps apart: look above it.
        measured = 0.5 * torch.log(model.head.band_powers(sounds).unflatten(-1, (32, -1)).mean((0, -1)))
    error = (measured - promised)[14:-1, 2:-2]
    assert float(error.abs().mean()) < 0.5


def test_controls_extend_the_condition_vector():
    model = tiny(controls=("brightness",))
    assert model.condition_for(["kick"]).tolist() == [[1.0, 0.0, 0.0]]


def test_mistakes_are_named():
    with pytest.raises(CreativeMLError, match=r"kind 'kik' is not known.*kick, snare"):
        tiny().condition_for(["kik"])
    with pytest.raises(ValueError, match="needs 128"):
        tiny(channels=(16, 16))
    with pytest.raises(CreativeMLError, match="fast"):
        preset("quick")


def stft_head(hop: int) -> StftHead:
    return StftHead(4, 3, sample_rate=44100, frames=8192 // hop, hop=hop)


@pytest.mark.parametrize("hop", [64, 128])
def test_stft_head_passes_white_noise_through_unchanged_when_nothing_shapes_it(hop):
    head = stft_head(hop)
    noise = torch.randn(2, 8192)
    gain = torch.zeros(2, head.gains, head.frames)
    gain[:, : head.bands] = -50.0  # tone off
    gain[:, 2 * head.bands :] = -50.0  # bass off
    head.noise_cut.zero_()
    with torch.no_grad():
        sound = head(
            torch.zeros(2, 4, 1, head.frames), torch.zeros(2, head.bands, head.frames), gain, torch.zeros(2, 3), noise
        )
    residue = sound - noise
    assert float(residue[:, 256:-256].abs().max()) < 0.05
    assert 10 * math.log10(float(noise.square().sum() / residue.square().sum())) > 25


@pytest.mark.parametrize("hop", [64, 128])
def test_stft_head_gain_is_in_nepers_and_level_adds_to_it(hop):
    head = stft_head(hop)
    noise = torch.randn(1, 8192)
    off = torch.full((1, head.bands, head.frames), -50.0)
    results = []
    for level, gain in ((0.0, 0.0), (-1.0, 0.0), (-2.0, 1.0)):
        gains = torch.cat(
            [off, torch.full((1, head.bands, head.frames), gain), off[:, : head.gains - 2 * head.bands]], 1
        )
        with torch.no_grad():
            results.append(
                head(
                    torch.zeros(1, 4, 1, head.frames),
                    torch.full((1, head.bands, head.frames), level),
                    gains,
                    torch.zeros(1, 3),
                    noise,
                )
            )
    # The soft bound on gains takes half a percent at 1 neper.
    torch.testing.assert_close(results[1], results[0] / math.e, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(results[2], results[1], atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("hop", [64, 128])
def test_bass_oscillators_have_the_level_that_the_analysis_gives_them(hop):
    """Only the oscillators sound; measured by the head's own analysis they lie at the level asked for."""
    head = stft_head(hop)
    torch.nn.init.zeros_(head.oscillators.to_tuning.weight)
    torch.nn.init.zeros_(head.oscillators.to_sweep.weight)
    torch.nn.init.constant_(head.oscillators.to_sweep.bias, -30.0)  # no sweep
    gain = torch.full((1, head.gains, head.frames), -50.0)
    gain[:, 2 * head.bands + 1] = 0.0  # the lowest, at 50 Hz
    with torch.no_grad():
        level = torch.full((1, head.bands, head.frames), 1.0)
        sound = head(torch.zeros(1, 4, 1, head.frames), level, gain, torch.zeros(1, 3), torch.randn(1, 8192))
    spectrum = torch.fft.rfft(sound[0] * torch.hann_window(8192))
    assert abs(int(spectrum.abs().argmax()) * 44100 / 8192 - 50) < 44100 / 8192
    measured = 0.5 * torch.log(head.band_powers(sound)[0, 0, 8:-8].mean())
    assert abs(float(measured) - 1.0) < 0.4
    assert abs(float(sound[0, 0])) < 0.1 * float(sound.abs().max()) + 0.02, "sines start at a zero crossing"


@pytest.mark.parametrize("hop", [64, 128])
def test_modes_have_the_levels_and_the_tuning_that_the_head_foretells(hop):
    """What `measure_levels` finds in the sound of a few modes is what `band_levels` says of them."""
    head = StftHead(4, 3, sample_rate=44100, frames=65536 // hop, hop=hop, modes=64)
    gain = torch.full((1, head.gains, head.frames), -50.0)
    gain[:, head.bands : 2 * head.bands] = -4.0  # quiet noise
    sounding = [20, 33, 34, 50]
    gain[:, [head.gains - 64 + n for n in sounding]] = torch.tensor([2.5, 2.0, 1.0, 0.0])[:, None]
    level = torch.linspace(-1, -2, head.bands)[None, :, None].expand(1, -1, head.frames)
    style = torch.randn(1, 3)
    with torch.no_grad():
        sound = head(torch.zeros(1, 4, 1, head.frames), level, gain, style, torch.randn(1, 65536))
        foretold, measured = head.band_levels(level, gain, style), head.measure_levels(sound, head.frames)
    assert foretold.shape == measured.shape and len(head.row_weights) == foretold.shape[1]
    steady = slice(32, -32)
    levels, tuning = ([rows[0, n:m, steady] for rows in (foretold, measured)] for n, m in ((-128, -64), (-64, None)))
    rings = ~tuning[1][:, 0].isnan()
    assert rings.nonzero().flatten().tolist() == sounding
    assert float((levels[0] - levels[1])[rings].mean(1).abs().max()) < 0.2, "1.7 dB"
    # A tenth of the analysis' bin of 11 Hz.
    hz = head.modes.resting[rings] * head.modes.reach
    assert float(((tuning[0] - tuning[1])[rings][:, 0] * hz).abs().max()) < 1.1
    # The sines do not count as noise: the band that the loudest lies in is left with a tenth of its power or less.
    left = measured[0, : head.bands, steady].mean(1)
    whole = 0.5 * head.band_powers(sound)[0, :, steady].mean(1).log()
    band = int(head.mode_bands[20].argmax())
    assert float(whole[band] - left[band]) > 0.5 * math.log(10)
    assert float((whole - left).min()) > -0.1
    # The louder one is a sine of its amplitude.
    gain[:, head.gains - 64 + 33 :] = -50.0
    with torch.no_grad():
        sound = head(torch.zeros(1, 4, 1, head.frames), level, gain, style, torch.randn(1, 65536))[0]
    amplitude = head.sine * float(levels[0][20, 0].exp())
    assert float(sound[512:-512].square().mean().sqrt()) == pytest.approx(amplitude / math.sqrt(2), rel=0.02)


def test_pqmf_head_noise_is_white_at_level_zero():
    head = PqmfHead(4, 3, sample_rate=44100, frames=2048)
    gain = torch.zeros(1, head.gains, 2048)
    gain[:, : head.bands] = -50.0
    with torch.no_grad():
        sound = head(
            torch.zeros(1, 4, 1, 2048), torch.zeros(1, 16, 1024), gain, torch.zeros(1, 3), torch.randn(1, 32768)
        )
    power = torch.stft(sound, 512, window=torch.hann_window(512), return_complex=True).abs().square().mean((0, 2))
    db = 10 * torch.log10(power[4:-4] / power[4:-4].mean())
    assert float(db.abs().max()) < 3.0


@pytest.mark.parametrize(
    ("openness", "skip", "deep"),
    [(0.0, 1.0, 0.0), (0.25, 1.0, 0.75), (0.5, 1.0, 1.0), (0.75, 0.75, 1.0), (1.0, 0.0, 1.0)],
)
def test_gate_follows_the_published_curves(openness, skip, deep):
    a, b = gate(torch.tensor(openness))
    assert (float(a), float(b)) == (skip, deep)


def test_closed_gates_hide_the_fine_stages_and_the_gates_can_learn():
    torch.manual_seed(0)
    critic = WaveCritic((8, 8, 8), 16, frames=512)
    low = torch.randn(1, 2048).repeat_interleave(4, dim=1)
    fine = torch.randn(1, 2048, 4)
    fine = (fine - fine.mean(2, keepdim=True)).flatten(1)  # vanishes when averaged over 4
    with torch.no_grad():
        critic.openness.fill_(-40.0)
        torch.testing.assert_close(critic(low + fine), critic(low), atol=1e-5, rtol=1e-5)
        critic.openness.fill_(0.0)
        assert float((critic(low + fine) - critic(low)).abs().max()) > 1e-3
        critic.openness.fill_(-1.7)
    critic(low + fine).sum().backward()
    assert critic.openness.grad is not None and bool((critic.openness.grad.abs() > 0).all())


def test_critic_has_one_verdict_per_view_and_hears_the_condition():
    torch.manual_seed(0)
    views = (SpectralView(512, 128, 32, 64), SpectralView(256, 64, 32, 32))
    config = CriticConfig(2, views=views, spectral_channels=(8, 8), wave_channels=(8, 8), feature_dim=16)
    critic = EnsembleCritic(config, length_samples=8192)
    sounds = torch.randn(3, 8192, requires_grad=True)
    seen = critic.views(sounds)
    assert [tuple(v.shape) for v in seen] == [(3, 32, 64), (3, 32, 32), (3, 8192)]
    first, second = (critic(seen, torch.eye(2)[[k] * 3]) for k in (0, 1))
    assert first.shape == (3, 3) and bool((first != second).all())
    first.sum().backward()
    assert sounds.grad is not None and bool(sounds.grad.isfinite().all())
    assert len(critic.gates()) == 1 and abs(critic.gates()[0] - 0.154) < 0.001
