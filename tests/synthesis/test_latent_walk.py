"""Random walks: every step as large as asked, from the seed alone, and never out of the known sounds."""

from __future__ import annotations

import math

import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.synthesis.audible import heard
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_space import StyleSpace
from creativeml.synthesis.latent_walk import random_walk, size_reached


@pytest.fixture(scope="module")
def space() -> StyleSpace:
    return StyleSpace(creativeml.load("drums"))


@pytest.fixture(scope="module")
def cloud(space) -> Cloud:
    return Cloud(space.sample("snare", 60))


@pytest.mark.parametrize("size_db", [0.6, 1.8])
def test_every_step_has_its_size(space, cloud, size_db):
    walk = random_walk(space, cloud, 5, size_db, seed=1)
    assert walk.points.shape == (6, space.dim) and walk.sizes.shape == (5,)
    torch.testing.assert_close(walk.sounds, space.decode(walk.points))
    places = heard(walk.sounds, space.sample_rate)
    sizes = (places[1:] - places[:-1]).norm(dim=1)
    torch.testing.assert_close(sizes, walk.sizes, atol=1e-3, rtol=0)
    assert bool(((sizes / size_db - 1).abs() <= 0.1 + 1e-3).all())
    assert bool((cloud.depth(walk.points) <= cloud.edge + 1e-3).all())


def test_the_seed_decides_and_the_start_is_kept(space, cloud):
    start = space.sample("tom", 1, seed=4)[0]
    first = random_walk(space, cloud, 2, 1.0, seed=5, start=start)
    assert torch.equal(first.points, random_walk(space, cloud, 2, 1.0, seed=5, start=start).points)
    other = random_walk(space, cloud, 2, 1.0, seed=6, start=start)
    assert not torch.equal(first.points[1:], other.points[1:])
    # A tom among snares: what the snares' cloud does not do stays the tom's, its kind above all.
    kinds = first.points[:, space.style_dim :][:, : len(space.kinds)]
    assert kinds.argmax(1).tolist() == [space.kinds.index("tom")] * 3
    snares = space.sample("snare", 8)
    inside = snares[int(cloud.depth(snares).argmin())]
    assert float(cloud.depth(inside[None])) <= cloud.edge
    torch.testing.assert_close(random_walk(space, cloud, 1, 1.0, start=inside).points[0], inside, atol=1e-3, rtol=0)


def test_a_size_is_reached_on_an_uneven_way():
    for wanted in (0.3, 2.0, 9.0):
        way, size = size_reached(lambda x: 5 * math.sqrt(x) + x, wanted, first=0.2, most=2.0)
        assert size == pytest.approx(5 * math.sqrt(way) + way)
        if wanted < 5 * math.sqrt(2) + 2:
            assert abs(size - wanted) <= 0.1 * wanted
    assert size_reached(lambda x: x, 50.0, first=0.2, most=2.0) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"size_db": 0.0}, "size_db"),
        ({"size_db": math.nan}, "size_db"),
        ({"seed": -1}, "seed"),
        ({"start": torch.zeros(4)}, r"shape \(211,\)"),
        ({"size_db": 19.0}, "no step of 19 dB .* farthest"),
    ],
)
def test_what_cannot_be_walked_is_refused(space, cloud, asked, message):
    with pytest.raises(CreativeMLError, match=message):
        random_walk(space, cloud, **{"steps": 1, "size_db": 1.0, **asked})
