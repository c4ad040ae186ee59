"""Does a model copy? The nearest training sound of every generated sound, and whether it is suspiciously near.

How near is too near is read from the training sounds themselves: recordings of *different* drums (source groups) are
sometimes alike, and the first percentile of the distances from each training sound to the nearest one of another group
is the threshold. Of sounds that are as new as another drum would be, about one in a hundred lies below it; recordings
that the model was not trained on show the real share, the floor.

Two rulers, because each can be fooled alone:
- distance in an embedding. `aligned_levels` is made for this purpose: it does not notice what a copy is usually hidden
  behind (gain, polarity, a shift in time, a fade-out, silence at the end) and hardly a slight equaliser or noise;
- correlation of the waveforms themselves (`creativeml.data.near_duplicates` finds repeated recordings by it): two
  sounds whose first quarter of a second has a normalised cross-correlation of `COPY` at some lag are one recording.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.audio.log_mel import decibels, mel_filters, power_spectrogram
from creativeml.evaluation.measure import Measured
from creativeml.evaluation.points import Interval, Points, standardise
from creativeml.evaluation.transients import from_onset

ALIGNED = "aligned"
"""Key of the embedding made for novelty."""
PERCENTILE = 0.01
COPY = 0.95
ONSET_DB = -20.0
HEAD_S = 0.25
WINDOW, HOP, BANDS = 512, 128, 32
PART_ENDS_MS = (4.0, 8.0, 16.0, 32.0, 64.0, 125.0, 250.0)
RANGE_DB = 50.0


@torch.no_grad()
def aligned_levels(sounds: Tensor, sample_rate: int) -> Tensor:
    """Levels of 32 mel bands in seven stretches of the first quarter of a second after the onset.

    The onset is the first sample within 20 dB of the peak; levels are in dB relative to the strongest, nothing below
    -50 dB counts.

    Args:
        sounds: (batch, samples).
        sample_rate: in Hz.

    Returns:
        (batch, 224) float32.
    """
    heads = from_onset(sounds, round(HEAD_S * sample_rate), ONSET_DB)
    power = power_spectrogram(heads, WINDOW, HOP)
    ends = torch.tensor(PART_ENDS_MS, device=sounds.device)
    centres_ms = torch.arange(power.shape[2], device=sounds.device) * HOP * 1000.0 / sample_rate
    part = torch.bucketize(centres_ms, ends).clamp_max(len(ends) - 1)
    member = torch.nn.functional.one_hot(part, len(ends)).to(power)
    filters = mel_filters(sample_rate, WINDOW, BANDS, 30.0, 20000.0).to(power)
    levels = decibels(torch.einsum("bft,fm,tp->bmp", power, filters, member / member.sum(0).clamp_min(1))).flatten(1)
    return (levels - levels.amax(1, keepdim=True)).clamp_min(-RANGE_DB)


@dataclass(frozen=True)
class Pair:
    """A sound and the training sound it is nearest to, by their index in their sets.

    Attributes:
        evaluated, training: indices.
        distance: in the embedding.
        correlation: of the waveforms over the first quarter of a second and over two seconds; NaN if unknown.
    """

    evaluated: int
    training: int
    distance: float
    correlation: tuple[float, float] = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Novelty:
    """How near a set of sounds comes to the training sounds.

    Attributes:
        embedding: name of the one that distances were taken in.
        threshold: first percentile of the training sounds' distances to their nearest of another group.
        share: of the evaluated sounds nearer to a training sound than that, with its 95 % interval.
        floor: the same share of recordings that were not trained on; NaN without such.
        distances: (n,) of each sound to its nearest training sound.
        closest: the closest pairs, the closest first.
    """

    embedding: str
    threshold: float
    share: Interval
    floor: float
    distances: Tensor
    closest: tuple[Pair, ...]


def novelty(
    training: Measured,
    evaluated: Measured,
    embedding: str,
    *,
    held_out: Measured | None = None,
    pairs: int = 10,
) -> Novelty:
    """Compare every sound with every training sound.

    Args:
        training: the recordings that a model may have copied.
        evaluated: its sounds. Where a sound has a group of the training set, that group is left out, so that the
            training recordings themselves are compared with other drums.
        embedding: in which to measure.
        held_out: recordings of other groups, for the floor.
        pairs: closest pairs to name.
    """
    known, _ = standardise(Points(training.points[embedding]), Points(training.points[embedding]))
    own, _ = _nearest(known.values, training.groups, known.values, training.groups)
    threshold = float(torch.quantile(own[torch.isfinite(own)], PERCENTILE))

    def to_training(sounds: Measured) -> tuple[Tensor, Tensor]:
        _, made = standardise(Points(training.points[embedding]), Points(sounds.points[embedding]))
        return _nearest(made.values, sounds.groups, known.values, training.groups)

    distances, nearest = to_training(evaluated)
    share = float((distances < threshold).double().mean())
    floor = float((to_training(held_out)[0] < threshold).double().mean()) if held_out is not None else float("nan")
    order = torch.argsort(distances)[:pairs].tolist()
    closest = tuple(Pair(i, int(nearest[i]), float(distances[i])) for i in order)
    return Novelty(embedding, threshold, Interval(share, share, share), floor, distances, closest)


def _nearest(
    sounds: Tensor, groups: tuple[str, ...], training: Tensor, training_groups: tuple[str, ...]
) -> tuple[Tensor, Tensor]:
    """Distance of each sound to its nearest training sound of another group, and that one's index."""
    number = {group: n for n, group in enumerate(dict.fromkeys((*groups, *training_groups)))}
    own, other = (torch.tensor([number[g] for g in names]) for names in (groups, training_groups))
    distances = torch.cdist(sounds, training)
    distances[own[:, None] == other[None]] = torch.inf
    return distances.min(1)
