"""Copies are found and nothing else is; like sounds stand together and groups are called after what is in them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile

from creativeml.errors import CreativeMLError
from creativeml.kinds import KINDS
from creativeml.maps import layout
from creativeml.maps.features import judge
from creativeml.maps.library import read_library
from creativeml.maps.repeats import Repeat, find_repeats
from creativeml.maps.survey import survey

from .conftest import starter_files


def test_equal_files_and_the_same_recording_in_other_words_are_found(tmp_path, store):
    one, two = starter_files("snare", 2)
    shutil.copy(one, tmp_path / "a.flac")
    shutil.copy(two, tmp_path / "b.flac")
    shutil.copy(one, tmp_path / "c equal.flac")
    samples, rate = soundfile.read(two)
    soundfile.write(tmp_path / "d quieter, reversed.wav", -0.4 * samples, rate, subtype="PCM_16")
    found = survey(read_library(tmp_path), store, on_step=lambda *step: None)
    assert [s.file.name[0] for s in found] == ["a", "b", "c", "d"]
    assert find_repeats(found) == {2: Repeat(0, identical=True), 3: Repeat(1, identical=False)}


def test_different_drums_do_not_repeat_each_other(sounds):
    assert find_repeats(sounds) == {}


def test_kinds_are_named_by_name_else_by_ear_else_not_at_all(sounds):
    kinds = judge().model.config.kinds
    for sound in sounds:
        assert layout.kind_of_sound(sound, kinds).by == "name"
    by_ear = []
    for sound in sounds:
        nameless = type(sound)(type(sound.file)(sound.file.path, sound.file.name, None), "", sound.features)
        named = layout.kind_of_sound(nameless, kinds)
        assert named.by == "ear"
        assert named.kind == layout.UNSURE if named.chance < layout.LEAST_CHANCE else named.kind in KINDS
        by_ear.append(named.kind == sound.file.kind)
    assert np.mean(by_ear) > 0.7  # by chance one in eleven


@pytest.mark.parametrize("placement", layout.PLACEMENTS)
def test_the_nearest_sound_on_the_map_is_mostly_of_the_same_kind(sounds, placement):
    points = layout.reduce(layout.points_of(sounds))
    places = layout.place(points, placement)
    assert np.abs(places).max() == pytest.approx(1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(len(places))
    kinds = np.array([s.file.kind for s in sounds])
    # By chance 7 of 23 are.
    assert (kinds[apart.argmin(1)] == kinds).mean() > 0.75


def test_the_map_is_wide_and_bright_to_the_right_and_keeps_its_distances(sounds):
    places = layout.place(layout.reduce(layout.points_of(sounds)), "t-sne")
    brightness = np.array([s.features.descriptors[0] for s in sounds])
    turned = layout.lengthwise(places, brightness)
    assert turned[:, 0].std() > turned[:, 1].std()
    assert np.corrcoef(turned[:, 0], brightness)[0, 1] > 0

    def apart(p):
        return np.linalg.norm(p[:, None] - p[None], axis=-1)

    ratio = apart(turned)[apart(places) > 0] / apart(places)[apart(places) > 0]
    assert ratio.std() / ratio.mean() < 1e-5


def test_places_are_kept(sounds, store, monkeypatch):
    points = layout.reduce(layout.points_of(sounds))
    first = layout.place(points, "t-sne", store)
    monkeypatch.setattr(layout, "project", None)
    assert layout.place(points, "t-sne", store) == pytest.approx(first, abs=1e-6)


def test_groups_are_called_after_the_kind_that_most_of_them_have(sounds):
    points = layout.reduce(layout.points_of(sounds))
    kinds = [s.file.kind for s in sounds]
    names = layout.groups(points, kinds, 3)
    assert set(names) <= {"kicks", "kicks 1", "kicks 2", "snares", "snares 1", "snares 2", "closed hats"} | {
        "closed hats 1",
        "closed hats 2",
    }
    share = np.mean([name.startswith(layout.plural(kind)) for name, kind in zip(names, kinds, strict=True)])
    assert share > 0.75
    labels = layout.label_places(layout.place(points, "pca"), names)
    assert {name for name, _, _ in labels} == set(names)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_a_few_sounds_are_enough(sounds, count):
    points = layout.reduce(layout.points_of(sounds[:count]))
    places = layout.place(points, "t-sne")
    assert places.shape == (count, 2) and np.isfinite(places).all()
    assert len(layout.groups(points, ["kick"] * count)) == count


def test_an_unknown_placement_is_refused(sounds):
    with pytest.raises(CreativeMLError, match="t-sne or pca"):
        layout.place(np.zeros((9, 3)), "umap")
