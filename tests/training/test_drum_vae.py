"""Runs of the VAE go through the same code as those of the GANs: exact resume, a model that plays, sounds learnt."""

import dataclasses
import json

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

import creativeml
from creativeml.config import from_dict, to_dict
from creativeml.errors import CreativeMLError
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.models import from_pretrained
from creativeml.training.config import AugmentationConfig, changed_training
from creativeml.training.drum_vae import VAETrainingConfig, vae_preset
from creativeml.training.fit import fit
from creativeml.training.parts import Part
from creativeml.training.run import FitOptions
from creativeml.training.tasks import build, train_step
from creativeml.training.updates import NonFiniteLoss
from tests.training.small_configs import small_drum_vae


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


@pytest.fixture
def small_vae() -> VAETrainingConfig:
    return small_drum_vae()


def test_six_steps_equal_three_and_a_resume_of_three(drums, small_vae, fabric, tmp_path):
    fit(small_vae, drums, tmp_path / "whole", fabric, FitOptions(6, checkpoint_every=3))
    fit(small_vae, drums, tmp_path / "parts", fabric, FitOptions(3, checkpoint_every=3))
    torch.manual_seed(999)
    fit(small_vae, drums, tmp_path / "parts", fabric, FitOptions(6, checkpoint_every=3, resume=True))
    whole, parts = (load_file(tmp_path / p / "checkpoints/step-00000006.safetensors") for p in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [key for key in whole if not torch.equal(whole[key], parts[key])] == []
    assert {key.split("/")[1] for key in whole} == {"generator", "encoder", "average"}


def test_a_run_ends_when_its_time_is_up_and_goes_on_with_more(drums, small_vae, fabric, tmp_path):
    plan = FitOptions(100_000, checkpoint_every=50_000, validate_every=50_000, minutes=0.02)
    first = fit(small_vae, drums, tmp_path / "run", fabric, plan)
    assert 0 < first.gan.step < 1000 and first.seconds >= 1.2 and not first.stopped_by
    info = json.loads((tmp_path / "run/last/config.json").read_text())["info"]
    assert info["step"] == first.gan.step and info["seconds"] == first.seconds
    again = fit(small_vae, drums, tmp_path / "run", fabric, dataclasses.replace(plan, resume=True))
    assert again.gan.step == first.gan.step
    longer = dataclasses.replace(plan, resume=True, minutes=first.seconds / 60 + 0.02)
    more = fit(small_vae, drums, tmp_path / "run", fabric, longer)
    assert first.gan.step < more.gan.step < 2000 and more.seconds >= first.seconds + 1.2
    steps = fit(small_vae, drums, tmp_path / "few", fabric, dataclasses.replace(plan, steps=2, minutes=60.0))
    assert steps.gan.step == 2


def test_a_run_leaves_a_model_that_plays_with_its_encoder_beside_it(drums, small_vae, fabric, tmp_path):
    fit(small_vae, drums, tmp_path / "run", fabric, FitOptions(4, checkpoint_every=2))
    instrument = creativeml.load(tmp_path / "run/best")
    sounds = instrument.generate(kind="snare", count=2)
    assert sounds.shape == (2, 8192) and float(sounds.abs().max()) > 0.5
    encoder = from_pretrained(tmp_path / "run/best/encoder")
    mean, _ = encoder(sounds, instrument.model.condition_for(["snare"] * 2))
    assert mean.shape == (2, small_vae.generator.latent_dim)
    last = json.loads((tmp_path / "run/log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 4 and last["validation/variety"] > 0
    assert (tmp_path / "run/reference/step-00000004/reference.png").is_file()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_small_set_is_learnt_by_heart(precision, drums, small_vae, tmp_path):
    """What is encoded and decoded again comes near the two sounds, as a draw of the untrained model does not."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    run = fit(small_vae, drums, tmp_path / "run", fabric, FitOptions(150, checkpoint_every=150, overfit=2))
    sounds, labels = run.dataset.batch(range(2))
    condition = torch.nn.functional.one_hot(labels, 2).float()
    encoder = from_pretrained(tmp_path / "run/last/encoder")

    @torch.no_grad()
    def distance_db(decoder) -> float:
        mean, _ = encoder(sounds, condition)
        made = decoder(mean, condition, noise=[torch.randn(2, 8192, generator=torch.Generator().manual_seed(0))])
        return 80 * float(pyramid_distance(log_mel_pyramid(sounds, 44100), log_mel_pyramid(made, 44100)).mean())

    untrained = build(small_vae, fabric).average
    assert distance_db(run.gan.average) < min(9.0, 0.4 * distance_db(untrained))
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    surprise = [line["surprise"] for line in lines if "surprise" in line]
    assert surprise[-1] < surprise[0] - 2 and all(line["kl"] > 0 for line in lines if "kl" in line)


def test_a_nan_changes_no_weight(small_vae, fabric):
    vae = build(small_vae, fabric)
    before = {k: v.clone() for m in vae.modules().values() for k, v in m.state_dict().items()}
    with pytest.raises(NonFiniteLoss, match="surprise nan"):
        train_step(vae, [Part(torch.full((4, 8192), float("nan")), torch.tensor([0, 1, 0, 1]), "")])
    after = {k: v for m in vae.modules().values() for k, v in m.state_dict().items()}
    assert vae.step == 0 and all(torch.equal(before[k], after[k]) for k in before)


def test_runs_of_the_two_trainings_are_not_mixed_up(drums, small, small_vae, fabric, tmp_path):
    fit(small_vae, drums, tmp_path / "vae", fabric, FitOptions(1, checkpoint_every=1))
    with pytest.raises(CreativeMLError, match="holds a run of drum_vae; resume it with `creativeml train drum_vae`"):
        fit(small, drums, tmp_path / "vae", fabric, FitOptions(2, resume=True))
    fit(small, drums, tmp_path / "gan", fabric, FitOptions(1, checkpoint_every=1))
    with pytest.raises(CreativeMLError, match="holds a run of drum_gan"):
        fit(small_vae, drums, tmp_path / "gan", fabric, FitOptions(2, resume=True))


def test_the_preset_survives_json_and_single_fields_can_be_set():
    config = vae_preset(("kick", "snare"), batch_size=4, seed=3)
    assert from_dict(VAETrainingConfig, to_dict(config)) == config
    other = changed_training(config, ["kl_weight=0.01", "generator.channels=64,32,16"])
    assert other == dataclasses.replace(
        config, kl_weight=0.01, generator=dataclasses.replace(config.generator, channels=(64, 32, 16))
    )
    with pytest.raises(CreativeMLError, match=r"no field 'critic\.periods'"):
        changed_training(config, ["critic.periods=2"])
    with pytest.raises(CreativeMLError, match="no sound whose kind is known"):
        vae_preset(())
    with pytest.raises(ValueError, match="there is none"):
        VAETrainingConfig(config.generator, augmentation=AugmentationConfig())
