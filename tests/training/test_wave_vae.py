"""Runs of the waveform autoencoder: exact resume through all phases, recordings learnt, a model that plays."""

import dataclasses

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

import creativeml
from creativeml.config import from_dict, to_dict
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.models import from_pretrained
from creativeml.training.fit import fit
from creativeml.training.levels import estimate_levels
from creativeml.training.parts import Part
from creativeml.training.run import FitOptions
from creativeml.training.updates import NonFiniteLoss
from creativeml.training.wave_vae import WaveVAETrainingConfig, between, build_wave_vae, wave_vae_preset, wave_vae_step
from tests.training.small_configs import small_wave_vae


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


@pytest.fixture
def small_vae() -> WaveVAETrainingConfig:
    return small_wave_vae(pretrain_steps=2, game_from=3)


def test_six_steps_equal_three_and_a_resume_of_three(drums, small_vae, fabric, tmp_path):
    """Levels, distance, and both turns of the game lie among the six."""
    fit(small_vae, drums, tmp_path / "whole", fabric, FitOptions(6, checkpoint_every=3))
    fit(small_vae, drums, tmp_path / "parts", fabric, FitOptions(3, checkpoint_every=3))
    torch.manual_seed(999)
    fit(small_vae, drums, tmp_path / "parts", fabric, FitOptions(6, checkpoint_every=3, resume=True))
    whole, parts = (load_file(tmp_path / p / "checkpoints/step-00000006.safetensors") for p in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [key for key in whole if not torch.equal(whole[key], parts[key])] == []


def test_a_run_leaves_a_model_that_plays_and_knows_its_latents(drums, small_vae, fabric, tmp_path):
    fit(small_vae, drums, tmp_path / "run", fabric, FitOptions(4, checkpoint_every=2))
    instrument = creativeml.load(tmp_path / "run/best")
    sounds = instrument.generate(kind="snare", count=2)
    assert sounds.shape == (2, 8192) and float(sounds.abs().max()) > 0.5
    model = from_pretrained(tmp_path / "run/best")
    data = OneShotDataset(drums, "train", kinds=("kick", "snare"))
    means = model.encode(data.batch(range(len(data)))[0])[0]
    for kind in (0, 1):
        torch.testing.assert_close(model.prior_mean[kind], means[data.labels == kind].mean(0), atol=1e-4, rtol=1e-4)


def test_phases_pay_what_they_are_for(drums, small_vae, fabric):
    run = build_wave_vae(small_vae, fabric)
    data = OneShotDataset(drums, "train", kinds=("kick", "snare"))
    sounds, labels = data.batch(range(4))
    paid = [set(wave_vae_step(run, [Part(sounds, labels, f"{n}")])) for n in range(6)]
    assert [("reconstruction" in p, "adversarial" in p) for p in paid] == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
        (True, True),
        (False, True),
    ]
    assert [{"kl", "kind"} <= p for p in paid] == [True] * 3 + [False] * 3
    assert all("levels" in p for p in paid)


def test_the_game_leaves_the_encoder_as_it_is(drums, small_vae, fabric):
    run = build_wave_vae(dataclasses.replace(small_vae, pretrain_steps=0, game_from=0), fabric)
    data = OneShotDataset(drums, "train", kinds=("kick", "snare"))
    sounds, labels = data.batch([0, 1, 8, 9])
    before = run.network.encode(sounds)[0].detach()
    decoded = {name: p.detach().clone() for name, p in run.network.synthesis.named_parameters()}
    for step in range(2):
        wave_vae_step(run, [Part(sounds, labels, f"{step}")])
    assert torch.equal(run.network.encode(sounds)[0], before)
    moved = [name for name, p in run.network.synthesis.named_parameters() if not torch.equal(p, decoded[name])]
    assert len(moved) > 0.9 * len(decoded)


def test_it_learns_to_make_recordings_again(drums, small_vae, fabric):
    """The plain distance between recordings and what is made of them falls by half."""
    data = OneShotDataset(drums, "train", kinds=("kick", "snare"))
    sounds, labels = data.batch([0, 1, 8, 9])
    config = dataclasses.replace(small_vae, pretrain_steps=20, game_from=10_000, kl_weight=0.0, ema_sounds=1)
    run = build_wave_vae(config, fabric)
    run.network.synthesis.level.copy_(estimate_levels(run.average.synthesis, data))

    def away() -> float:
        with torch.no_grad():
            again = run.network.decode(run.network.encode(sounds)[0])
        pyramids = (log_mel_pyramid(s, config.generator.sample_rate) for s in (sounds, again))
        return float(pyramid_distance(*pyramids).mean())

    before = away()
    for step in range(50):
        wave_vae_step(run, [Part(sounds, labels, f"{step}")])
    assert away() < 0.5 * before


def test_between_two_recordings_of_a_kind_lie_mixtures_of_them_alone():
    latents = torch.eye(5)
    labels = torch.tensor([0, 1, 0, 1, 2])
    mixed = between(latents, labels)
    torch.testing.assert_close(mixed.sum(1), torch.ones(5))
    assert bool((mixed >= 0).all())
    assert float(mixed[labels == 0][:, labels != 0].abs().max()) == 0
    assert torch.equal(mixed[4], latents[4])
    assert float(mixed[0, 0]) < 1 and float(mixed[0, 2]) > 0


def test_the_configuration_survives_json_and_refuses_what_cannot_be(small_vae):
    assert from_dict(WaveVAETrainingConfig, to_dict(small_vae)) == small_vae
    with pytest.raises(ValueError, match="game_from"):
        dataclasses.replace(small_vae, game_from=1)
    with pytest.raises(CreativeMLError, match="kind"):
        wave_vae_preset(())


def test_another_shape_does_not_start_from_a_generator(drums, small_vae, fabric, tmp_path):
    init = creativeml.load("drums").info.folder
    with pytest.raises(CreativeMLError, match="borrowed"):
        fit(small_vae, drums, tmp_path / "run", fabric, FitOptions(2, init=init))


def test_a_run_goes_on_from_another_with_other_settings(drums, small_vae, fabric, tmp_path):
    fit(small_vae, drums, tmp_path / "first", fabric, FitOptions(2, checkpoint_every=2))
    again = dataclasses.replace(small_vae, pretrain_steps=0, game_from=0)
    run = fit(again, drums, tmp_path / "second", fabric, FitOptions(1, init=tmp_path / "first", checkpoint_every=1))
    first = load_file(tmp_path / "first/checkpoints/step-00000002.safetensors")
    own = run.gan.network.state_dict()
    # The game leaves the encoder alone, so it must be the other run's.
    names = [name for name in own if name.startswith("encoder.")]
    assert names and all(torch.equal(own[name], first[f"module/generator/{name}"]) for name in names)


def test_a_step_that_is_skipped_leaves_the_critic_ready_for_the_next(drums, small_vae, fabric):
    run = build_wave_vae(dataclasses.replace(small_vae, pretrain_steps=0, game_from=0), fabric)
    data = OneShotDataset(drums, "train", kinds=("kick", "snare"))
    sounds, labels = data.batch([0, 1, 8, 9])
    whole = run.network.synthesis.start.detach().clone()
    sound = run.loss.generator
    run.loss.generator = lambda verdicts, sounds: {"adversarial": verdicts.mean() * torch.nan}
    with pytest.raises(NonFiniteLoss):
        wave_vae_step(run, [Part(sounds, labels, "0")])
    assert torch.equal(run.network.synthesis.start, whole)
    run.loss.generator = sound
    critic = [p.detach().clone() for p in run.critic.parameters()]
    log = wave_vae_step(run, [Part(sounds, labels, "0")])
    assert log["critic"] > 0 and not torch.equal(run.network.synthesis.start, whole)
    assert any(not torch.equal(a, b) for a, b in zip(critic, run.critic.parameters(), strict=True))
