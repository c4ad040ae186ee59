"""Recordings made again by the shipped generator, varied and changed, against measures that no search follows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import creativeml
from creativeml.audio.log_mel import FLOOR_DB
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.recordings import PEAK, read_recording
from creativeml.synthesis.resynthesis import CHANGEABLE, Found, analyze, measured
from creativeml.synthesis.starting_points import likely_kinds

STARTER = project_folder("datasets") / "starter"
KINDS = ("kick", "snare", "hat_closed", "tom")


@pytest.fixture(scope="module")
def drums() -> Instrument:
    return creativeml.load("drums")


def recording(kind: str) -> Path:
    return sorted((STARTER / kind).glob("*.flac"))[-1]


@pytest.fixture(scope="module")
def all_found(drums) -> dict[str, Found]:
    return {kind: analyze(drums, recording(kind), kind=kind, steps=25, tries=4) for kind in KINDS}


def log_mel_distance(drums: Instrument, path: Path, sounds: Tensor) -> Tensor:
    """In dB, of sounds `(b, samples)` brought to the recording's peak."""
    wanted = read_recording(path, drums.sample_rate, drums.length_samples).samples[None]
    sounds = PEAK * sounds / sounds.abs().amax(1, keepdim=True)
    pyramids = (log_mel_pyramid(part, drums.sample_rate) for part in (sounds, wanted))
    return -FLOOR_DB * pyramid_distance(*pyramids)


def test_refined_is_nearer_than_the_encoders_proposal_and_that_nearer_than_random_sounds(drums, all_found):
    rows = []
    for kind, found in all_found.items():
        proposal = analyze(drums, recording(kind), kind=kind, steps=0, tries=0)
        assert proposal.nearness.nearest_random is None
        assert proposal.nearness.encoder == pytest.approx(proposal.nearness.reconstruction, rel=1e-3)
        fresh = log_mel_distance(drums, recording(kind), drums.generate(kind, 6))
        rows.append(
            [
                float(log_mel_distance(drums, recording(kind), found.sound()[None])),
                float(log_mel_distance(drums, recording(kind), proposal.sound()[None])),
                float(fresh.median()),
            ]
        )
        assert rows[-1][0] < 0.85 * rows[-1][1], (kind, rows[-1])
        assert found.nearness.reconstruction < 0.6 * min(found.nearness.encoder, found.nearness.nearest_random)
        sound = found.sound()
        assert sound.shape == (drums.length_samples,) and float(sound.abs().max()) == pytest.approx(0.8913, abs=1e-3)
    refined, encoded, random = torch.tensor(rows).mean(0).tolist()
    assert refined < 0.75 * encoded and encoded < 0.9 * random


@pytest.mark.parametrize(("kind", "name", "change"), [("snare", "warmth", 10.0), ("tom", "brightness", -8.0)])
def test_a_change_is_reached_and_the_sound_stays_the_recordings(drums, all_found, kind, name, change):
    found = all_found[kind]
    asked = found.descriptors[name] + change
    assert found.feasible({name: asked}).values[name] == pytest.approx(asked), "choose one that occurs"
    sound = found.sound({name: asked})
    after = measured(sound, drums)
    assert abs(after[name] - asked) < 3 and abs(after[name] - found.descriptors[name]) > 5
    fresh = log_mel_distance(drums, recording(kind), drums.generate(kind, 8))
    assert float(log_mel_distance(drums, recording(kind), sound[None])) < 0.8 * float(fresh.median())
    others = [
        abs(after[other] - found.descriptors[other]) for other in drums.controls if other not in (name, "decay_time_20")
    ]
    assert sum(others) / len(others) < 5


def test_variations_differ_and_stay_near_and_go_further_the_more_is_asked(drums, all_found):
    for kind in ("snare", "kick"):
        found = all_found[kind]
        sounds = torch.stack([found.sound(variation=0.3, seed=seed) for seed in range(3)])
        fresh = log_mel_distance(drums, recording(kind), drums.generate(kind, 8))
        assert float(log_mel_distance(drums, recording(kind), sounds).max()) < float(fresh.median())
        assert max(found.distance(sound) for sound in sounds) < found.nearness.nearest_random
        between = [
            float((sounds[i] - sounds[j]).square().sum() / sounds[i].square().sum()) for i, j in ((0, 1), (1, 2))
        ]
        assert min(between) > 0.02
        far = [found.distance(found.sound(variation=v, seed=1)) for v in (0.0, 0.3, 1.0)]
        assert far == sorted(far) and far[0] == pytest.approx(found.nearness.reconstruction)


def test_the_same_recording_and_numbers_give_the_same_bytes(drums):
    first, again = (analyze(drums, recording("rim"), steps=3, tries=1) for _ in range(2))
    assert first.kind == again.kind and first.nearness == again.nearness
    for arguments in ({}, {"variation": 0.5, "seed": 7}, {"controls": {"brightness": 50.0}, "tuning": 2}):
        assert torch.equal(first.sound(**arguments), again.sound(**arguments))
    assert not torch.equal(first.sound(variation=0.5, seed=7), first.sound(variation=0.5, seed=8))


def test_the_generator_itself_is_left_as_it_was(drums):
    before = drums.sound("snare", 3)
    found = analyze(drums, recording("snare"), kind="snare", steps=2, tries=1)
    found.sound({"warmth": 30.0}, tuning=1)
    assert torch.equal(drums.sound("snare", 3), before)


def test_kinds_are_recognised(drums):
    kinds = ("kick", "snare", "hat_closed", "tom", "crash")
    files = [(kind, path) for kind in kinds for path in sorted((STARTER / kind).glob("*.flac"))[:3]]
    shaped = [read_recording(path, drums.sample_rate, drums.length_samples).samples[None] for _, path in files]
    likely = [likely_kinds(sound, drums) for sound in shaped]
    assert all(1 <= len(found) <= 6 for found in likely)
    assert sum(kind == found[0] for (kind, _), found in zip(files, likely, strict=True)) >= 0.8 * len(files)
    assert analyze(drums, recording("kick"), steps=0, tries=1).kind == "kick"


def test_a_model_without_controls_and_encoder_does_it_too(tiny):
    found = analyze(tiny, recording("snare"), steps=8, tries=2)
    assert found.kind in tiny.kinds and found.nearness.encoder is None
    assert tuple(found.descriptors) == CHANGEABLE
    assert found.nearness.reconstruction < found.nearness.nearest_random
    changed = found.sound({"brightness": found.descriptors["brightness"] - 10}, variation=0.2, tuning=2)
    assert changed.shape == (tiny.length_samples,) and bool(changed.isfinite().all())
    with pytest.raises(CreativeMLError, match="tries must be a whole number from 1"):
        analyze(tiny, recording("snare"), tries=0)


def test_the_encoder_of_another_model_is_refused(drums, tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "mixed")
    shutil.copytree(drums.info.folder / "encoder", folder / "encoder")
    with pytest.raises(CreativeMLError, match="does not belong to the model beside it"):
        analyze(creativeml.load(folder), recording("snare"))


def test_a_recording_beyond_what_occurs_is_never_turned_the_other_way(drums, all_found):
    """Asked for more of what it has too much of already, it stays; the other way it goes."""
    found = all_found["hat_closed"]
    lowest = drums.feasible(found.kind, {"warmth": 0.0}).values["warmth"]
    beyond = replace(found, descriptors={**found.descriptors, "warmth": lowest - 6})
    values, message = beyond.feasible({"warmth": lowest - 16})
    assert values == {"warmth": lowest - 6}
    assert message.startswith("no hat_closed") and "the recording is beyond that already and stays at" in message
    assert beyond.feasible({"warmth": lowest + 4}) == ({"warmth": pytest.approx(lowest + 4)}, "")
    # What is asked for between the two is clamped to what occurs, which is the way that was asked for.
    assert beyond.feasible({"warmth": lowest - 3}).values == {"warmth": pytest.approx(lowest)}


def test_what_cannot_be_asked_is_refused(drums, all_found):
    found = all_found["snare"]
    for controls, message in (
        ({"warmt": 3.0}, "'warmt' cannot be changed; what can: brightness"),
        ({"warmth": float("nan")}, "warmth must be a finite number"),
        ({"warmth": "high"}, "warmth must be a finite number"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            found.sound(controls)
    assert "warmth" in found.feasible({"warmth": 500.0}).message
    for arguments, message in (
        ({"variation": 1.5}, "variation must be a number from 0 to 1"),
        ({"seed": -1}, "seed"),
        ({"tuning": 1000}, "tuning"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            found.sound(**arguments)
    for arguments, message in (
        ({"kind": "snar"}, "did you mean 'snare'"),
        ({"steps": -1}, "steps must be a whole number"),
        ({"sample_rate": None}, "sample rate must be given"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            analyze(drums, torch.randn(4000), **{"sample_rate": 44100, **arguments})
