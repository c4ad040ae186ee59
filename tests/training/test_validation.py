"""The evaluation inside training: it orders models whose quality is known, raises the alarm, and picks by the rule."""

import json
import math

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from creativeml.audio.descriptors import describe
from creativeml.config import from_dict
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.data.one_shots import OneShotDataset
from creativeml.training import validation
from creativeml.training.controls import data_ranges, measured_dataset
from creativeml.training.fit import fit
from creativeml.training.recorder import last_line_with
from creativeml.training.run import FitOptions
from creativeml.training.validation import (
    ALARMS,
    DISTANCE,
    ERROR,
    JUDGED,
    SCORE,
    VARIETY,
    WITHIN,
    Rank,
    Validator,
    rank_of,
)


class Playing(nn.Module):
    """A model whose sounds are made by a function of latents, kinds and controls."""

    def __init__(self, kinds, sound, controls=()):
        super().__init__()
        self.config = type("Config", (), {"kinds": kinds, "latent_dim": 4, "controls": controls})()
        self.sound = sound
        self.weight = nn.Parameter(torch.zeros(1))

    def condition_for(self, kinds, controls=None):
        labels = torch.tensor([[float(self.config.kinds.index(kind))] for kind in kinds])
        asked = [controls[name][:, None].float() for name in self.config.controls] if controls else []
        return torch.cat([labels, *asked], 1)

    def noise_shapes(self):
        return ()

    def forward(self, latent, condition, *, noise, truncation=1.0):
        rows = zip(latent, condition, strict=True)
        return torch.stack([self.sound(own, int(c[0]), c[1:].tolist()) for own, c in rows])


@pytest.fixture(scope="module")
def recorded(drums):
    return OneShotDataset(drums, "validation"), OneShotDataset(drums, "train")


def replaying(dataset, *, few=0):
    """Plays recordings, a latent each; only the first `few` of a kind if given."""

    def sound(latent, label, asked):
        members = torch.nonzero(dataset.labels == label).flatten()[: few or None]
        return dataset.batch([int(members[int(latent.abs().sum() * 1e4) % len(members)])])[0][0]

    return Playing(dataset.kinds, sound)


def noise(latent, label, asked):
    random = torch.Generator().manual_seed(int(latent.abs().sum() * 1e4))
    return torch.randn(8192, generator=random) * 0.1


def test_recordings_are_nearer_and_more_varied_than_noise_and_swapped_kinds(recorded):
    held_out, train = recorded
    validator = Validator(held_out)
    real = validator.examine(replaying(train))
    hiss = validator.examine(Playing(train.kinds, noise))
    swapped = replaying(train)
    inner = swapped.sound
    swapped.sound = lambda latent, label, asked: inner(latent, 1 - label, asked)
    mixed = validator.examine(swapped)
    for name in (DISTANCE, JUDGED, SCORE):
        assert real[name] < mixed[name] < hiss[name]
    assert real[SCORE] < 0.5 < 1 < hiss[SCORE], "noise that is not even shaped is further than the noise of share 1"
    for name in (DISTANCE, JUDGED, VARIETY):
        per_kind = [real[f"{name}/{kind}"] for kind in held_out.kinds]
        assert len(per_kind) == 2 and min(per_kind) <= real[name] <= max(per_kind)
    assert real[ALARMS] == [] and 0.4 < real[VARIETY] < 3
    assert "kick" in hiss[ALARMS] and hiss[VARIETY] < 0.5 * real[VARIETY], "one hiss sounds like another"
    assert validator.examine(replaying(train)) == real, "the same latents every time"


def test_a_collapsed_kind_raises_the_alarm_and_only_a_collapsed_model_is_passed_over(recorded):
    held_out, train = recorded
    one = Validator(held_out).examine(replaying(train, few=1))
    assert one[VARIETY] == pytest.approx(0, abs=1e-6) and one[ALARMS] == list(held_out.kinds)
    varied, single = replaying(train), replaying(train, few=1)
    half = Playing(train.kinds, lambda z, label, asked: (single if label else varied).sound(z, label, asked))
    figures = Validator(held_out).examine(half)
    assert figures[ALARMS] == [held_out.kinds[1]]
    assert rank_of(one).collapsed and not rank_of(figures).collapsed
    assert Rank(False, 50.0) < Rank(True, 1.0) and Rank(False, 1.0) < Rank(False, 2.0)
    assert rank_of({}) == Rank(False, math.inf)


def test_controls_are_examined_where_a_model_has_them(recorded):
    held_out, train = recorded
    names = ("loudness", "decay_time_60")
    time = torch.arange(8192) / 44100

    def obeying(latent, label, asked):
        loudness, decay = asked or (-20.0, 100.0)
        sound = torch.sin(2 * math.pi * 400 * time + latent[0]) * torch.exp(-time * 6907.8 / max(decay, 10.0))
        return sound * 10 ** ((loudness - float(describe(sound, 44100, ["loudness"])["loudness"])) / 20)

    def deaf(latent, label, asked):
        return obeying(latent, label, (-40.0 + 5 * float(latent[0]), 60 + 20 * float(latent[1])))

    validator = Validator(held_out, (*names, "something of another sort"))
    good, bad = (validator.examine(Playing(train.kinds, sound, names)) for sound in (obeying, deaf))
    assert good[f"{ERROR}/loudness"] < 0.05 and good[f"{ERROR}/decay_time_60"] < 0.6
    assert good[WITHIN] > 0.8 > bad[WITHIN]
    assert good[ERROR] < 0.3 < bad[ERROR]
    assert good[SCORE] < bad[SCORE]
    assert f"{ERROR}/something of another sort" not in good
    # Both shares are 1 for what needs neither model nor control: the score of such a thing is about 1.
    assert bad[SCORE] > 0.7


def test_models_with_controls_are_asked_for_what_occurs_together(recorded):
    held_out, train = recorded
    names = ("loudness", "decay_time_60")
    time = torch.arange(8192) / 44100

    def obedient(latent, label, asked):
        loudness, decay = asked or (-20.0, 100.0)
        sound = torch.sin(2 * math.pi * 400 * time) * torch.exp(-time * 6907.8 / max(decay, 10.0))
        return sound * 10 ** ((loudness + 20) / 20)

    ranges = from_dict(DescriptorRanges, data_ranges(train, measured_dataset(train, names)))
    model, validator = Playing(train.kinds, obedient, names), Validator(held_out, names)
    medians, drawn = validator.examine(model), validator.examine(model, ranges)
    assert medians[VARIETY] == pytest.approx(0, abs=1e-6), "all its variety is in the controls"
    assert drawn[VARIETY] > 0.1 and drawn == validator.examine(model, ranges)
    assert drawn[ERROR] == medians[ERROR], "these questions are about recordings"


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


def lines_of(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_a_run_looks_between_checkpoints_too_and_stays_resumable(drums, small, fabric, tmp_path):
    for name in ("whole", "parts"):
        steps = (12,) if name == "whole" else (6, 12)
        for n, end in enumerate(steps):
            fit(small, drums, tmp_path / name, fabric, FitOptions(end, 6, resume=n > 0, validate_every=4))
    seen = {}
    for name in ("whole", "parts"):
        looks = [line for line in lines_of(tmp_path / name) if SCORE in line]
        assert [line["step"] for line in looks] == [4, 6, 8, 12]
        seen[name] = [(line[SCORE], line[VARIETY], line[ALARMS]) for line in looks]
        best = json.loads((tmp_path / name / "best/config.json").read_text())["info"]
        assert rank_of(best) == min(rank_of(line) for line in looks)
    assert seen["whole"] == seen["parts"]


def test_the_alarm_is_an_event_once_and_not_again_after_a_resume(drums, small, fabric, tmp_path, monkeypatch, capsys):
    # Nothing is as varied as that: the alarm is up as soon as the game begins (step 4).
    monkeypatch.setattr(validation, "COLLAPSED_BELOW", 50.0)
    out = tmp_path / "run"
    run = fit(small, drums, out, fabric, FitOptions(6, 2))
    assert run.collapsed == ("kick", "snare")
    assert last_line_with(out, ALARMS, 3)[ALARMS] == [], "levels alone are learnt first"
    told = capsys.readouterr().err
    assert "step 4: sounds of different latents hardly differ (kick" in told
    fit(small, drums, out, fabric, FitOptions(8, 2, resume=True))
    events = [line for line in lines_of(out) if "event" in line]
    assert events == [{"step": 4, "event": "collapse", "kinds": ["kick", "snare"]}]
    assert "hardly differ" not in capsys.readouterr().err
    monkeypatch.setattr(validation, "COLLAPSED_BELOW", 0.0)
    fit(small, drums, out, fabric, FitOptions(10, 2, resume=True))
    assert [line["event"] for line in lines_of(out) if "event" in line] == ["collapse", "collapse over"]


def test_the_nearest_checkpoint_that_has_not_collapsed_is_kept(drums, small, fabric, tmp_path, monkeypatch):
    figures = iter([(1.0, 0.05), (5.0, 0.9), (3.0, 0.8), (0.5, 0.1), (3.5, 0.9)])

    def examine(self, model, ranges=None):
        score, variety = next(figures)
        return {SCORE: score, DISTANCE: score, VARIETY: variety, ALARMS: []}

    monkeypatch.setattr(Validator, "examine", examine)
    out, kept = tmp_path / "run", []
    for end in (2, 4, 6, 8, 10):
        run = fit(small, drums, out, fabric, FitOptions(end, 2, resume=end > 2))
        best = json.loads((out / "best/config.json").read_text())["info"]
        assert run.best == {"distance": best[SCORE], "step": best["step"]}
        kept.append(best["step"])
    # At first there is only the collapsed one; a nearer collapsed one at step 8 does not count.
    assert kept == [2, 4, 6, 6, 6]
