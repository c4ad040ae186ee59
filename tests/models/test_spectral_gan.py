"""The GANSynth-like baseline: its size, what its critic sees, and that it can be trained, saved and played."""

import itertools

import pytest
import torch
from lightning_fabric import Fabric

import creativeml
from creativeml import models
from creativeml.audio.instantaneous_frequency import demodulated_stft, from_picture, inverse_demodulated_stft
from creativeml.errors import CreativeMLError
from creativeml.losses.adversarial import AdversarialConfig
from creativeml.models.gans.spectral_gan import SpectralGAN, SpectralGANConfig, SpectralGANCritic
from creativeml.synthesis.generate import SoundModel
from creativeml.training.config import (
    AugmentationConfig,
    GANTrainingConfig,
    OptimizerConfig,
    ReconstructionConfig,
    training_preset,
)
from creativeml.training.gan import build_gan, train_step
from creativeml.training.parts import Part

SMALL = SpectralGANConfig(
    kinds=("kick", "snare"), length_samples=1024, latent_dim=8, window_samples=64, hop_samples=16, channels=(16, 12, 8)
)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_of_the_paper():
    """Networks of the paper's shape, counted by hand from its list of layers."""
    channels = (256, 256, 256, 256, 128, 64, 32)
    config = SpectralGANConfig(
        window_samples=2048, hop_samples=512, channels=channels, convs_per_level=2, patch=1, spread_group=4
    )
    assert (config.bins, config.frames, config.coarsest) == (1024, 128, (16, 2))
    with torch.device("meta"):
        found = count(SpectralGAN(config)), count(SpectralGANCritic(config))
    kinds = len(config.kinds)
    pairs = list(itertools.pairwise(channels))
    inner = sum((9 * i + 1) * o for a, b in pairs for i, o in ((a, b), (b, b)))
    generator = (256 + kinds + 1) * 256 * 32 + 2 * (9 * 256 + 1) * 256 + inner + (32 + 1) * 2
    turned = sum((9 * i + 1) * o for a, b in pairs for i, o in ((b, b), (b, a)))
    # The critic ends with 256 + 1 channels of spread, a dense layer, the score, and the embedding of the kind.
    end = (9 * 257 + 1) * 256 + (256 * 32 + 1) * 256 + 257 + (kinds + 1) * 256
    assert found == (generator, (2 + 1) * 32 + turned + end)


def test_latent_direction_kind_and_truncation_reach_the_sound():
    torch.manual_seed(0)
    model = SpectralGAN(SMALL)
    latent = torch.randn(1, 8).expand(2, -1)
    condition = model.condition_for(["kick", "snare"])
    kick, snare = model(latent, condition)
    assert kick.shape == (1024,) and model.noise_shapes() == () and isinstance(model, SoundModel)
    assert (kick - snare).abs().max() > 1e-3
    torch.testing.assert_close(model(3.0 * latent, condition)[0], kick, atol=1e-4, rtol=1e-3)
    calm = model(torch.randn(2, 8), model.condition_for(["kick", "kick"]), truncation=0.0)
    assert torch.equal(calm[0], calm[1])
    with pytest.raises(CreativeMLError, match="kick, snare"):
        model.condition_for(["gong"])


def test_sounds_are_made_of_the_pictures_that_the_critic_is_shown():
    torch.manual_seed(0)
    model, critic = SpectralGAN(SMALL), SpectralGANCritic(SMALL)
    latent, condition = torch.randn(2, 8), model.condition_for(["kick", "snare"])
    with torch.no_grad():
        picture, sounds = model(latent, condition, as_picture=True), model(latent, condition)
    assert picture.shape == (2, 2, 32, 64) and float(picture.abs().max()) <= 1.0
    assert critic.views(picture) == [picture]
    torch.testing.assert_close(sounds, inverse_demodulated_stft(from_picture(picture), 16))
    (seen,) = critic.views(sounds)
    assert seen.shape == picture.shape
    # A picture drawn at random is the spectrum of no sound; of the nearest sound it has less.
    drawn, heard = (float(s.abs().square().sum()) for s in (from_picture(picture), demodulated_stft(sounds, 64, 16)))
    assert 0.1 < heard / drawn < 1.0


def test_the_verdict_on_recordings_does_not_depend_on_what_else_is_judged():
    """Groups of the minibatch standard deviation do not mix recordings with the generated sounds behind them."""
    torch.manual_seed(0)
    critic = SpectralGANCritic(SMALL)
    real, fake = torch.randn(4, 2, 32, 64), torch.randn(4, 2, 32, 64)
    condition = torch.eye(2).repeat(2, 1)
    alone = critic([real], condition)
    both = critic([torch.cat([real, fake])], condition.repeat(2, 1))
    torch.testing.assert_close(both[:4], alone)
    # Within a group they do matter to each other, and so does the kind.
    other = torch.cat([real[:3], fake[:1]])
    assert float((critic([other], condition)[:3] - alone[:3]).detach().abs().max()) > 1e-4
    assert float((critic([real], condition.flip(0)) - alone).detach().abs().max()) > 1e-4


def small_training(**adversarial) -> GANTrainingConfig:
    rate = OptimizerConfig(rate=2e-3)
    return GANTrainingConfig(
        "spectral",
        SMALL,
        None,
        adversarial=AdversarialConfig("wasserstein", "gp", 10.0, 1, overshoot_weight=0.0, **adversarial),
        generator_optimizer=rate,
        critic_optimizer=rate,
        augmentation=AugmentationConfig(limit=0.0),
        reconstruction=ReconstructionConfig(pretrain_steps=0, every=0),
        batch_size=8,
        ema_sounds=40,
    )


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_few_steps_learn_how_loud_and_how_long_the_sounds_are(precision):
    """Recordings are quiet bursts of noise that die away: the level over time is learnt from the critic."""
    gan = build_gan(small_training(), Fabric(accelerator="cpu", devices=1, precision=precision))
    random = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1] * 4)
    fade = torch.exp(-torch.arange(1024) / 60.0)
    real = [0.003 * torch.randn(8, 1024, generator=random) * fade for _ in range(8)]
    wanted = torch.cat([gan.critic.views(batch)[0] for batch in real])[:, 0].mean((0, 1))

    @torch.no_grad()
    def distance() -> float:
        picture = gan.average(torch.randn(16, 8, generator=random), torch.eye(2).repeat(8, 1), as_picture=True)
        return float((picture[:, 0].mean((0, 1)) - wanted).abs().mean())

    before = distance()
    for step in range(150):
        log = train_step(gan, [Part(real[step % 8], labels, str(step))])
    assert {"critic", "gp", "drift", "adversarial"} <= log.keys()
    assert distance() < 0.3 * before


def test_saved_loaded_and_played(tmp_path):
    torch.manual_seed(0)
    model = models.build(
        "spectral_gan",
        kinds=["kick"],
        length_samples=16384,
        window_samples=256,
        hop_samples=64,
        channels=[8, 8],
        patch=4,
    )
    models.save_pretrained(model, tmp_path)
    again = models.from_pretrained(tmp_path)
    latent, condition = torch.randn(2, 256), model.condition_for(["kick"] * 2)
    with torch.no_grad():
        assert torch.equal(model(latent, condition), again(latent, condition))
    sounds = creativeml.load(tmp_path).generate(kind="kick", count=2, seed=3)
    assert sounds.shape == (2, 16384) and bool(sounds.isfinite().all()) and not torch.equal(sounds[0], sounds[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"length_samples": 1000},
        {"window_samples": 300, "hop_samples": 256},
        {"channels": ()},
        {"channels": (8,) * 9},
        {"kinds": ()},
        {"patch": 0},
        {"convs_per_level": 0},
    ],
)
def test_configurations_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        SpectralGANConfig(**wrong)
    with pytest.raises(CreativeMLError, match="spectral_gan"):
        models.build("spectral_gan", **wrong)


def test_trainings_that_cannot_be_are_refused():
    with pytest.raises(CreativeMLError, match="multiple of that, not 6"):
        training_preset("spectral", ("kick",), batch_size=6)
    with pytest.raises(CreativeMLError, match="no controls"):
        training_preset("spectral", ("kick",), controls=("warmth",))
    with pytest.raises(ValueError, match="sees pictures"):
        GANTrainingConfig("spectral", SMALL, None, batch_size=8)
