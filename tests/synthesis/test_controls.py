"""Instruments that can be asked for descriptors: what is told to the model, and what a moved control leaves alone."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.models.gans.condition import control_entries
from creativeml.synthesis.generate import Instrument

CONTROLS = ("brightness", "warmth", "hardness", "decay_time_20")


@pytest.fixture(scope="module")
def shaped(controls_folder) -> Instrument:
    return creativeml.load(controls_folder)


class Heard:
    """What reaches the network: latent, condition and noise of every sound."""

    def __init__(self, instrument: Instrument) -> None:
        self.latents, self.conditions, self.noises = [], [], []
        self._hook = instrument.model.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, _model, positional, named) -> None:
        self.latents.append(positional[0].clone())
        self.conditions.append(positional[1].clone())
        self.noises.append([n.clone() for n in named["noise"]])

    def __enter__(self) -> Heard:
        return self

    def __exit__(self, *_exception) -> None:
        self._hook.remove()


def test_a_moved_control_keeps_the_latent_and_the_noise(shaped):
    with Heard(shaped) as heard:
        for controls in ({}, {"warmth": 40.0}, {"warmth": 45.0, "brightness": 50.0}):
            shaped.sound("snare", 7, controls=controls)
        shaped.sound({"snare": 0.6, "clap": 0.4}, 7)
    for latent, noises in zip(heard.latents[1:], heard.noises[1:], strict=True):
        assert torch.equal(latent, heard.latents[0])
        assert all(map(torch.equal, noises, heard.noises[0]))
    assert not any(torch.equal(heard.conditions[0], other) for other in heard.conditions[1:])


def test_the_model_is_told_what_given_says(shaped):
    for kind, controls in (("kick", {}), ("snare", {"warmth": 40.0}), ("kick:1,clap:3", {"hardness": 60.0})):
        with Heard(shaped) as heard:
            shaped.sound(kind, 5, 0.8, controls)
        given = shaped.given(kind, 5, 0.8, controls)
        assert tuple(given) == CONTROLS
        entries = control_entries({n: torch.tensor([v]) for n, v in given.items()}, CONTROLS)
        torch.testing.assert_close(heard.conditions[0][:, 5:], entries)
        assert {name: given[name] for name in controls} == controls


def test_free_controls_stay_when_another_is_fixed_where_it_was(shaped):
    for seed in range(40):
        free = shaped.given("snare", seed)
        for name in CONTROLS:
            # Values have five digits; where few recordings lie, the last of them is a step.
            assert shaped.given("snare", seed, 1.0, {name: free[name]}) == pytest.approx(free, rel=0.02)


def test_free_controls_follow_in_small_steps(shaped):
    def brightness(warmth: float) -> np.ndarray:
        return np.array([shaped.given("snare", seed, 1.0, {"warmth": warmth})["brightness"] for seed in range(64)])

    before, after = brightness(44.0), brightness(46.0)
    # Drawn anew, they would know nothing of each other.
    assert before.std() > 3 and np.corrcoef(before, after)[0, 1] > 0.98


def test_all_controls_fixed_where_they_were_make_the_same_bytes(shaped):
    for seed in range(5):
        given = shaped.given("kick", seed)
        assert shaped.feasible("kick", given) == (given, "")
        assert torch.equal(shaped.sound("kick", seed, controls=given), shaped.sound("kick", seed))


def test_other_values_make_another_sound_and_the_same_ones_the_same(shaped):
    first = shaped.generate("snare", 3, 11, controls={"brightness": 50.0, "warmth": 40.0})
    assert torch.equal(first, shaped.generate("snare", 3, 11, controls={"warmth": 40, "brightness": 50}))
    assert torch.equal(first[1], shaped.sound("snare", 12, controls={"brightness": 50.0, "warmth": 40.0}))
    moved = shaped.generate("snare", 3, 11, controls={"brightness": 60.0, "warmth": 40.0})
    assert float((moved - first).abs().amax(1).min()) > 1e-3


def test_every_spelling_of_a_mixture_is_one_sound(shaped):
    first = shaped.sound({"snare": 0.7, "clap": 0.3}, 4)
    for spelling in ("snare:0.7,clap:0.3", " clap:30, snare:70", {"clap": 3, "snare": 7}):
        assert torch.equal(first, shaped.sound(spelling, 4))
    assert torch.equal(shaped.sound("snare:2,clap:0", 4), shaped.sound("snare", 4))
    others = [shaped.sound(kind, 4) for kind in ("snare", "clap", {"snare": 0.5, "clap": 0.5})]
    assert all(float((first - other).abs().max()) > 1e-3 for other in others)


def test_mixtures_need_no_controls(tiny):
    half = tiny.sound("kick:1,snare:1", 3)
    assert torch.equal(half, tiny.sound({"snare": 0.5, "kick": 0.5}, 3))
    assert all(float((half - tiny.sound(kind, 3)).abs().max()) > 1e-3 for kind in ("kick", "snare"))
    assert tiny.given("kick", 0) == {} and tiny.controls == ()


def test_values_that_do_not_occur_are_clamped(shaped):
    outcome = shaped.feasible("snare", {"decay_time_20": 0.2})
    assert "no snare in the data has decay_time_20 0.2 ms" in outcome.message
    clamped = outcome.values["decay_time_20"]
    assert clamped > 5 and shaped.feasible("snare", outcome.values) == (outcome.values, "")
    assert shaped.given("snare", 0, 1.0, {"decay_time_20": 0.2})["decay_time_20"] == clamped
    assert torch.equal(
        shaped.sound("snare", 0, controls={"decay_time_20": 0.2}), shaped.sound("snare", 0, controls=outcome.values)
    )


def test_a_kind_without_recordings_is_judged_by_all(shaped):
    assert shaped.ranges is not None and shaped.ranges.of("perc2").sounds == 0
    assert "sound of any kind (there are only 0 of perc2)" in shaped.feasible("perc2", {"brightness": 500.0}).message
    assert bool(torch.isfinite(shaped.sound("perc2", 0)).all())


@pytest.mark.parametrize(
    ("kind", "controls", "words"),
    [
        ("snare", {"warmt": 40.0}, ["did you mean 'warmth'"]),
        ("snare", {"zzz": -20.0}, ["no control 'zzz'", "brightness, warmth, hardness, decay_time_20"]),
        ("snare", {"warmth": float("inf")}, ["warmth must be a finite number"]),
        ("snare", {"warmth": 10**400}, ["warmth must be a finite number"]),
        ("snare", {"warmth": "40"}, ["warmth must be a finite number"]),
        ("snare", {"warmth": True}, ["warmth must be a finite number"]),
        ("snare", {7: 1.0}, ["no control 7"]),
        ("snare", {"x" * 10_000: 1.0}, ["no control"]),
        ("snare:0.5,clapp:0.5", {}, ["did you mean 'clap'"]),
        ("snare,clap", {}, ["with its share", "'snare,clap'"]),
        ("snare:a,clap:1", {}, ["with its share"]),
        ("snare:1,snare:1", {}, ["once"]),
        ("snare:0", {}, ["not all 0"]),
        ("snare:-1,clap:2", {}, ["0 or more"]),
        ("snare:inf,clap:2", {}, ["0 or more"]),
        ({"snare": 10**400}, {}, ["0 or more"]),
        ({"snare": "1"}, {}, ["0 or more"]),
        ({}, {}, ["not all 0"]),
    ],
)
def test_wrong_requests_are_one_clear_line(shaped, kind, controls, words):
    with pytest.raises(CreativeMLError) as caught:
        shaped.generate(kind, 1, controls=controls)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    for word in words:
        assert word in message


def test_a_model_without_controls_says_which_have_some(tiny):
    with pytest.raises(CreativeMLError, match=r"'tiny' has no controls.*(models that have some|--controls all)"):
        tiny.generate("kick", 1, controls={"brightness": 50.0})


def test_models_without_ranges_take_what_is_asked(controls_folder, tmp_path):
    folder = tmp_path / "bare"
    shutil.copytree(controls_folder, folder)
    values = json.loads((folder / "config.json").read_text())
    del values["info"]["descriptor_ranges"]
    (folder / "config.json").write_text(json.dumps(values))
    bare = creativeml.load(folder)
    assert bare.ranges is None and bare.given("kick", 0) == {}
    assert bare.given("kick", 0, 1.0, {"warmth": 900}) == {"warmth": 900.0}
    assert float((bare.sound("kick", 0, controls={"warmth": 90.0}) - bare.sound("kick", 0)).abs().max()) > 1e-3


def test_damaged_ranges_are_named(controls_folder, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(controls_folder, folder)
    values = json.loads((folder / "config.json").read_text())
    values["info"]["descriptor_ranges"]["kinds"][0]["quantiles"].pop()
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(CreativeMLError, match=r"config\.json: descriptor_ranges.*quantiles of kick"):
        creativeml.load(folder).sound("kick", 0)
