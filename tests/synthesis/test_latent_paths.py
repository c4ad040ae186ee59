"""Ways between sounds of the shipped generator: where they lead, how evenly they are heard, and how long they are."""

from __future__ import annotations

import pytest
import torch

import creativeml
from creativeml.audio.descriptors.registry import describe
from creativeml.errors import CreativeMLError
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_paths import (
    GeodesicConfig,
    geodesic,
    interpolate,
    spherical,
    stops,
    straight,
)
from creativeml.synthesis.latent_space import StyleSpace


@pytest.fixture(scope="module")
def space() -> StyleSpace:
    return StyleSpace(creativeml.load("drums"))


@pytest.fixture(scope="module")
def snares(space):
    return space.sample("snare", 40, seed=20)


@pytest.mark.parametrize("how", ["straight", "spherical"])
def test_a_route_leads_from_one_point_to_the_other(space, snares, how):
    route = interpolate(space, snares[0], snares[1], 6, how, mean=snares.mean(0))
    assert route.points.shape == (6, space.dim) and route.steps.shape == (5,)
    assert torch.equal(route.points[0], snares[0]) and torch.equal(route.points[-1], snares[1])
    assert bool((route.shares.diff() > 0).all()) and float(route.shares[-1]) == 1.0
    assert torch.equal(route.sounds, space.decode(route.points))
    assert route.length == pytest.approx(float(route.steps.sum()))


def test_the_arc_turns_evenly_and_keeps_the_distance_from_the_mean(space, snares):
    """Against Shoemake's formula in its plane, by complex numbers."""
    mean = snares.mean(0)
    first, last = snares[0] - mean, snares[1] - mean
    across = last - (last @ first) / (first @ first) * first
    axes = torch.stack([first / first.norm(), across / across.norm()])
    points = spherical(snares[0], snares[1], mean)(torch.linspace(0, 1, 5)) - mean
    flat = points @ axes.T
    torch.testing.assert_close(flat @ axes, points, atol=1e-4, rtol=0)
    angles = torch.atan2(flat[:, 1], flat[:, 0])
    torch.testing.assert_close(angles.diff(), angles[-1:].expand(4) / 4, atol=1e-4, rtol=0)
    radii = torch.linspace(float(first.norm()), float(last.norm()), 5)
    torch.testing.assert_close(points.norm(dim=1), radii, atol=1e-3, rtol=0)
    # The chord dips towards the mean, the arc does not.
    chord = straight(snares[0], snares[1])(torch.tensor([0.5]))[0] - mean
    assert float(chord.norm()) < 0.95 * float(points[2].norm())


def test_without_an_arc_the_way_is_straight(snares):
    shares = torch.linspace(0, 1, 4)
    mean = (snares[0] + snares[1]) / 2
    torch.testing.assert_close(
        spherical(snares[0], snares[1], mean)(shares), straight(snares[0], snares[1])(shares), atol=1e-5, rtol=0
    )
    assert torch.equal(spherical(snares[0], snares[0], mean)(shares), snares[:1].expand(4, -1))
    # The mean itself lies in no direction from it.
    torch.testing.assert_close(spherical(mean, snares[0], mean)(shares), straight(mean, snares[0])(shares))


def test_stops_are_spread_until_steps_are_heard_as_equal(space, snares):
    """On a way that lingers at its start and hurries at its end, judged by log-mel pictures, which nobody moves by."""
    line = straight(snares[2], snares[3])

    def hurried(shares):
        return line(shares**6)

    uneven, even = (stops(space, hurried, 9, even=e) for e in (False, True))
    assert uneven.unevenness > 3 and even.unevenness < 1.8
    assert even.steps.shape == (8,) and bool((even.shares.diff() > 0).all())
    judged = []
    for route in (uneven, even):
        pictures = log_mel_pyramid(space.decode(route.points), space.sample_rate)
        steps = pyramid_distance([p[1:] for p in pictures], [p[:-1] for p in pictures])
        judged.append(float(steps.max() / steps.mean()))
    assert judged[0] > 3 > 2 > judged[1]


def test_nothing_on_the_way_is_even(space, snares):
    route = interpolate(space, snares[0], snares[0], 4)
    assert route.unevenness == 1.0 and route.length < 0.1


def test_the_bent_way_is_shorter_than_the_straight_one(space):
    ends = space.sample("kick", 1, seed=2), space.sample("tom", 1, seed=3)
    start, end = (one[0] for one in ends)
    bent = geodesic(space, start, end, GeodesicConfig(stations=4, steps=8))
    shares = torch.linspace(0, 1, 5)
    assert torch.equal(bent(shares)[0], start) and torch.equal(bent(shares)[-1], end)
    length = [stops(space, curve, 5, even=False).steps.square().sum() for curve in (straight(start, end), bent)]
    assert float(length[1]) < 0.97 * float(length[0])
    # It is a bend, not another way.
    away = (bent(shares) - straight(start, end)(shares)).norm(dim=1)
    assert 0 < float(away.max()) < 0.5 * float((end - start).norm())


def test_brightness_goes_steadily_from_end_to_end(space):
    points = space.sample("crash", 8, seed=5)
    bright = describe(space.decode(points), space.sample_rate, ["brightness"])["brightness"]
    low, high = points[bright.argmin()], points[bright.argmax()]
    assert float(bright.max() - bright.min()) > 5
    route = interpolate(space, low, high, 8)
    on_the_way = describe(space.decode(route.points), space.sample_rate, ["brightness"])["brightness"]
    assert bool((on_the_way.diff() > -0.5).all())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"count": 1}, "from 2 to 1024"),
        ({"how": "crooked"}, "straight, spherical, geodesic"),
        ({"how": "spherical"}, "give the mean"),
        ({"end": torch.zeros(3)}, r"shape \(211,\)"),
        ({"start": torch.full((211,), torch.nan)}, "finite"),
    ],
)
def test_what_cannot_be_gone_is_refused(space, snares, changed, message):
    with pytest.raises(CreativeMLError, match=message):
        interpolate(space, **{"start": snares[0], "end": snares[1], "count": 4, **changed})


def test_a_cloud_knows_what_is_inside(space, snares):
    cloud = Cloud(snares)
    coordinates = cloud.coordinates(snares)
    assert float(coordinates.mean(0).abs().max()) < 1e-3
    torch.testing.assert_close(coordinates.std(0), torch.ones(len(cloud.axes)), atol=1e-3, rtol=0)
    # 99 % of the variance, and of other snares most.
    left = (snares - cloud.points(coordinates)).square().sum() / (snares - snares.mean(0)).square().sum()
    assert 0 <= float(left) <= 0.0101
    assert float((cloud.depth(snares) <= cloud.edge).float().mean()) == pytest.approx(0.95, abs=0.03)
    far = 5 * coordinates
    drawn = cloud.drawn_in(far)
    torch.testing.assert_close(cloud.depth(cloud.points(drawn)), torch.full((40,), cloud.edge), atol=1e-3, rtol=0)
    assert float(cloud.excess(far).min()) > 1 and float(cloud.excess(0.5 * coordinates).max()) == 0
    # Of snares the kind stays, however far they go.
    kinds = cloud.points(far)[:, space.style_dim :][:, : len(space.kinds)]
    torch.testing.assert_close(kinds, snares[:, space.style_dim :][:, : len(space.kinds)], atol=1e-3, rtol=0)
    for bad, message in (
        (snares[:2], "at least 3"),
        (snares[:1].expand(5, -1), "alike"),
        (snares * torch.nan, "finite"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            Cloud(bad)
