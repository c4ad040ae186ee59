"""Distances of style and the agreement of onsets, against cases made by hand and a matching by another algorithm."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.evaluation.style import held_out_distance, onset_agreement, onsets_kept, style_distance

RATE = 22050


@pytest.fixture(scope="module")
def snares_and_hats() -> tuple[torch.Tensor, torch.Tensor]:
    pack = starter_sounds(("snare", "hat_closed"), length_samples=8192, sample_rate=RATE)
    return tuple(pack.sounds[pack.labels == kind][:16].flatten() for kind in (0, 1))  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize(
    ("wanted", "found", "value"),
    [
        ([], [], 1.0),
        ([1.0], [], 0.0),
        ([], [1.0], 0.0),
        ([1.0, 2.0], [1.0, 2.0], 1.0),
        ([1.0], [1.05], 1.0),
        ([1.0], [1.051], 0.0),
        ([1.0], [0.95], 1.0),
        # One found cannot serve two wanted: precision 1, recall 1/2.
        ([1.0, 1.04], [1.02], 2 / 3),
        ([1.0], [0.98, 1.02], 2 / 3),
        # The nearest for the first would leave the second without any; both can be served.
        ([1.0, 1.06], [0.97, 1.04], 1.0),
        ([1.0, 1.04], [1.03, 1.05], 1.0),
        # Two of four wanted, two of three found: 2 * 2 / 7.
        ([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.5], 4 / 7),
    ],
)
def test_onsets_by_hand(wanted, found, value):
    assert onset_agreement(np.array(wanted), np.array(found)) == pytest.approx(value)


def test_as_many_onsets_are_matched_as_by_a_maximum_matching_of_graphs():
    matching = pytest.importorskip("scipy.sparse.csgraph", reason="needs scipy")
    from scipy.sparse import csr_array

    random = np.random.default_rng(0)
    for _ in range(200):
        wanted, found = (np.sort(random.uniform(0, 1, random.integers(1, 20))) for _ in range(2))
        near = np.abs(wanted[:, None] - found[None]) <= 0.05
        most = int((matching.maximum_bipartite_matching(csr_array(near.astype(int)), perm_type="column") >= 0).sum())
        assert onset_agreement(wanted, found) == pytest.approx(2 * most / (len(wanted) + len(found)))


def test_style_is_near_to_itself_blind_to_level_and_order_and_far_from_another(snares_and_hats):
    snares, hats = snares_and_hats
    for distance in (style_distance, held_out_distance):
        assert distance(snares, snares, RATE) == 0
        assert distance(0.2 * snares, snares, RATE) < 1e-6
        moved = snares.roll(8192 * 5)
        assert distance(moved, snares, RATE) < 0.01
        first, second = snares[: 8192 * 8], snares[8192 * 8 :]
        assert distance(first, second, RATE) < 0.8 * distance(hats, second, RATE)


def test_distance_grows_with_what_is_mixed_in(snares_and_hats):
    snares, hats = snares_and_hats
    found = [style_distance((1 - share) * snares + share * hats, snares, RATE) for share in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    assert found == sorted(found) and found[-1] > 0.1


def test_onsets_are_kept_by_the_content_and_lost_by_noise(snares_and_hats):
    snares, _ = snares_and_hats
    noise = torch.randn(len(snares), generator=torch.Generator().manual_seed(0)) * 0.1
    assert onsets_kept(snares, 0.5 * snares, RATE) == 1.0
    assert onsets_kept(torch.stack([snares, snares]), snares, RATE) == 1.0
    assert onsets_kept(snares, noise, RATE) < 0.5
