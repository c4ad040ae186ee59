"""Bags count what is there, and serve as baselines on real drums and on rhythms."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.naive_bayes import MultinomialNB

from creativeml.data.patterns import varied_patterns, written_patterns
from creativeml.errors import CreativeMLError
from creativeml.evaluation.bags import BagOfFrames, PatternNGrams, ngrams


def test_shares_are_counted_whatever_the_order_of_frames():
    codes = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    which = np.array([[0, 0, 1, 2], [2, 2, 2, 2]])
    sounds = codes[which].transpose(0, 2, 1)
    bag = BagOfFrames(3).fit(sounds)
    order = [int(np.linalg.norm(bag.codebook - code, axis=1).argmin()) for code in codes]
    assert np.allclose(bag.transform(sounds)[:, order], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    assert np.array_equal(bag.transform(sounds), bag.transform(sounds[:, :, ::-1]))


def test_runs_are_counted_by_hand():
    assert ngrams(["a", "b", "a"], 2) == ["a", "b", "a", "a b", "b a"]
    counter = PatternNGrams(2).fit([["a", "b", "a"], ["b", "b"]])
    assert counter.runs == ["a", "a b", "b", "b a", "b b"]
    assert np.array_equal(counter.transform([["a", "b", "a"], ["b", "b", "c"]]), [[2, 1, 1, 1, 0], [0, 0, 2, 0, 1]])
    assert PatternNGrams(2, least=2).fit([["a", "b", "a"], ["b", "b"]]).runs == ["b"]


def test_a_bag_of_frames_tells_kinds_of_real_drums_far_above_chance(drum_pictures, drum_recordings):
    pictures, labels, kinds = drum_pictures
    chosen = np.isin(labels, [kinds.index(k) for k in ("kick", "hat_closed", "snare", "tom", "crash")])
    spectra, y = pictures.unflatten(1, (16, 8)).numpy()[chosen], labels.numpy()[chosen]
    sources = drum_recordings.groups.numpy()[chosen]
    right = 0
    for known, unheard in StratifiedGroupKFold(4, shuffle=True, random_state=0).split(spectra, y, sources):
        bag = BagOfFrames(24).fit(spectra[known])
        model = LogisticRegression(C=30.0, max_iter=2000).fit(bag.transform(spectra[known]), y[known])
        right += (model.predict(bag.transform(spectra[unheard])) == y[unheard]).sum()
    assert right / len(y) > np.bincount(y).max() / len(y) + 0.25


def halves_of_styles() -> tuple[list, list]:
    """The written rhythms of each style that has at least two, in two parts."""
    halves, styles = ([], []), {}
    for pattern in written_patterns():
        if pattern.style != "fill":
            styles.setdefault(pattern.style, []).append(pattern)
    for rhythms in styles.values():
        for n, rhythm in enumerate(rhythms if len(rhythms) > 1 else ()):
            halves[n % 2].append(rhythm)
    return halves


def test_n_grams_tell_styles_of_new_rhythms_and_longer_ones_better():
    """Variations of half of the written rhythms are learnt from, those of the other half named; and the reverse."""
    halves = halves_of_styles()
    accuracy, chance = {1: 0.0, 3: 0.0}, 0.0
    for order in ((0, 1), (1, 0)):
        known, unheard = (varied_patterns(250, bars=2, seed=n, rhythms=halves[n]) for n in order)
        styles = [[p.style for p in part] for part in (known, unheard)]
        for longest in accuracy:
            counter = PatternNGrams(longest).fit([p.words() for p in known])
            learnt, asked = (counter.transform([p.words() for p in part]) for part in (known, unheard))
            accuracy[longest] += 0.5 * MultinomialNB(alpha=0.1).fit(learnt, styles[0]).score(asked, styles[1])
        chance += 0.5 * max(styles[1].count(style) for style in set(styles[1])) / len(styles[1])
    assert accuracy[3] > accuracy[1] + 0.03 and accuracy[1] > chance + 0.03


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(CreativeMLError, match="as many frames"):
        BagOfFrames(8).fit(np.zeros((1, 4, 5)))
    with pytest.raises(CreativeMLError, match="finite spectra"):
        BagOfFrames(2).fit(np.zeros((4, 5)))
    with pytest.raises(CreativeMLError, match="no run"):
        PatternNGrams().fit([[], []])
