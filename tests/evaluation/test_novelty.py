"""Copies are found however they are disguised, and sounds that are new are left alone."""

import math

import pytest
import scipy.signal
import torch
from scipy.stats import binomtest

from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.measure import SoundBatch, measure
from creativeml.evaluation.novelty import ALIGNED, COPY, aligned_levels, novelty, repeated_waveforms, wilson

RATE = 44100
EMBEDDINGS = {"log_mel": log_mel_statistics}


@pytest.fixture(scope="module")
def sets(starter_pack):
    """Real drums: two thirds of the groups to train on, the others held out, and the sounds of the first."""
    training, held_out = [], []
    for batch in starter_pack:
        names = list(dict.fromkeys(batch.groups))
        kept = {name for n, name in enumerate(names) if n % 3}
        for part, inside in ((training, True), (held_out, False)):
            rows = [i for i, group in enumerate(batch.groups) if (group in kept) == inside]
            part.append(SoundBatch(batch.kind, batch.sounds[rows], tuple(batch.groups[i] for i in rows)))
    copied = torch.cat([batch.sounds[:6] for batch in training])
    return *(measure(n, b, RATE, EMBEDDINGS) for n, b in (("training", training), ("held out", held_out))), copied


def shelf(sounds, gain_db):
    """A gentle equaliser: treble above 3 kHz raised or lowered, by a filter with phase."""
    ratio = 10 ** (gain_db / 20)
    b, a = scipy.signal.bilinear([ratio, 2 * math.pi * 3000], [1, 2 * math.pi * 3000], RATE)
    return torch.from_numpy(scipy.signal.lfilter(b, a, sounds.numpy(), axis=1)).float()


def later(sounds, milliseconds):
    delay = round(milliseconds * RATE / 1000)
    return torch.nn.functional.pad(sounds, (delay, 0))[:, : sounds.shape[1]]


DISGUISES = {
    "exact": lambda s: s,
    "gain": lambda s: 0.2 * s,
    "polarity": lambda s: -s,
    "3 ms late": lambda s: later(s, 3.0),
    "30 ms late": lambda s: later(s, 30.0),
    "fade-out": lambda s: s * torch.linspace(1, 0, s.shape[1]),
    "cut at 150 ms": lambda s: s * (torch.arange(s.shape[1]) < 0.15 * RATE),
    "treble +4 dB": lambda s: shelf(s, 4.0),
    "treble -4 dB": lambda s: shelf(s, -4.0),
    "noise at -45 dB": lambda s: s + 0.0056 * s.abs().amax(1, keepdim=True) * torch.randn(s.shape),
    "all at once": lambda s: -0.3 * later(shelf(s, 3.0), 2.0) * torch.linspace(1, 0, s.shape[1]),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_alarms_whatever_it_hides_behind(sets, disguise):
    training, held_out, sounds = sets
    torch.manual_seed(0)
    copies = measure("copies", [SoundBatch("any", DISGUISES[disguise](sounds))], RATE, EMBEDDINGS)
    found = novelty(training, copies, held_out=held_out)
    assert found.verdict == "copies" and found.alarm
    assert found.copies > 0.8 and found.copies_floor < 0.05
    assert found.closest[0].correlation[0] >= COPY


@pytest.mark.parametrize("disguise", ["exact", "gain", "polarity", "3 ms late", "30 ms late"])
def test_the_aligned_embedding_does_not_notice_level_sign_and_time(sets, disguise):
    _, _, sounds = sets
    moved = aligned_levels(DISGUISES[disguise](sounds), RATE)
    assert torch.allclose(moved, aligned_levels(sounds, RATE), atol=0.05)


def test_every_copy_is_traced_to_its_original(sets):
    training, _, sounds = sets
    copies = measure("copies", [SoundBatch("any", later(-0.5 * sounds, 1.0))], RATE, {})
    correlation, index = repeated_waveforms(training, copies)
    assert bool((correlation > 0.999).all())
    for head, place in zip(copies.heads.float(), index.tolist(), strict=True):
        original = training.heads[place].float()
        assert abs(float(torch.nn.functional.cosine_similarity(head, original, dim=0))) > 0.98


def test_held_out_recordings_and_noise_are_new(sets):
    training, held_out, sounds = sets
    noise = torch.randn(sounds.shape) * torch.exp(-torch.arange(sounds.shape[1]) / 3000)
    for measured in (held_out, measure("noise", [SoundBatch("any", noise)], RATE, EMBEDDINGS)):
        for embedding in (ALIGNED, "log_mel"):
            found = novelty(training, measured, embedding, held_out=held_out)
            assert found.verdict == "new" and not found.alarm and found.copies == found.copies_floor == 0
            assert found.share.low <= found.share.value <= found.share.high


def test_one_copy_among_many_is_found_and_named_first(sets):
    training, held_out, sounds = sets
    noise = torch.randn(60, sounds.shape[1]) * torch.exp(-torch.arange(sounds.shape[1]) / 3000)
    noise[17] = -sounds[9]
    found = novelty(
        training,
        measure("mostly new", [SoundBatch("any", noise)], RATE, {}),
        held_out=held_out,
        read=(lambda rows: noise[list(rows)], lambda rows: training.heads[list(rows)].float()),
    )
    assert found.verdict == "copies" and found.copies == pytest.approx(1 / 60)
    assert found.closest[0].evaluated == 17 and found.closest[0].correlation[1] > 0.8
    assert len(found.closest) == 10 and len({pair.evaluated for pair in found.closest}) == 10
    rest = [pair.distance for pair in found.closest[1:]]
    assert rest == sorted(rest) and not any(pair.correlation[0] >= COPY for pair in found.closest[1:])


def test_the_threshold_is_the_first_percentile_between_groups(sets):
    """By a loop over the training sounds; takes of one drum do not count."""
    training, _, _ = sets
    points = training.points["log_mel"].double()
    points = (points - points.mean(0)) / points.std(0)
    nearest = []
    for i, group in enumerate(training.groups):
        others = [j for j, other in enumerate(training.groups) if other != group]
        nearest.append(float((points[others] - points[i]).norm(dim=1).min()))
    found = novelty(training, training, "log_mel")
    assert found.threshold == pytest.approx(float(torch.tensor(nearest).double().quantile(0.01)), rel=1e-6)
    assert sorted(found.distances.tolist()) == pytest.approx(sorted(nearest), rel=1e-6)


def test_wilson_is_that_of_scipy_and_groups_are_needed(sets):
    for successes, total in ((0, 40), (3, 107), (40, 40)):
        expected = binomtest(successes, total).proportion_ci(method="wilson")
        found = wilson(successes, total)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    _, _, sounds = sets
    alone = measure("one drum", [SoundBatch("kick", sounds[:4], ("one",) * 4)], RATE, {})
    with pytest.raises(ValueError, match="at least two groups"):
        novelty(alone, alone)
