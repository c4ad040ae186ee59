"""Recordings found in the space of the shipped generator, against a distance that the search does not follow."""

from __future__ import annotations

import pytest
import torch

import creativeml
from creativeml.audio.log_mel import FLOOR_DB
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder
from creativeml.losses.matching import Match
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.synthesis.inversion import InversionConfig, cloud_of, invert
from creativeml.synthesis.latent_space import StyleSpace
from creativeml.synthesis.recordings import PEAK, read_recording

STARTER = project_folder("datasets") / "starter"
KINDS = ("kick", "snare", "hat_closed", "tom")
CONFIG = InversionConfig(steps=12)


@pytest.fixture(scope="module")
def space() -> StyleSpace:
    return StyleSpace(creativeml.load("drums"))


@pytest.fixture(scope="module")
def cloud(space):
    return cloud_of(space, 20)


@pytest.fixture(scope="module")
def recordings(space):
    paths = [sorted((STARTER / kind).glob("*.flac"))[-1] for kind in KINDS]
    return torch.stack([read_recording(path, space.sample_rate, space.length_samples).samples for path in paths])


@pytest.fixture(scope="module")
def found(space, cloud, recordings):
    return invert(space, recordings, KINDS, cloud, CONFIG)


def log_mel_distance(space, sounds, recordings):
    pyramids = (
        log_mel_pyramid(PEAK * part / part.abs().amax(1, keepdim=True), space.sample_rate)
        for part in (sounds, recordings)
    )
    return -FLOOR_DB * pyramid_distance(*pyramids)


def test_refined_is_nearer_than_proposed_and_that_nearer_than_random(space, recordings, found):
    refined = log_mel_distance(space, space.decode(torch.stack([one.point for one in found])), recordings)
    proposed = log_mel_distance(space, space.decode(space.encode(recordings, KINDS)), recordings)
    random = torch.stack(
        [
            log_mel_distance(space, space.decode(torch.cat([space.sample(k, 1, seed=s) for k in KINDS])), recordings)
            for s in range(4)
        ]
    ).mean(0)
    assert float(refined.mean()) < 0.95 * float(proposed.mean()) and float(proposed.mean()) < 0.9 * float(random.mean())
    assert all(one.after < one.before and one.seconds > 0 for one in found)
    assert sum(one.after for one in found) < 0.85 * sum(one.before for one in found)


def test_what_is_reported_is_what_the_sound_has(space, recordings, found):
    points = torch.stack([one.point for one in found])
    after = Match(recordings, space.sample_rate).distance(space.raw(points).detach())
    assert [one.after for one in found] == pytest.approx(after.tolist(), rel=0.02)
    # The last touch changes next to nothing of it.
    touched = Match(recordings, space.sample_rate).distance(space.decode(points))
    assert [one.after for one in found] == pytest.approx(touched.tolist(), rel=0.1)


def test_points_stay_near_the_known_ones(space, cloud, recordings, found):
    free = invert(space, recordings[:2], KINDS[:2], cloud, InversionConfig(steps=12, pull=0.0, rate=0.4))
    held = invert(space, recordings[:2], KINDS[:2], cloud, InversionConfig(steps=12, pull=100.0, rate=0.4))
    depth = [float(cloud.depth(torch.stack([one.point for one in part])).mean()) for part in (free, held)]
    assert depth[1] < depth[0]
    assert all(one.after <= one.before for one in free + held)


def test_a_generated_sound_is_found_nearly_as_it_was(space, cloud):
    points = space.sample("snare", 2, seed=40)
    sounds = space.decode(points)
    near = invert(space, sounds, ["snare"] * 2, cloud, InversionConfig(steps=15))
    others = Match(sounds, space.sample_rate).distance(space.decode(space.sample("snare", 2, seed=50)))
    assert max(one.after for one in near) < 0.5 * float(others.min())


def test_no_steps_keep_the_proposal_and_progress_is_told(space, cloud, recordings):
    told = []
    kept = invert(space, recordings, KINDS, cloud, InversionConfig(steps=0, batch=3), lambda *at: told.append(at))
    assert told == [(3, 4), (4, 4)]
    torch.testing.assert_close(
        torch.stack([one.point for one in kept]), space.encode(recordings, KINDS), atol=1e-3, rtol=0
    )
    assert all(one.after == one.before for one in kept)


def test_what_cannot_be_found_is_refused(space, cloud, recordings):
    with pytest.raises(CreativeMLError, match=r"\(n, 65536\)"):
        invert(space, recordings[:, :100], None, cloud)
    with pytest.raises(CreativeMLError, match="1 kinds for 4 sounds"):
        invert(space, recordings, ["kick"], cloud)
    with pytest.raises(ValueError, match="rate"):
        InversionConfig(rate=0.0)
