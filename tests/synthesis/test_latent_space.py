"""The space of the shipped generator: its points, their sounds, and where sounds are found in it."""

from __future__ import annotations

import pytest
import torch

import creativeml
from creativeml.audio.descriptors.registry import describe
from creativeml.errors import CreativeMLError
from creativeml.losses.matching import Match
from creativeml.synthesis import starting_points
from creativeml.synthesis.finish import finish
from creativeml.synthesis.latent_space import LatentSpace, StyleSpace
from creativeml.synthesis.starting_points import likeliest_kinds, likely_kinds

KINDS = ("kick", "snare", "hat_closed", "tom")
COUNT = 3


@pytest.fixture(scope="module")
def space() -> StyleSpace:
    return StyleSpace(creativeml.load("drums"))


@pytest.fixture(scope="module")
def known(space):
    """Points of several kinds, one kind after the other, and their sounds."""
    points = torch.cat([space.sample(kind, COUNT, seed=3) for kind in KINDS])
    return points, space.decode(points)


def test_it_is_a_latent_space(space):
    assert isinstance(space, LatentSpace)
    assert (space.name, space.sample_rate, space.length_samples) == ("drums", 44100, 65536)
    assert space.dim == space.style_dim + 11 + 8 and space.kinds[0] == "kick"


def test_points_follow_the_seed(space):
    points = space.sample("snare", 4, seed=7)
    assert points.shape == (4, space.dim) and points.dtype == torch.float32
    assert torch.equal(points, space.sample("snare", 4, seed=7))
    for number in range(4):
        assert torch.equal(points[number], space.sample("snare", 1, seed=7 + number)[0])
    assert float(torch.pdist(points).min()) > 1
    # The condition says which kind, the style does not.
    assert points[:, space.style_dim :][:, :11].argmax(1).tolist() == [space.kinds.index("snare")] * 4


def test_a_sampled_point_is_the_sound_of_its_seed_but_for_the_noise(space):
    """Against the generator itself, by another way into it: the style of the same latent with the same noise."""
    point = space.sample("tom", 1, seed=5)
    instrument = space.instrument
    latent, *_ = instrument.random_inputs(5)
    condition = point[:, space.style_dim :]
    noise = [part.cpu() for part in starting_points.fixed_noise(instrument)]
    with torch.no_grad():
        raw = instrument.model(latent, condition, noise=noise, truncation=1.0)
    torch.testing.assert_close(space.decode(point), finish(raw, 44100), atol=1e-4, rtol=0)


def test_a_point_has_the_same_sound_alone_and_among_others(space, known):
    points, sounds = known
    assert sounds.shape == (len(points), space.length_samples)
    for number in (0, 4, 11):
        assert torch.equal(space.decode(points[number : number + 1])[0], sounds[number])
    torch.testing.assert_close(sounds.abs().amax(1), torch.full((len(points),), 10 ** (-1 / 20)))
    assert float(sounds[:, -1].abs().max()) == 0
    assert space.decode(points[:0]).shape == (0, space.length_samples)


def test_raw_sounds_have_a_gradient_and_are_those_that_are_decoded(space, known):
    points, sounds = known
    some = points[:2].clone().requires_grad_()
    raw = space.raw(some)
    # Together sums are rounded in another order, and phases carry that on.
    missed = (finish(raw.detach(), 44100) - sounds[:2]).square().sum(1) / sounds[:2].square().sum(1)
    assert float(missed.max()) < 1e-5
    raw.square().sum().backward()
    assert some.grad is not None and bool((some.grad.abs().sum(1) > 0).all())


def test_a_generated_sound_is_found_near_its_own_point(space, known):
    points, sounds = known
    labels = [kind for kind in KINDS for _ in range(COUNT)]
    found = space.encode(sounds, labels)
    away = torch.cdist(found, points)
    others = (away.sum(1) - away.diag()) / (len(points) - 1)
    assert bool((away.diag() < 0.85 * others).all()), (away.diag(), others)
    same_kind = torch.block_diag(*[torch.ones(COUNT, COUNT)] * len(KINDS)).bool()
    siblings = away.where(same_kind, 0).sum(1) - away.diag()
    assert float(away.diag().mean()) < 0.85 * float(siblings.mean() / (COUNT - 1))
    # What the found points sound like is nearer to the sound than its siblings are.
    again = space.decode(found)
    for number in range(0, len(points), COUNT):
        distances = Match(sounds[number], 44100).distance(torch.cat([again[number][None], sounds[number + 1 :][:2]]))
        assert int(distances.argmin()) == 0, (labels[number], distances)


def test_sounds_are_found_alone_where_they_are_found_among_others(space, known):
    _, sounds = known
    among = space.encode(sounds)
    torch.testing.assert_close(space.encode(sounds[5:6])[0], among[5], atol=1e-3, rtol=0)
    assert space.encode(sounds[:0]).shape == (0, space.dim)


def test_kinds_are_named_by_the_classifier(space, known):
    _, sounds = known
    named = likeliest_kinds(sounds, space.instrument)
    assert named == [likely_kinds(sound[None], space.instrument)[0] for sound in sounds]
    truth = [kind for kind in KINDS for _ in range(COUNT)]
    assert sum(a == b for a, b in zip(named, truth, strict=True)) >= 10
    found = space.encode(sounds)[:, space.style_dim :][:, :11]
    assert [space.kinds[i] for i in found.argmax(1).tolist()] == named


def test_the_classifier_is_loaded_once(space, known, monkeypatch):
    space.encode(known[1][:1])
    monkeypatch.setattr(starting_points, "from_pretrained", lambda *_: pytest.fail("loaded again"))
    space.encode(known[1])


def test_controls_are_described_by_the_smooth_faces(space, known):
    """The exact ones take 600 ms each instead of 16 to 30, and are not those of training."""
    kinds, sounds = ["kick", "snare"], known[1][::COUNT][:2]
    points = space.encode(sounds, kinds)
    names = space.instrument.controls
    values = describe(sounds, space.sample_rate, names, smooth=True)
    condition = space.instrument.model.condition_for(kinds, values)
    assert names and torch.allclose(points[:, space.style_dim :], condition, atol=1e-5)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: s.sample("gong", 1), "gong"),
        (lambda s: s.sample("kick", 0), "count"),
        (lambda s: s.decode(torch.zeros(2, 7)), r"have shape \(n, 211\), not \(2, 7\)"),
        (lambda s: s.decode(torch.full((1, s.dim), torch.nan)), "not finite"),
        (lambda s: s.encode(torch.zeros(1, 100)), r"\(n, 65536\), not \(1, 100\)"),
        (lambda s: s.encode(torch.full((1, 65536), torch.inf)), "NaN or infinity"),
        (lambda s: s.encode(torch.randn(2, 65536), ["kick"]), "1 kinds for 2 sounds"),
        (lambda s: s.encode(torch.randn(1, 65536), ["gong"]), "gong"),
    ],
)
def test_refusals_say_what_is_wrong(space, act, message):
    with pytest.raises(CreativeMLError, match=message):
        act(space)


def test_a_model_without_encoder_or_styles_is_refused(tiny):
    space = StyleSpace(tiny)
    with pytest.raises(CreativeMLError, match="came without an encoder"):
        space.encode(torch.randn(1, space.length_samples))
    assert space.decode(space.sample("kick", 1)).shape == (1, space.length_samples)
