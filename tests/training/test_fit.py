"""Runs: exact resume, survival of NaN and of damage, learning a small set, what is left behind."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
import soundfile
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from creativeml.config import to_dict
from creativeml.errors import CreativeMLError
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.models import from_pretrained
from creativeml.training import fit as fit_module
from creativeml.training import run as run_module
from creativeml.training.config import training_preset
from creativeml.training.fit import fit
from creativeml.training.gan import build_gan, train_step
from creativeml.training.parts import Part
from creativeml.training.recorder import last_line_with
from creativeml.training.run import FitOptions
from creativeml.training.updates import NonFiniteLoss
from creativeml.training.validation import generate


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


def tensors(run, step):
    return load_file(run / "checkpoints" / f"step-{step:08d}.safetensors")


def test_twenty_steps_equal_ten_and_a_resume_of_ten(drums, small, fabric, tmp_path):
    adapting = dataclasses.replace(small.augmentation, adapt_over_sounds=40, target=-0.5)
    small = dataclasses.replace(small, augmentation=adapting)
    fit(small, drums, tmp_path / "whole", fabric, FitOptions(20, checkpoint_every=10))
    fit(small, drums, tmp_path / "parts", fabric, FitOptions(10, checkpoint_every=10))
    torch.manual_seed(999)  # what happened in between must not matter
    fit(small, drums, tmp_path / "parts", fabric, FitOptions(20, checkpoint_every=10, resume=True))
    whole, parts = tensors(tmp_path / "whole", 20), tensors(tmp_path / "parts", 20)
    assert whole.keys() == parts.keys()
    parts_of = {key.split("/")[0] + "/" + key.split("/")[1] for key in whole}
    assert {"module/generator", "module/critic", "module/average", "module/encoder"} <= parts_of
    assert {"optimizer/generator", "optimizer/critic"} <= parts_of
    different = [key for key in whole if not torch.equal(whole[key], parts[key])]
    assert different == []
    states = [
        json.loads((tmp_path / p / "checkpoints/step-00000020.json").read_text())["values"] for p in ("whole", "parts")
    ]
    for state in states:
        state.pop("seconds")
    assert states[0] == states[1] and states[0]["probability"] > 0
    lines = [json.loads(line) for line in (tmp_path / "parts/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation/kernel_distance" in line] == [10, 20]


def test_a_run_leaves_models_sounds_pictures_and_a_log(drums, small, fabric, tmp_path):
    fit(small, drums, tmp_path / "run", fabric, FitOptions(6, checkpoint_every=3))
    model = from_pretrained(tmp_path / "run/best")
    assert to_dict(model.config) == to_dict(small.generator)
    assert float(model.mean_style.abs().sum()) > 0 and float(model.level.abs().sum()) > 0
    sounds, rate = soundfile.read(tmp_path / "run/reference/step-00000006/reference.wav")
    assert rate == 44100 and len(sounds) == 4 * (8192 + 22050) and abs(sounds).max() > 0.5
    assert (tmp_path / "run/reference/step-00000006/reference.png").read_bytes()[:4] == b"\x89PNG"
    assert list((tmp_path / "run/tensorboard").glob("events*"))
    last = last_line_with(tmp_path / "run", "validation/variety", 6)
    assert last["step"] == 6 and last["validation/variety"] > 0 and 0 < last["gate/0"] < 1
    with pytest.raises(CreativeMLError, match="--resume"):
        fit(small, drums, tmp_path / "run", fabric, FitOptions(6))


def test_damaged_checkpoint_falls_back_to_the_one_before(drums, small, fabric, tmp_path, capsys):
    fit(small, drums, tmp_path / "run", fabric, FitOptions(4, checkpoint_every=2))
    newest = tmp_path / "run/checkpoints/step-00000004.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    fit(small, drums, tmp_path / "run", fabric, FitOptions(5, checkpoint_every=5, resume=True))
    assert "step-00000004.safetensors is damaged; going back to step-00000002" in capsys.readouterr().err
    assert "module/generator/start" in tensors(tmp_path / "run", 5)


def test_mixed_precision_runs_through_every_kind_of_step(drums, small, tmp_path):
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    fit(small, drums, tmp_path / "run", fabric, FitOptions(20, checkpoint_every=20))
    terms = {key for line in (tmp_path / "run/log.jsonl").read_text().splitlines() for key in json.loads(line)}
    assert {"levels", "kl", "reconstruction", "critic", "adversarial", "drift", "r1", "verdict/sign"} <= terms
    assert all(bool(t.isfinite().all()) for k, t in tensors(tmp_path / "run", 20).items() if k.startswith("module"))


def test_nothing_to_resume_is_said(drums, small, fabric, tmp_path):
    with pytest.raises(CreativeMLError, match="without --resume"):
        fit(small, drums, tmp_path / "none", fabric, FitOptions(4, resume=True))


def test_nan_steps_are_skipped_then_rolled_back_and_said(drums, small, fabric, tmp_path, capsys, monkeypatch):
    real_step, seen = fit_module.train_step, []

    def poisoned(gan, parts):
        seen.append(gan.step)
        # A real NaN in the batch, once at step 5 and five times in a row at step 7.
        if (seen.count(5) == 1 and gan.step == 5) or (gan.step == 7 and seen.count(7) <= 5):
            parts = [dataclasses.replace(part, real=part.real * float("nan")) for part in parts]
        return real_step(gan, parts)

    monkeypatch.setattr(fit_module, "train_step", poisoned)
    run = fit(small, drums, tmp_path / "run", fabric, FitOptions(9, checkpoint_every=3))
    told = capsys.readouterr().err
    assert "step 5: not finite" in told and "back to step 6 at half the learning rate" in told
    assert run.gan.generator_optimizer.param_groups[0]["lr"] == small.generator_optimizer.rate / 2
    assert run.gan.critic_optimizer.param_groups[0]["lr"] == small.critic_optimizer.rate / 2
    again = fit(small, drums, tmp_path / "run", fabric, FitOptions(10, checkpoint_every=10, resume=True))
    assert (
        again.rate_factor == 0.5
        and again.gan.generator_optimizer.param_groups[0]["lr"] == run.gan.generator_optimizer.param_groups[0]["lr"]
    )
    assert seen.count(6) == 2, "the steps since the checkpoint are taken again"
    assert all(bool(t.isfinite().all()) for k, t in tensors(tmp_path / "run", 9).items() if k.startswith("module"))


def test_a_nan_changes_no_weight(drums, small, fabric):
    gan = build_gan(small, fabric)
    for step in (0, 6):
        gan.step = step
        before = {k: v.clone() for m in gan.modules().values() for k, v in m.state_dict().items()}
        with pytest.raises(NonFiniteLoss):
            train_step(gan, [Part(torch.full((4, 8192), float("nan")), torch.tensor([0, 1, 0, 1]), "")])
        after = {k: v for m in gan.modules().values() for k, v in m.state_dict().items()}
        assert gan.step == step and all(torch.equal(before[k], after[k]) for k in before)
        assert all(p.requires_grad for p in gan.critic.parameters())


def test_a_run_whose_losses_stay_nan_gives_up_with_a_reason(drums, small, fabric, tmp_path, monkeypatch):
    real_step = fit_module.train_step

    def poisoned(gan, parts):
        return real_step(gan, [dataclasses.replace(part, real=part.real * float("nan")) for part in parts])

    monkeypatch.setattr(fit_module, "train_step", poisoned)
    with pytest.raises(CreativeMLError, match="stay non-finite after 3 returns to step 0"):
        fit(small, drums, tmp_path / "run", fabric, FitOptions(9, checkpoint_every=3))


def test_a_nan_in_the_generators_half_leaves_the_generator_alone(drums, small, fabric, monkeypatch):
    gan = build_gan(small, fabric)
    gan.step = 6
    before = {k: v.clone() for k, v in gan.generator.state_dict().items()}
    monkeypatch.setattr(gan.loss, "generator", lambda fake, sounds: {"adversarial": fake.mean() * float("nan")})
    with pytest.raises(NonFiniteLoss, match="adversarial nan"):
        train_step(gan, [Part(torch.randn(4, 8192) * 0.1, torch.tensor([0, 1, 0, 1]), "")])
    assert all(torch.equal(before[k], v) for k, v in gan.generator.state_dict().items())
    assert all(p.requires_grad for p in gan.critic.parameters())


def test_other_data_or_another_small_set_is_refused_on_resume(drums, small, fabric, tmp_path):
    fit(small, drums, tmp_path / "run", fabric, FitOptions(2, checkpoint_every=2))
    with pytest.raises(CreativeMLError, match="--overfit 0"):
        fit(small, drums, tmp_path / "run", fabric, FitOptions(4, resume=True, overfit=4))
    other = tmp_path / "other"
    shutil.copytree(drums, other)
    with (other / "manifest.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(CreativeMLError, match="other data"):
        fit(small, other, tmp_path / "run", fabric, FitOptions(4, resume=True))


def test_kinds_with_one_validation_sound_are_named_and_left_out(drums, small, fabric, tmp_path, capsys):
    thin = tmp_path / "thin"
    shutil.copytree(drums, thin)
    lines = (thin / "manifest.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not (line.startswith("audio/kick") and ",validation," in line)]
    dropped = [line for line in lines if line not in kept]
    (thin / "manifest.csv").write_text("\n".join([*kept, dropped[0]]) + "\n", encoding="utf-8")
    run = fit(small, thin, tmp_path / "run", fabric, FitOptions(2, checkpoint_every=2))
    assert "fewer than two validation sounds of kick" in capsys.readouterr().err
    assert run.best["distance"] is not None
    (thin / "manifest.csv").write_text(
        "\n".join(kept[:1] + [k for k in kept if ",train," in k]) + "\n", encoding="utf-8"
    )
    run = fit(small, thin, tmp_path / "none", fabric, FitOptions(2, checkpoint_every=2))
    assert run.best == {"distance": None, "step": 2} and (tmp_path / "none/best/config.json").is_file()


def test_the_game_learns_to_make_the_two_sounds_of_a_small_set(drums, small, fabric, tmp_path, monkeypatch):
    """No pre-training and no level tables: critics and generator alone bring the sounds nearer to the recordings."""
    monkeypatch.setattr(run_module, "estimate_levels", lambda generator, _: torch.full_like(generator.level, -3.0))
    plain = dataclasses.replace(
        small, reconstruction=dataclasses.replace(small.reconstruction, pretrain_steps=0, every=0)
    )

    def distance(run) -> float:
        real = log_mel_statistics(run.dataset.batch(range(2))[0], 44100)
        fake = log_mel_statistics(generate(run.gan.average, 16, seed=3), 44100)
        return float(torch.cdist(fake, real).min(1).values.mean())

    start = fit(plain, drums, tmp_path / "start", fabric, FitOptions(1, overfit=2))
    end = fit(plain, drums, tmp_path / "end", fabric, FitOptions(800, checkpoint_every=800, overfit=2))
    assert distance(end) < 0.8 * distance(start)


def test_overfitting_two_sounds_learns_them(drums, small, fabric, tmp_path):
    small = dataclasses.replace(small, reconstruction=dataclasses.replace(small.reconstruction, pretrain_steps=10_000))
    fit(small, drums, tmp_path / "run", fabric, FitOptions(160, checkpoint_every=160, overfit=2))
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    losses = [line["levels"] for line in lines if "levels" in line]
    assert losses[-1] < 0.75 * losses[0]


def test_dry_run_says_what_would_be_done_and_writes_nothing(drums, small, fabric, tmp_path, capsys):
    fit(small, drums, tmp_path / "run", fabric, FitOptions(100, dry_run=True))
    assert "16 training sounds of 2 kinds" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["fast", "fast-pqmf", "paper", "wavegan", "spectral"])
def test_presets_are_whole_and_survive_json(name):
    from creativeml.config import from_dict
    from creativeml.training.config import GANTrainingConfig

    config = training_preset(name, ("kick", "snare"), seed=3)
    assert from_dict(GANTrainingConfig, to_dict(config)) == config
    assert config.generator.kinds == ("kick", "snare") and config.seed == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_after_the_step_and_the_run_goes_on_exactly(number, drums, tmp_path):
    """The real program, stopped for real."""
    command = [
        sys.executable,
        "-m",
        "creativeml",
        "train",
        "drum_gan",
        "--data",
        str(drums),
        "--out",
        str(tmp_path / "run"),
    ]
    wrong = subprocess.run([*command, "--preset", "fast"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1 and "--length 65536" in wrong.stderr and "Traceback" not in wrong.stderr
    script = (
        "import signal, sys, pathlib, json; signal.signal(signal.SIGINT, signal.default_int_handler);"
        " from lightning_fabric import Fabric; from creativeml.config import from_dict;"
        "from creativeml.training.config import GANTrainingConfig; from creativeml.training.fit import fit;"
        "from creativeml.training.run import FitOptions;"
        "config = from_dict(GANTrainingConfig, json.loads(sys.argv[1]));"
        "fit(config, pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]),"
        " Fabric(accelerator='cpu', precision='32-true'),"
        " FitOptions(100000, checkpoint_every=50000))"
    )
    config = dataclasses.replace(training_preset("fast", ("kick", "snare")), batch_size=2)
    generator = dataclasses.replace(config.generator, length_samples=8192, channels=(16, 12))
    config = dataclasses.replace(config, generator=generator, critic=dataclasses.replace(config.critic, views=()))
    arguments = [sys.executable, "-c", script, json.dumps(to_dict(config)), str(drums), str(tmp_path / "run")]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        try:
            log = tmp_path / "run/log.jsonl"
            for _ in range(600):
                if log.exists() and log.read_text():
                    break
                time.sleep(0.1)
            process.send_signal(number)
            _, told = process.communicate(timeout=60)
        finally:  # leaving the block waits for it
            process.kill()
    assert process.returncode == 0, told
    assert "continue with --resume" in told
    steps = sorted(int(p.stem.split("-")[1]) for p in (tmp_path / "run/checkpoints").glob("*.json"))
    assert steps[0] == 0 and steps[-1] >= 20
