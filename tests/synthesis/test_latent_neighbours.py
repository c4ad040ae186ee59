"""The nearest known sounds: a sound finds itself, its copies, and its kind."""

from __future__ import annotations

import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError
from creativeml.synthesis.audible import heard
from creativeml.synthesis.latent_neighbours import Neighbours, recognised

RATE = 44100


@pytest.fixture(scope="module")
def pack():
    return starter_sounds(("kick", "snare", "hat_closed"), length_samples=65536)


@pytest.fixture(scope="module")
def names(pack):
    return [f"{pack.kinds[int(label)]}-{i}" for i, label in enumerate(pack.labels)]


@pytest.mark.parametrize("embedding", [None, recognised])
def test_a_sound_finds_itself_and_then_its_kind(pack, names, embedding):
    known, held_out = pack.split(seed=1)
    neighbours = Neighbours([names[i] for i in known], pack.sounds[known], RATE, embedding)
    assert len(neighbours) == len(known)
    for near, index in zip(neighbours.nearest(pack.sounds[known[:4]], 1), known[:4].tolist(), strict=True):
        assert near[0].name == names[index] and near[0].distance < 0.01 * (1 if embedding is None else 10)
    found = neighbours.nearest(pack.sounds[held_out], 3)
    for row in found:
        assert [near.distance for near in row] == sorted(near.distance for near in row)
    right = sum(
        row[0].name.split("-")[0] == pack.kinds[int(pack.labels[i])] for row, i in zip(found, held_out, strict=True)
    )
    assert right >= 0.8 * len(held_out), (right, len(held_out))


def test_distances_are_those_that_are_heard_and_no_nearer_one_is_missed(pack, names):
    neighbours = Neighbours(names[1:], pack.sounds[1:], RATE)
    near = neighbours.nearest(pack.sounds[:1], 2)[0]
    away = (heard(pack.sounds[1:], RATE) - heard(pack.sounds[:1], RATE)).norm(dim=1)
    assert near[0].index == int(away.argmin()) and near[0].distance == pytest.approx(float(away.min()), rel=1e-4)
    assert near[1].distance == pytest.approx(float(away.sort().values[1]), rel=1e-4)
    # A copy, softer, is the same sound.
    assert neighbours.nearest(0.2 * pack.sounds[5:6], 1)[0][0].name == names[5]


def test_what_cannot_be_looked_through_is_refused(pack):
    some = Neighbours(["a", "b"], pack.sounds[:2], RATE)
    for act, message in (
        (lambda: Neighbours([], pack.sounds[:0], RATE), "0 names for 0 sounds"),
        (lambda: Neighbours(["a"], pack.sounds[:2], RATE), "1 names for 2 sounds"),
        (lambda: some.nearest(pack.sounds[:1], 3), "from 1 to 2"),
        (lambda: some.nearest(pack.sounds[0], 1), r"\(n, samples\)"),
        (lambda: some.nearest(pack.sounds[:1] * torch.nan, 1), "finite"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            act()
