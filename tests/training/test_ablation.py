"""Ablations: equal cost, a common start, and going on after being stopped or killed at the worst moment."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from creativeml.errors import CreativeMLError
from creativeml.training import ablation as ablation_module
from creativeml.training.ablation import VARIANTS, Ablation, Variant
from creativeml.training.config import ALL_CONTROLS, changed_training, training_preset
from creativeml.training.fit import fit

BASE, OTHER = Variant("base", "nothing"), Variant("other", "seed", seed=1)
PERIODS = Variant("periods", "period critics", ("critic.periods=2,3", "critic.period_channels=64,128"))
HEAVY = Variant("heavy", "large period critics", ("critic.periods=2,3,5", "critic.period_channels=128,256,256"))
PLAIN = Variant("plain", "no envelope", ("generator.class_envelope=false",))


@pytest.fixture
def started(drums, small, tmp_path) -> Ablation:
    return Ablation(drums, tmp_path / "all", small, minutes=0.02)


def test_the_variants_are_settings_that_can_be():
    """Of the preset that they are for; each differs from it, and no two are the same."""
    preset = training_preset("fast", ("kick", "snare"), controls=ALL_CONTROLS)
    made = [replace(changed_training(preset, v.settings), seed=v.seed) for v in VARIANTS]
    assert len({v.name for v in VARIANTS}) == len(VARIANTS) == len(set(map(repr, made)))
    assert sum(v.unchanged for v in VARIANTS) >= 2 and VARIANTS[0].unchanged
    shapes = [v for v in VARIANTS if any(s.startswith("critic.") for s in v.settings)]
    assert len(shapes) >= 8


def test_what_costs_more_gets_fewer_steps(started):
    assert started.relative_cost(OTHER) == 1.0 and started.steps_of(OTHER) == started.plan.base_steps
    cost = started.relative_cost(HEAVY)
    assert cost > 1.1
    assert started.steps_of(HEAVY) == round(started.plan.base_steps / cost)
    assert started.relative_cost(HEAVY) == cost, "measured once"
    kept = json.loads((started.folder(HEAVY) / "cost.json").read_text())
    assert kept == {"relative_cost": cost}


def test_variants_of_one_generator_share_a_start_and_another_generator_has_its_own(started):
    folders = {v.name: started.start_of(v)[0] for v in (BASE, OTHER, PERIODS, PLAIN)}
    assert len({folders[n] for n in ("base", "other", "periods")}) == 1 and folders["plain"] != folders["base"]
    assert started.configuration(BASE).reconstruction.pretrain_steps == 0
    assert started.start_of(PLAIN)[1].reconstruction.pretrain_steps == 4


def test_a_variant_starts_from_the_start_and_goes_on_after_a_kill(started, small, monkeypatch):
    started.folder(PERIODS).mkdir(parents=True)
    (started.folder(PERIODS) / "cost.json").write_text('{"relative_cost": 1.0}')
    steps = started.steps_of(PERIODS)
    assert started.train(PERIODS) == ""
    start = started.start_of(PERIODS)[0]
    weights = load_file(start / "checkpoints/step-00000004.safetensors")
    assert "module/encoder/to_latent.weight" in weights
    run = started.folder(PERIODS) / "run"
    first = load_file(run / f"checkpoints/step-{steps:08d}.safetensors")
    # Killed between the last state and the model that is made of it.
    shutil.rmtree(run / "last")
    assert started.train(PERIODS) == ""
    second = load_file(run / f"checkpoints/step-{steps:08d}.safetensors")
    assert [k for k in first if not torch.equal(first[k], second[k])] == []
    assert json.loads((run / "last/config.json").read_text())["info"]["step"] == steps

    def never(*arguments):
        raise AssertionError("a finished run is not trained again")

    monkeypatch.setattr(ablation_module, "fit", never)
    assert started.train(PERIODS) == ""


def test_a_stopped_variant_is_said_and_goes_on(started, monkeypatch):
    def stopped_once(config, data, out, fabric, options):
        monkeypatch.setattr(ablation_module, "fit", fit)
        run = fit(config, data, out, fabric, replace(options, steps=2))
        run.stopped_by = "SIGTERM"
        return run

    monkeypatch.setattr(ablation_module, "fit", stopped_once)
    assert started.train(BASE) == "SIGTERM"
    assert started.train(BASE) == ""


def test_a_folder_is_gone_on_with_only_as_it_was_begun(started, drums, small, tmp_path):
    again = Ablation(drums, tmp_path / "all", small, minutes=0.02)
    assert again.plan == started.plan and again.plan.base_steps >= 1
    with pytest.raises(CreativeMLError, match="begun with other minutes"):
        Ablation(drums, tmp_path / "all", small, minutes=1.0)
    with pytest.raises(CreativeMLError, match="begun with other settings"):
        Ablation(drums, tmp_path / "all", replace(small, batch_size=8), minutes=0.02)
    with pytest.raises(CreativeMLError, match="more than 0"):
        Ablation(drums, tmp_path / "new", small, minutes=0.0)
