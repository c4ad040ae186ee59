"""Directions: what they promise, against sounds and points that no fit has seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import creativeml
from creativeml.audio.descriptors.registry import DESCRIPTORS, describe
from creativeml.errors import CreativeMLError
from creativeml.synthesis.audible import heard
from creativeml.synthesis.latent_directions import (
    attribute_direction,
    descriptor_directions,
    principal_directions,
)
from creativeml.synthesis.latent_space import StyleSpace


@pytest.fixture(scope="module")
def space() -> StyleSpace:
    return StyleSpace(creativeml.load("drums"))


@pytest.fixture(scope="module")
def snares(space):
    return space.sample("snare", 60, seed=20)


@pytest.fixture(scope="module")
def described(space, snares):
    found = descriptor_directions(space, snares, ("brightness", "decay_time_20"))
    return {direction.name: direction for direction in found}


def exact(space, points, name):
    return describe(space.decode(points), space.sample_rate, [name])[name]


def test_points_that_are_asked_for_are_measured_on_other_snares_by_the_exact_face(space, described):
    direction, fresh = described["brightness"], space.sample("snare", 8, seed=900)
    assert direction.unit == "point" and direction.r2 > 0.5
    before = exact(space, fresh, "brightness")
    for asked in (-5.0, 5.0):
        moved = exact(space, fresh + asked * direction.vector, "brightness") - before
        assert float(moved.median()) == pytest.approx(asked, rel=0.35), moved
        assert bool((moved.sign() == (1 if asked > 0 else -1)).all())
    assert direction.reached == pytest.approx(1.0, abs=0.2)


def test_times_go_by_ratios(space, described):
    direction, fresh = described["decay_time_20"], space.sample("snare", 5, seed=900)
    assert direction.unit == "just-noticeable difference"
    decay = DESCRIPTORS["decay_time_20"]
    before, after = (exact(space, fresh + way * direction.vector, "decay_time_20") for way in (0.0, 2.0))
    assert float((decay.in_jnds(after) - decay.in_jnds(before)).median()) == pytest.approx(2.0, rel=0.5)


def test_r2_is_that_of_points_that_were_not_seen(space, snares):
    """What has nothing to do with the points is not explained, however many numbers a point has."""
    shuffled = space.decode(snares)[torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    found = descriptor_directions_or_none(space, snares, shuffled)
    assert found is None or found.r2 < 0.1


def descriptor_directions_or_none(space, points, sounds):
    try:
        return descriptor_directions(space, points, ("brightness",), sounds=sounds)[0]
    except CreativeMLError:
        return None


def test_components_are_those_of_the_points_and_a_step_is_just_noticed(space, snares):
    found = principal_directions(space, snares, 3)
    values, vectors = np.linalg.eigh(np.cov(snares.double().numpy().T))
    for number, direction in enumerate(found):
        true = vectors[:, -1 - number]
        cosine = abs(float(direction.vector.double().numpy() @ true)) / float(direction.vector.norm())
        assert cosine == pytest.approx(1.0, abs=1e-3), direction.name
        assert direction.r2 == pytest.approx(values[-1 - number] / values.sum(), rel=1e-3)
        before, after = (heard(space.decode(snares[:8] + way * direction.vector), space.sample_rate) for way in (0, 1))
        assert 0.5 < float((after - before).norm(dim=1).median()) < 2.0
        assert direction.unit == "just-noticeable step" and direction.reached == pytest.approx(1.0, abs=0.1)


def test_an_attribute_leads_from_those_without_to_those_with(space, snares):
    kicks = space.sample("kick", 30, seed=3)
    points = torch.cat([snares[:30], kicks])
    has = torch.arange(60) >= 30
    direction = attribute_direction(space, points, has, "kick")
    truth = kicks.mean(0) - snares[:30].mean(0)
    assert float(torch.cosine_similarity(direction.vector, truth, dim=0)) == pytest.approx(1.0, abs=1e-4)
    assert direction.r2 > 0.9
    places = points[::5] @ direction.vector
    assert float(places[6:].min()) > float(places[:6].max())
    # Of an attribute that is dealt out at random nothing is told by points that were not seen.
    dealt = torch.rand(60, generator=torch.Generator().manual_seed(2)) > 0.5
    assert attribute_direction(space, points, dealt, "dealt").r2 < 0.2


def test_bright_and_dull_snares(space, snares):
    bright = exact(space, snares, "brightness")
    direction = attribute_direction(space, snares, bright > bright.median(), "bright")
    fresh = space.sample("snare", 4, seed=700)
    moved = exact(space, fresh + 3 * direction.vector, "brightness") - exact(space, fresh, "brightness")
    assert float(moved.median()) > 1


def test_what_has_no_direction_is_refused(space, snares):
    few = torch.arange(60) < 3
    for act, message in (
        (lambda: descriptor_directions(space, snares[:8], ("brightness",)), "at least 20 points"),
        (lambda: descriptor_directions(space, snares, ("brightnes",)), "did you mean 'brightness'"),
        (lambda: attribute_direction(space, snares, few, "few"), "at least 5 points with it"),
        (
            lambda: attribute_direction(space, torch.cat([snares, snares]), torch.arange(120) < 60, "copy"),
            "no direction",
        ),
        (lambda: principal_directions(space, snares[:2]), "at least 3 points"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            act()
