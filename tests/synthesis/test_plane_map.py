"""Places of a map and what is between them: exact, in between, continuous."""

from __future__ import annotations

import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.synthesis.audible import heard
from creativeml.synthesis.latent_space import StyleSpace
from creativeml.synthesis.plane_map import PlaneMap


@pytest.fixture(scope="module")
def scattered() -> PlaneMap:
    generator = torch.Generator().manual_seed(0)
    return PlaneMap(torch.randn(60, 2, generator=generator), torch.randn(60, 9, generator=generator))


def test_a_known_place_is_its_point(scattered):
    assert torch.equal(scattered.points(scattered.places), scattered.known)
    assert scattered.parts(scattered.places[7]) == [(7, 1.0)]
    assert float(scattered.away(scattered.places).max()) < 1e-6


@pytest.mark.parametrize("reach", [2.0, 4.0, 9.0])
def test_half_way_between_two_is_between_them(reach):
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    points = torch.tensor([[1.0, 2.0, 3.0], [3.0, 0.0, 3.0]])
    middle = PlaneMap(places, points, reach=reach).points(torch.tensor([[0.5, 0.0], [0.4, 0.0]]))
    torch.testing.assert_close(middle[0], torch.tensor([2.0, 1.0, 3.0]), atol=1e-5, rtol=0)
    assert 1.0 < float(middle[1, 0]) < 2.0 and float(middle[1, 2]) == pytest.approx(3.0)


def test_it_is_continuous_everywhere(scattered):
    """Along lines across the map, also where the nearest points change: ever finer steps change ever less."""
    largest = []
    for count in (2_000, 8_000, 32_000):
        line = torch.stack([torch.linspace(-3, 3, count), 0.4 * torch.linspace(-3, 3, count) - 0.1], dim=1)
        points = scattered.points(line)
        largest.append(float((points[1:] - points[:-1]).norm(dim=1).max()))
    assert largest[1] < 0.5 * largest[0] and largest[2] < 0.5 * largest[1]
    members = [frozenset(i for i, _ in scattered.parts(place)) for place in line[::200]]
    assert len(set(members)) > 20, "the nearest points must have changed on the way"


def test_the_wide_space_between_two_groups_is_a_slow_change_from_one_to_the_other():
    generator = torch.Generator().manual_seed(1)
    places = torch.cat([torch.rand(8, 2, generator=generator), torch.rand(8, 2, generator=generator) + 20.0])
    plane = PlaneMap(places, (torch.arange(16) >= 8).float()[:, None])
    way = plane.points(torch.linspace(0.5, 20.5, 201)[:, None].expand(-1, 2))[:, 0]
    assert bool((way.diff() > -1e-6).all()) and float(way[0]) == 0 and float(way[-1]) == 1
    changing = ((way > 0.02) & (way < 0.98)).float().mean()
    assert float(way.diff().max()) < 0.05 and 0.3 < float(changing) < 0.8


def test_shares_sum_to_one_and_nothing_lies_beyond_the_known_ones(scattered):
    for place in torch.randn(20, 2, generator=torch.Generator().manual_seed(3)) * 3:
        parts = scattered.parts(place)
        assert sum(share for _, share in parts) == pytest.approx(1.0) and len(parts) >= 1
        mixed = sum(share * scattered.known[i] for i, share in parts)
        torch.testing.assert_close(scattered.points(place[None])[0], mixed, atol=1e-5, rtol=0)
    far = scattered.points(torch.tensor([[1e6, -1e6]]))
    assert bool((far <= scattered.known.amax(0) + 1e-4).all()) and bool((far >= scattered.known.amin(0) - 1e-4).all())


def test_points_at_one_place_are_mixed_and_a_ring_around_is_fair():
    twins = PlaneMap(torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0], [2.0], [9.0]]))
    assert float(twins.points(torch.zeros(1, 2))) == pytest.approx(1.0)
    angles = torch.arange(7) * 2 * torch.pi / 7
    ring = PlaneMap(torch.stack([angles.cos(), angles.sin()], dim=1), torch.eye(7))
    middle = ring.points(torch.zeros(1, 2))
    assert bool(torch.isfinite(middle).all()) and float(middle.max()) == pytest.approx(1 / 7, abs=1e-5)


def test_empty_space_between_kinds_sounds_like_a_drum_that_is_both():
    space = StyleSpace(creativeml.load("drums"))
    points = torch.cat([space.sample("kick", 3), space.sample("snare", 3)])
    places = torch.tensor([[0.0, 0.0], [0.2, 0.1], [0.1, 0.2], [3.0, 3.0], [3.1, 3.2], [3.2, 3.0]])
    plane = PlaneMap(places, points)
    asked = torch.tensor([[0.0, 0.0], [1.6, 1.6], [3.0, 3.0]])
    sounds = space.decode(plane.points(asked))
    assert torch.equal(sounds[0], space.decode(points[:1])[0])
    kick, between, snare = heard(sounds, space.sample_rate)
    whole = float((kick - snare).norm())
    assert 0.2 * whole < float((kick - between).norm()) < whole
    assert 0.2 * whole < float((snare - between).norm()) < whole


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: PlaneMap(torch.zeros(3, 3), torch.zeros(3, 4)), r"places \(n, 2\)"),
        (lambda: PlaneMap(torch.zeros(3, 2), torch.zeros(2, 4)), r"places \(n, 2\)"),
        (lambda: PlaneMap(torch.zeros(1, 2), torch.zeros(1, 4)), "at least 2"),
        (lambda: PlaneMap(torch.zeros(3, 2), torch.full((3, 4), torch.nan)), "not finite"),
        (lambda: PlaneMap(torch.zeros(3, 2), torch.zeros(3, 4), reach=1), "reach"),
        (lambda: PlaneMap(torch.zeros(3, 2), torch.zeros(3, 4)).points(torch.zeros(2)), r"\(m, 2\)"),
    ],
)
def test_what_is_no_map_is_refused(act, message):
    with pytest.raises(CreativeMLError, match=message):
        act()
