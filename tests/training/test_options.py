"""Options of a run: each does what it says, or is refused; runs with all of them train and resume exactly."""

import dataclasses
import json
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from creativeml.config import ConfigError
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.layers.modulated import ShapedNoise
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.training.config import ControlConfig, changed_training, training_preset
from creativeml.training.controls import Obedience
from creativeml.training.fit import fit
from creativeml.training.gan import train_step
from creativeml.training.levels import estimate_levels
from creativeml.training.parts import Part
from creativeml.training.run import FitOptions, open_run

EVERYTHING = (
    "critic.periods=2,3",
    "critic.period_channels=4,6",
    "critic.period_samples=4096",
    "critic.spread_group=2",
    "critic.wave_gate=false",
    "critic.views=512:128:32:64,256:64:32:64:complex",
    "generator.class_envelope=false",
    "generator.shaped_noise=false",
    "kind_shares=data",
    "augmentation.limit=0",
)
WGAN_LP = ("adversarial.game=wasserstein", "adversarial.penalty=lp", "adversarial.penalty_weight=10")


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


@pytest.mark.parametrize("changes", [EVERYTHING, (*EVERYTHING, *WGAN_LP)], ids=["all options", "all with WGAN-LP"])
def test_a_run_with_all_options_resumes_exactly_and_keeps_them(changes, drums, small, fabric, tmp_path):
    config = changed_training(small, changes)
    fit(config, drums, tmp_path / "whole", fabric, FitOptions(12, checkpoint_every=6))
    fit(config, drums, tmp_path / "parts", fabric, FitOptions(6, checkpoint_every=6))
    # Resumed without naming the options again: the run has them in its folder.
    resumed = fit(small, drums, tmp_path / "parts", fabric, FitOptions(12, checkpoint_every=6, resume=True))
    assert resumed.gan.config == config
    whole, parts = (load_file(tmp_path / name / "checkpoints/step-00000012.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [key for key in whole if not torch.equal(whole[key], parts[key])] == []
    lines = [json.loads(line) for line in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert not any(key.startswith("gate/") for line in lines for key in line)


def test_batches_hold_kinds_as_often_as_asked(drums, small, fabric, tmp_path):
    dataset = OneShotDataset(drums, "train")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("dataset.json", "audio"):
        (few / name).symlink_to(drums / name)
    head, *rows = (drums / "manifest.csv").read_text(encoding="utf-8").splitlines()
    kept = [r for r in rows if ",train," not in r or "audio/kick" in r or r.startswith("audio/snare/0.")]
    (few / "manifest.csv").write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    kicks = int((dataset.labels == 0).sum())
    shares = {}
    for asked in ("equal", "root", "data"):
        run = open_run(replace(small, kind_shares=asked), few, tmp_path / "run", fabric, FitOptions(1))
        drawn = torch.cat([run.dataset.labels[next(run.sampler)] for _ in range(9)])
        shares[asked] = float((drawn == 0).float().mean())
    root = round(kicks**0.5)
    wanted = {"equal": 0.5, "root": root / (root + 1), "data": kicks / (kicks + 1)}
    assert shares == {name: pytest.approx(share, abs=0.02) for name, share in wanted.items()}
    assert wanted["equal"] < wanted["root"] < wanted["data"]


def test_every_critic_step_sees_sounds_of_its_own(drums, small, fabric, tmp_path):
    config = replace(small, critic_steps=3, reconstruction=replace(small.reconstruction, pretrain_steps=0))
    seen = []
    run = open_run(config, drums, tmp_path / "run", fabric, FitOptions(2, checkpoint_every=2))
    view = run.gan.critic.module if hasattr(run.gan.critic, "module") else run.gan.critic
    view.register_forward_pre_hook(lambda module, given: seen.append(given[0][0].detach().clone()))
    sounds, labels = run.dataset.batch(next(run.sampler))
    assert len(sounds) == config.sounds_per_step == 3 * config.batch_size
    train_step(run.gan, [Part(sounds, labels, "")])
    b = config.batch_size
    # Real and made ones together for the critic; the generator's own look has made ones only, penalties real ones only.
    both = [views[:b] for views in seen if len(views) == 2 * b]
    assert len(both) == 3
    wanted = view.views(sounds)[0].chunk(3)
    for got, own in zip(both, wanted, strict=True):
        torch.testing.assert_close(got, own, atol=1e-4, rtol=1e-4)
    # In the log every one of them counts.
    fitted = fit(config, drums, tmp_path / "fitted", fabric, FitOptions(2, checkpoint_every=2))
    assert fitted.sounds_seen == 2 * config.sounds_per_step


def test_without_class_envelope_all_levels_start_from_one_mean(drums, small):
    dataset = OneShotDataset(drums, "train")
    tables = [
        estimate_levels(StyleWaveGAN(replace(small.generator, class_envelope=on)), dataset) for on in (True, False)
    ]
    assert float(tables[0].std()) > 0.5 and float(tables[1].std()) < 1e-4
    # Smoothing over time moves the mean of the table a little.
    assert float(tables[1].mean()) == pytest.approx(float(tables[0].mean()), abs=0.05)


def test_noise_that_is_not_shaped_is_as_strong_at_the_end_as_at_the_start():
    for shaped in (True, False):
        layer = ShapedNoise(3, 64, shaped=shaped)
        torch.nn.init.ones_(layer.strength)
        added = layer(torch.zeros(1, 3, 1, 64), torch.ones(1, 64))[0, :, 0]
        assert float(added[0, 0].detach()) == pytest.approx(1.0, abs=0.1)
        assert float(added[0, -1].detach()) == (0.0 if shaped else 1.0)
        added.sum().backward()
        assert all(p.grad is not None and bool((p.grad != 0).all()) for p in layer.parameters())


def test_a_critic_of_another_shape_starts_anew_and_everything_else_goes_on(drums, small, fabric, tmp_path, capsys):
    fit(small, drums, tmp_path / "first", fabric, FitOptions(6, checkpoint_every=6))
    other = changed_training(small, ["critic.periods=3", "reconstruction.pretrain_steps=0"])
    run = open_run(other, drums, tmp_path / "second", fabric, FitOptions(6, init=tmp_path / "first"))
    assert "starting from first: average, encoder, generator; anew: critic" in capsys.readouterr().err
    before = load_file(tmp_path / "first/checkpoints/step-00000006.safetensors")
    assert torch.equal(run.gan.average.start, before["module/average/start"])
    smaller = changed_training(small, ["generator.channels=24,24,12", "reconstruction.pretrain_steps=0"])
    with pytest.raises(CreativeMLError, match="kinds and preset must be the same"):
        open_run(smaller, drums, tmp_path / "third", fabric, FitOptions(6, init=tmp_path / "first"))


def test_a_penalty_without_weight_is_never_paid():
    names = ("brightness",)
    assert Obedience(ControlConfig(every=1), names, 44_100).is_due(0)
    assert not Obedience(ControlConfig(weight=0.0, every=1), names, 44_100).is_due(0)


@pytest.mark.parametrize(
    ("preset", "changes", "message"),
    [
        ("fast", ["critic.spread_group=5"], "must divide the batch of 16, 5 does not"),
        ("fast", ["adversarial.game=wasserstein"], r"set augmentation\.limit=0 too"),
        ("fast", ["control.weights=warmth:2"], "warmth, which the generator has no control for"),
        ("fast", ["control.weights=warmth:2,warmth:1"], "a control twice"),
        ("fast", ["augmentation.data_only=pitch,ptich"], "no augmentation 'ptich'"),
        ("fast", ["augmentation.limit=1.5"], r"limit must be from 0\.0 to 1\.0"),
        ("fast", ["generator_optimizer.rate=0"], "learning rate must be more than 0"),
        ("fast", ["reconstruction.every=-1"], "every must be at least 0"),
        ("fast", ["critic_steps=0"], "critic_steps must be at least 1"),
        ("fast", ["seed=3"], "give it by --seed"),
        ("fast", ["generator.controls=warmth"], "choose them by --controls"),
        ("fast", ["generator.start_frames=16"], "start frames doubled"),
        ("paper", ["reconstruction.every=8", "reconstruction.pretrain_steps=10"], "no levels to learn first"),
        ("wavegan", ["reconstruction.every=8"], "only StyleWaveGAN reconstructs"),
        ("wavegan", ["critic.periods=2"], "a critic of its own"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(preset, changes, message):
    with pytest.raises(CreativeMLError, match=message) as caught:
        changed_training(training_preset(preset, ("kick", "snare")), changes)
    assert "\n" not in str(caught.value)


def test_configurations_are_checked_however_they_are_made():
    config = training_preset("fast", ("kick",))
    with pytest.raises(ValueError, match="penalty_every must be at least 1"):
        dataclasses.replace(config.adversarial, penalty_every=0)
    with pytest.raises(ConfigError, match="the weight of warmth must be more than 0"):
        changed_training(training_preset("fast", ("kick",), controls=("warmth",)), ["control.weights=warmth:0"])
