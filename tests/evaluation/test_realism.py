"""Distances by kind: what is compared, with which ruler, and that real sounds are at none from real sounds."""

from dataclasses import replace

import pytest
import torch

from creativeml.data.one_shots import fingerprint
from creativeml.evaluation.distances import frechet_infinity_interval, kernel_distance_interval, median_distance
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.manifold import manifold
from creativeml.evaluation.measure import (
    Measured,
    as_points,
    comparable_kinds,
    measure,
    realism,
    rulers,
    share_heard,
)
from creativeml.evaluation.points import halves
from creativeml.evaluation.transients import onset_windows

KINDS = ("kick", "snare", "clap")


def measured(name, per_kind, seed, shift=0.0):
    """Sounds of three kinds that lie apart, two takes of each drum, as if they had been heard."""
    generator = torch.Generator().manual_seed(seed)
    points, kinds, groups = [], [], []
    for number, (kind, count) in enumerate(zip(KINDS, per_kind, strict=True)):
        drums = torch.randn((count + 1) // 2, 5, generator=generator)
        takes = drums.repeat_interleave(2, 0)[:count] + 0.05 * torch.randn(count, 5, generator=generator)
        points.append(takes + 4.0 * number + shift)
        kinds += [kind] * count
        groups += [f"{name} {kind} {n // 2}" for n in range(count)]
    hashes = tuple(f"{name}{n:04d} and more" for n in range(len(kinds)))
    heads = torch.zeros(len(kinds), 4).half()
    return Measured(name, tuple(kinds), tuple(groups), hashes, {"any": torch.cat(points)}, {}, heads, 44100)


def alone(made):
    return replace(made, groups=tuple(map(str, range(len(made)))))


@pytest.fixture(scope="module")
def real():
    """Held-out recordings and a training split: kicks and snares have 20 together, claps have not."""
    return measured("test", (8, 8, 4), 0), measured("train", (60, 40, 8), 1)


def test_kinds_with_twenty_recordings_in_both_sets_have_figures_of_their_own(real):
    found = realism(*real, alone(measured("model", (30, 30, 30), 2)), KINDS, resamples=40, seed=0)
    assert list(found) == ["pooled", "kick", "snare"]
    for figures in found.values():
        for interval in figures["any"].values():
            assert interval.low <= interval.value <= interval.high


def test_the_floor_is_about_zero_and_a_shifted_model_is_far(real):
    options = {"kinds": KINDS, "resamples": 60, "seed": 0}
    floor = realism(*real, real[1], **options)
    perfect = realism(*real, alone(measured("perfect", (60, 60, 60), 3)), **options)
    shifted = realism(*real, alone(measured("shifted", (60, 60, 60), 3, shift=1.5)), **options)
    for kind in ("kick", "snare"):
        for figure in ("kad", "fad_inf"):
            low, middle, high = (f[kind]["any"][figure] for f in (floor, perfect, shifted))
            assert low.low <= 0 <= low.high
            assert middle.low <= low.high and low.low <= middle.high
            assert high.low > max(middle.value, low.value)


def test_the_rulers_are_those_of_the_recordings(real):
    known = rulers(*real, KINDS)
    reference = real[0].points["any"].double()
    scaled = (reference - reference.mean(0)) / reference.std(0)
    assert known["pooled"]["any"]["bandwidth"] == pytest.approx(median_distance(scaled))
    kicks = torch.cat([m.points["any"][: m.kinds.count("kick")].double() for m in real])
    expected = median_distance((kicks - reference.mean(0)) / reference.std(0))
    assert known["kick"]["any"]["bandwidth"] == pytest.approx(expected)
    assert known["kick"]["any"]["recordings"] == 68 and known["kick"]["any"]["groups"] == 34
    assert known["kick"]["any"]["dimensions"] == 4 and known["pooled"]["any"]["dimensions"] == 2


def test_what_a_model_has_heard_of_the_recordings_is_counted(real):
    heard = {fingerprint(digest) for digest in real[1].sha256[:30]}
    assert len(heard) == 30
    shares = share_heard(*real, KINDS, heard)
    assert shares == pytest.approx({"pooled": 0, "kick": 30 / 68, "snare": 0, "clap": 0})


def test_two_halves_of_real_drums_have_overlapping_intervals(starter_pack):
    embeddings = {"log_mel": log_mel_statistics, "onset": onset_windows}
    heard = measure("starter", starter_pack, 44100, embeddings)
    kinds = comparable_kinds(heard, [])
    for embedding in embeddings:
        points = as_points(heard, embedding, kinds)
        reference, rest = (points.select(mask) for mask in halves(points, 1, 0)[0])
        for first, second in halves(rest, 3, 1):
            pair = [rest.select(mask) for mask in (first, second)]
            found = [
                {
                    "kad": kernel_distance_interval(reference, half, resamples=60),
                    "fad_inf": frechet_infinity_interval(reference, half, resamples=60),
                    **manifold(reference, half, resamples=40),
                }
                for half in pair
            ]
            for name, one in found[0].items():
                other = found[1][name]
                assert max(one.low, other.low) <= min(one.high, other.high), (embedding, name, one, other)
