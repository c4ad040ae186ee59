"""The space of an autoencoder keeps the promises of every space, and the tools that know no model work in it."""

from __future__ import annotations

import pytest
import torch

import creativeml
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError
from creativeml.losses.matching import Match
from creativeml.models import build, save_pretrained
from creativeml.synthesis.autoencoder_space import AutoencoderSpace, open_space
from creativeml.synthesis.inversion import InversionConfig, invert
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_directions import principal_directions
from creativeml.synthesis.latent_paths import GeodesicConfig, interpolate
from creativeml.synthesis.latent_space import LatentSpace, StyleSpace
from creativeml.synthesis.latent_walk import random_walk

SMALL = {"global_dim": 8, "frame_dim": 1, "hidden_dim": 16, "style_dim": 8, "channels": [8] * 5}


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> LatentSpace:
    torch.manual_seed(0)
    model = build("wave_vae", kinds=["kick", "snare"], encoder_channels=[4, 4, 8, 8, 8], **SMALL)
    folder = tmp_path_factory.mktemp("models") / "small_vae"
    save_pretrained(model, folder, info={"licence": "CC0-1.0"})
    return open_space(folder)


@pytest.fixture(scope="module")
def points(space):
    return space.sample("snare", 12)


def test_a_name_opens_the_space_that_its_model_has(space):
    assert isinstance(space, AutoencoderSpace) and isinstance(space, LatentSpace)
    assert isinstance(open_space("drums"), StyleSpace)
    assert space.dim == 8 + 32 and space.kinds == ("kick", "snare")


def test_points_and_sounds_are_as_every_spaces(space, points):
    assert points.shape == (12, space.dim) and torch.equal(points[3:4], space.sample("snare", 1, seed=3))
    sounds = space.decode(points[:3])
    assert sounds.shape == (3, space.length_samples) and torch.equal(sounds[1], space.decode(points[1:2])[0])
    found = space.encode(sounds)
    assert found.shape == (3, space.dim) and found.dtype == torch.float32
    torch.testing.assert_close(space.encode(sounds[1:2])[0], found[1], atol=1e-4, rtol=0)
    with pytest.raises(CreativeMLError, match=r"\(n, 65536\)"):
        space.encode(torch.zeros(1, 10))
    with pytest.raises(CreativeMLError, match="not finite"):
        space.decode(points[:1] * torch.nan)


def test_ways_walks_and_directions_need_no_other_model(space, points):
    for how in ("straight", "spherical", "geodesic"):
        config = GeodesicConfig(stations=2, steps=2)
        route = interpolate(space, points[0], points[1], 4, how, mean=points.mean(0), config=config)
        assert torch.equal(route.points[0], points[0]) and torch.equal(route.points[-1], points[1])
    cloud = Cloud(points)
    halfway = 0.5 * float(route.steps.sum() / 3)
    walk = random_walk(space, cloud, 2, max(0.05, halfway), seed=1)
    assert bool(((walk.sizes / max(0.05, halfway) - 1).abs() <= 0.1 + 1e-3).all())
    try:
        assert principal_directions(space, points, 1)[0].unit == "just-noticeable step"
    except CreativeMLError as error:
        # Of an untrained model it may be that nothing is heard.
        assert "nothing is heard" in str(error)


def test_inversion_refines_what_the_encoder_proposes(space, points):
    sounds = space.decode(points[:2])
    found = invert(space, sounds, None, Cloud(points), InversionConfig(steps=6))
    assert all(one.after <= one.before for one in found) and any(one.after < one.before for one in found)


def test_the_bundled_autoencoder_is_played_and_says_who_has_controls():
    """Beside it lie models that make no sounds of kinds: they are no part of what is recommended."""
    instrument = creativeml.load("drums_vae")
    sounds = instrument.generate(kind="snare", count=2, seed=1)
    assert sounds.shape == (2, 65536) and torch.equal(sounds[1], instrument.sound("snare", 2))
    with pytest.raises(CreativeMLError, match=r"has no controls.*: drums$"):
        instrument.generate(kind="snare", controls={"brightness": 60.0})
    with pytest.raises(CreativeMLError, match=r"bundled: drums, drums_vae\)"):
        creativeml.load("nothing")


def test_recordings_are_near_what_the_bundled_autoencoder_makes_of_them():
    """Nearer than sounds of their kinds that are drawn at random."""
    space = open_space("drums_vae")
    pack = starter_sounds(("kick", "snare"), length_samples=65536)
    chosen = [0, 9, 18, len(pack.sounds) - 20, len(pack.sounds) - 9, len(pack.sounds) - 1]
    sounds = pack.sounds[chosen]
    again = space.decode(space.encode(sounds))
    drawn = torch.cat([space.decode(space.sample(pack.kinds[pack.labels[n]], 1, seed=n)) for n in chosen])
    near, far = (
        torch.stack([Match(a, 44100).distance(b[None])[0] for a, b in zip(sounds, made, strict=True)])
        for made in (again, drawn)
    )
    assert float(near.mean()) < 0.7 * float(far.mean())
    assert int((near < far).sum()) >= 5
