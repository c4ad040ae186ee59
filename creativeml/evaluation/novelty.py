"""Does a model copy? The nearest training sound of every generated sound, and whether it is suspiciously near.

How near is too near is read from the training sounds themselves: recordings of *different* drums (source groups) are
sometimes alike, and the first percentile of the distances from each training sound to the nearest one of another group
is the threshold. Of sounds that are as new as another drum would be, about one in a hundred lies below it; recordings
that the model was not trained on show the real share, the floor.

Two rulers, because each can be fooled alone:

- distance in an embedding. `aligned_levels` is made for this purpose: it does not notice what a copy is usually hidden
  behind (gain, polarity, a shift in time, a fade-out, silence at the end) and hardly a slight equaliser or noise;
- correlation of the waveforms (`creativeml.data.near_duplicates` finds repeated recordings by it): two sounds whose
  first quarters of a second have a normalised cross-correlation of `COPY` or more at some lag up to 10 ms are taken for
  one recording. Of 107 held-out recordings of the open drum data none reaches it (the highest has 0.93), of 896
  training recordings 1 % do with another drum, all of them the left and right side of one stereo snare.

What neither hears: a copy that is transposed, stretched in time or mixed with another sound is further away than
another drum may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.log_mel import decibels, mel_filters, power_spectrogram
from creativeml.data.near_duplicates import LONG_S, WindowSpectra
from creativeml.evaluation.embeddings import embed
from creativeml.evaluation.measure import HEAD_ONSET_DB, HEAD_S, Measured
from creativeml.evaluation.points import Interval, Points, standardise
from creativeml.evaluation.transients import from_onset

ALIGNED = "aligned"
"""Name of the embedding made for novelty, which needs not be among those that were measured."""
PERCENTILE = 0.01
COPY = 0.95
CANDIDATES = 16
"""Training sounds, those with the highest bound first, that a sound's waveform is compared with at most."""
WINDOW, HOP, BANDS = 512, 128, 32
PART_ENDS_MS = (4.0, 8.0, 16.0, 32.0, 64.0, 125.0, 250.0)
RANGE_DB = 50.0

Read = Callable[[Sequence[int]], Tensor]
"""Gives whole sounds `(b, samples)` of a set by their indices."""


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
    heads = from_onset(sounds, round(HEAD_S * sample_rate), HEAD_ONSET_DB)
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
    """A sound and the training sound that it is nearest to.

    Attributes:
        evaluated, training: their indices in their sets.
        distance: in the embedding.
        correlation: of the waveforms over the first quarter of a second and over the first two seconds, 1 for equal
            ones. The first is NaN where a bound says that no training sound reaches `COPY`, the second unless whole
            sounds could be read.
    """

    evaluated: int
    training: int
    distance: float
    correlation: tuple[float, float]


@dataclass(frozen=True)
class Novelty:
    """How near a set of sounds comes to the training sounds.

    Attributes:
        embedding: name of the one that distances were taken in.
        threshold: first percentile of the training sounds' distances to their nearest of another group.
        share: of the evaluated sounds nearer to a training sound than that, with its 95 % interval (Wilson 1927).
        floor: the same share of recordings that were not trained on; NaN without such.
        copies: share of the evaluated sounds whose waveform repeats that of a training sound.
        copies_floor: the same share of recordings that were not trained on; NaN without such.
        distances: (n,) of each sound to its nearest training sound.
        closest: the closest pairs: repeated waveforms first, then by distance.
    """

    embedding: str
    threshold: float
    share: Interval
    floor: float
    copies: float
    copies_floor: float
    distances: Tensor
    closest: tuple[Pair, ...]

    @property
    def verdict(self) -> str:
        """`copies`: more waveforms of training sounds recur than in recordings that were not trained on;
        `near`: certainly more sounds lie below the threshold than in those, and than its one percent;
        `new`: neither.
        """
        if self.copies > (0.0 if math.isnan(self.copies_floor) else self.copies_floor):
            return "copies"
        expected = PERCENTILE if math.isnan(self.floor) else max(PERCENTILE, self.floor)
        return "near" if self.share.low > expected else "new"

    @property
    def alarm(self) -> bool:
        """Whether the verdict is anything but `new`."""
        return self.verdict != "new"


def novelty(
    training: Measured,
    evaluated: Measured,
    embedding: str = ALIGNED,
    *,
    held_out: Measured | None = None,
    pairs: int = 10,
    read: tuple[Read, Read] | None = None,
) -> Novelty:
    """Compare every sound with every training sound, of whatever kind.

    Distances are Euclidean with each dimension z-scored by the training sounds.

    Args:
        training: the recordings that a model may have copied.
        evaluated: its sounds. Where a sound has a group of the training set, that group is left out, so that training
            recordings themselves are compared with other drums.
        embedding: `ALIGNED`, or one that was measured of all sets.
        held_out: recordings of other groups, for the floors.
        pairs: closest pairs to name.
        read: how to have whole sounds of (evaluated, training), for the long correlation of the closest pairs.

    Raises:
        ValueError: the training sounds are of fewer than two groups.
    """
    known = _points(training, embedding)
    own, _ = _nearest(known, training, known, training)
    own = own[torch.isfinite(own)]
    if not len(own):
        raise ValueError("novelty needs training sounds of at least two groups")
    threshold = float(torch.quantile(own, PERCENTILE))
    distances, nearest = _nearest(_points(evaluated, embedding), evaluated, known, training)
    correlations, repeated = repeated_waveforms(training, evaluated)
    floors = (math.nan, math.nan)
    if held_out is not None:
        held_out_distances, _ = _nearest(_points(held_out, embedding), held_out, known, training)
        floors = (_share(held_out_distances < threshold), _share(repeated_waveforms(training, held_out)[0] >= COPY))
    copied = correlations >= COPY
    closest = []
    for i in sorted(range(len(evaluated)), key=lambda i: (not copied[i], float(distances[i])))[:pairs]:
        j = int(repeated[i] if copied[i] else nearest[i])
        long = math.nan if read is None else _long_correlation(read, i, j, training.sample_rate)
        closest.append(Pair(i, j, float(distances[i]), (float(correlations[i]), long)))
    return Novelty(
        embedding,
        threshold,
        wilson(int((distances < threshold).sum()), len(evaluated)),
        floors[0],
        _share(copied),
        floors[1],
        distances,
        tuple(closest),
    )


def repeated_waveforms(training: Measured, evaluated: Measured) -> tuple[Tensor, Tensor]:
    """Highest correlation of each sound's head with that of a training sound of another group.

    Returns:
        (n,) correlations, NaN where a bound shows that none reaches `COPY`; (n,) indices of the training sounds.
    """
    spectra = [WindowSpectra(len(m), m.heads.shape[1], HEAD_S, m.sample_rate) for m in (training, evaluated)]
    for window, measured in zip(spectra, (training, evaluated), strict=True):
        for index, head in enumerate(measured.heads):
            window.add(index, head.double().numpy())
    # Rounding in single precision must not rule out a pair that stands exactly at the threshold.
    bound = spectra[1].bands @ spectra[0].bands.T - 1e4 * _same_group(evaluated, training).numpy()
    best, index = torch.full((len(evaluated),), torch.nan), torch.zeros(len(evaluated), dtype=torch.long)
    for i in np.flatnonzero(bound.max(1) > COPY - 1e-4):
        own = spectra[1].spectrum(evaluated.heads[i].double().numpy())
        for j in np.argsort(-bound[i])[:CANDIDATES]:
            if bound[i, j] <= COPY - 1e-4:
                break
            found = spectra[0].correlation(own, spectra[0].spectrum(training.heads[j].double().numpy()))
            if not found <= float(best[i]):  # also true while there is none yet
                best[i], index[i] = found, int(j)
    return best, index


def _long_correlation(read: tuple[Read, Read], evaluated: int, training: int, sample_rate: int) -> float:
    length = round(LONG_S * sample_rate)
    pair = zip(read, (evaluated, training), strict=True)
    sounds = [from_onset(read_one([index]), length, HEAD_ONSET_DB)[0] for read_one, index in pair]
    window = WindowSpectra(0, len(sounds[0]), LONG_S, sample_rate)
    spectra = [window.spectrum(sound.double().numpy()) for sound in sounds]
    return window.correlation(spectra[0], spectra[1])


def wilson(successes: int, total: int) -> Interval:
    """A share with its 95 % interval after Wilson (1927), which holds for shares near 0 and 1 too."""
    z, share = 1.96, successes / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def _share(mask: Tensor) -> float:
    return float(mask.double().mean())


def _points(measured: Measured, embedding: str) -> Tensor:
    if embedding == ALIGNED and embedding not in measured.points:
        return embed(measured.heads.float(), measured.sample_rate, aligned_levels)
    return measured.points[embedding]


def _nearest(sounds: Tensor, of: Measured, known: Tensor, training: Measured) -> tuple[Tensor, Tensor]:
    """Distance of each sound to its nearest training sound of another group, and that one's index."""
    scaled = standardise(Points(known), Points(sounds))
    distances = torch.cdist(scaled[1].values, scaled[0].values)
    distances[_same_group(of, training)] = torch.inf
    nearest = distances.min(1)
    return nearest.values, nearest.indices


def _same_group(first: Measured, second: Measured) -> Tensor:
    number = {group: n for n, group in enumerate(dict.fromkeys((*first.groups, *second.groups)))}
    own, other = (torch.tensor([number[g] for g in m.groups]) for m in (first, second))
    return own[:, None] == other[None]
