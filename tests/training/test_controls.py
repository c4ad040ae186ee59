"""Descriptors as conditions: what is asked, what is measured, and that a generator can learn to obey."""

import json
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric

from creativeml.audio.descriptors import describe
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.gans.condition import control_entries, kind_shares
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
from creativeml.synthesis.generate import load
from creativeml.training.config import ControlConfig, training_preset
from creativeml.training.controls import Obedience, measured, measured_dataset, perturbed, usual_controls
from creativeml.training.fit import fit
from creativeml.training.run import FitOptions

NAMES = ("brightness", "decay_time_20")


def test_entries_count_in_audible_steps_from_the_middle_of_what_drums_span():
    middle = control_entries({"brightness": torch.tensor([50.0, 70.0, 30.0, 1e6])}, ("brightness",))[:, 0]
    torch.testing.assert_close(middle, torch.tensor([0.0, 1.0, -1.0, 4.0]))
    longer = control_entries({"decay_time_20": torch.tensor([1000.0, 1250.0])}, ("decay_time_20",))[:, 0]
    assert float(longer.diff()) == pytest.approx(0.25, rel=0.01)


def test_mixtures_of_kinds():
    shares = kind_shares(["kick", {"kick": 1.0, "snare": 3.0}], ("kick", "snare"), torch.device("cpu"))
    torch.testing.assert_close(shares, torch.tensor([[1.0, 0.0], [0.25, 0.75]]))
    for wrong in ({"kick": -1.0, "snare": 2.0}, {"kick": 0.0}, {"kick": float("nan")}):
        with pytest.raises(CreativeMLError, match="shares of a mixture"):
            kind_shares([wrong], ("kick", "snare"), torch.device("cpu"))


def test_a_condition_fills_in_what_is_not_asked():
    model = StyleWaveGAN(StyleWaveGANConfig(kinds=("kick", "snare"), controls=NAMES, latent_dim=4, style_dim=4))
    model.usual_controls.copy_(torch.tensor([[0.5, -1.0], [1.5, 1.0]]))
    asked = {"brightness": torch.tensor([70.0, float("nan")])}
    condition = model.condition_for(["kick", {"kick": 1.0, "snare": 1.0}], asked)
    torch.testing.assert_close(condition, torch.tensor([[1.0, 0.0, 1.0, -1.0], [0.5, 0.5, 1.0, 0.0]]))
    with pytest.raises(CreativeMLError, match="no control 'warmth'"):
        model.condition_for(["kick"], {"warmth": torch.tensor([50.0])})


def test_what_is_asked_for_lies_around_real_sounds():
    torch.manual_seed(0)
    values = {"brightness": torch.full((20_000,), 40.0), "decay_time_20": torch.full((20_000,), 100.0)}
    moved = perturbed(values, 0.6)
    assert float(moved["brightness"].std()) == pytest.approx(3.0, rel=0.05)
    assert float(moved["decay_time_20"].log().std()) == pytest.approx(0.6 * 0.2231, rel=0.05)
    assert perturbed(values, 0.0)["brightness"].equal(values["brightness"])


def test_usual_controls_are_medians_by_kind(drums):
    dataset = OneShotDataset(drums, "train")
    table = usual_controls(dataset, measured_dataset(dataset, NAMES))
    kind = 1
    rows = torch.nonzero(dataset.labels == kind).flatten().tolist()
    values = describe(dataset.batch(rows)[0], dataset.sample_rate, NAMES, smooth=True)
    torch.testing.assert_close(table[kind], control_entries(values, NAMES).median(0).values)


def test_a_generator_learns_to_obey():
    """By the penalty alone; by ear it would be nothing yet, but what it measures as must follow what is asked."""
    torch.manual_seed(1)
    config = StyleWaveGANConfig(kinds=("kick",), controls=("brightness",), latent_dim=4, style_dim=8, channels=(8,) * 5)
    model = StyleWaveGAN(config)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    obedience = Obedience(ControlConfig(every=1), ("brightness",), config.sample_rate)

    def play(values: torch.Tensor) -> torch.Tensor:
        condition = model.condition_for(["kick"] * len(values), {"brightness": values})
        return model(torch.randn(len(values), 4), condition)

    for _ in range(80):
        asked = 40 + 40 * torch.rand(4)
        loss = obedience.terms(play(asked), {"brightness": asked})["control/brightness"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        heard = measured(play(torch.tensor([45.0] * 4 + [75.0] * 4)), config.sample_rate, ("brightness",))["brightness"]
    assert float(heard[4:].mean() - heard[:4].mean()) > 15


def test_the_penalty_counts_in_audible_steps_and_pays_for_the_steps_between():
    obedience = Obedience(ControlConfig(weight=2.0, weights=(("decay_time_20", 3.0),), every=4), NAMES, 44_100)
    assert [obedience.is_due(step) for step in range(5)] == [True, False, False, False, True]
    sounds = torch.randn(2, 44_100, generator=torch.Generator().manual_seed(0)) * torch.exp(-torch.arange(44_100) / 4e3)
    own = measured(sounds, 44_100, NAMES)
    asked = {"brightness": own["brightness"] + 10.0, "decay_time_20": own["decay_time_20"]}
    terms = obedience.terms(sounds, asked)
    # Two steps of 5 points, a quarter of the weights, four times for every fourth step, twice by weight.
    assert float(terms["control/brightness"]) == pytest.approx(2.0 * 0.25 * 4 * 2, rel=1e-3)
    assert float(terms["control/decay_time_20"]) == pytest.approx(0.0, abs=1e-3)


def test_wavegan_has_no_controls():
    assert training_preset("fast", ("kick",), controls=NAMES).critic.condition_dim == 3
    with pytest.raises(CreativeMLError, match="no controls"):
        training_preset("wavegan", ("kick",), controls=NAMES)
    with pytest.raises(CreativeMLError, match="did you mean 'warmth'"):
        training_preset("fast", ("kick",), controls=("warmt",))


def test_a_run_with_controls_starts_from_one_without(drums, small, tmp_path, capsys):
    """Without controls, then with them from its weights: another loss term, a figure of obedience, the same resume."""
    fabric = Fabric(accelerator="cpu", devices=1)
    options = FitOptions(steps=6, checkpoint_every=6, validate_every=6)
    fit(small, drums, tmp_path / "plain", fabric, options)
    generator = replace(small.generator, controls=NAMES)
    obedient = replace(
        small,
        generator=generator,
        critic=replace(small.critic, condition_dim=generator.condition_dim),
        reconstruction=replace(small.reconstruction, pretrain_steps=0),
    )
    out = tmp_path / "obedient"
    fit(obedient, drums, out, fabric, replace(options, steps=20, checkpoint_every=20, init=tmp_path / "plain"))
    assert "starting from plain: average, critic, encoder, generator" in capsys.readouterr().err
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    terms = {name: value for line in lines for name, value in line.items() if name.startswith("control/")}
    assert set(terms) == {"control/brightness", "control/decay_time_20"} and all(v > 0 for v in terms.values())
    assert any(0 < line.get("validation/control_error", 0) < 100 for line in lines)
    model = from_pretrained(out / "best")
    assert model.config.controls == NAMES and bool(model.usual_controls.any())
    instrument = load(out / "best")
    assert instrument.controls == NAMES and instrument.ranges.of("kick").sounds == 8
    assert set(OneShotDataset(drums, "train").fingerprints()) == set(instrument.info.details["trained_on_sha256"])


def test_sounds_of_recordings_that_weights_came_from_count_as_heard(drums, small, tmp_path):
    fabric = Fabric(accelerator="cpu", devices=1)
    fit(small, drums, tmp_path / "first", fabric, FitOptions(steps=4, checkpoint_every=4))
    info = json.loads((tmp_path / "first/last/config.json").read_text())
    info["info"]["trained_on_sha256"] = ["0123456789abcdef"]
    (tmp_path / "first/last/config.json").write_text(json.dumps(info))
    second = replace(small, reconstruction=replace(small.reconstruction, pretrain_steps=0))
    out = tmp_path / "second"
    fit(second, drums, out, fabric, FitOptions(steps=4, checkpoint_every=4, init=tmp_path / "first"))
    fit(second, drums, out, fabric, FitOptions(steps=8, checkpoint_every=4, resume=True))
    heard = load(out / "last").info.details["trained_on_sha256"]
    assert "0123456789abcdef" in heard and set(OneShotDataset(drums, "train").fingerprints()) < set(heard)
