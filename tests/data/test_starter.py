"""The starter pack as tensors."""

import pytest
import torch

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError


def test_sounds_are_real_levelled_and_split_by_source():
    pack = starter_sounds(("kick", "snare", "tom"), length_samples=4096, sample_rate=22050)
    assert pack.sounds.shape == (len(pack.labels), 4096) and len(pack.labels) > 60
    assert torch.allclose(pack.sounds.abs().amax(1), torch.ones(len(pack.labels)))
    assert set(pack.labels.tolist()) == {0, 1, 2}
    known, held_out = pack.split(0.3, seed=1)
    assert sorted(torch.cat([known, held_out]).tolist()) == list(range(len(pack.labels)))
    assert not set(pack.groups[known].tolist()) & set(pack.groups[held_out].tolist())
    pictures = pack.pictures(bands=16, frames=8)
    assert pictures.shape == (len(pack.labels), 16, 8) and 0.0 <= pictures.min() < pictures.max() <= 1.0


def test_another_rate_is_the_same_sound():
    full, half = (starter_sounds(("kick",), length_samples=n, sample_rate=r) for n, r in ((8192, 44100), (4096, 22050)))
    a, b = full.sounds[0], half.sounds[0]
    similarity = torch.nn.functional.cosine_similarity(a[::2], b, dim=0)
    assert similarity > 0.9


def test_unknown_kinds_are_named():
    with pytest.raises(CreativeMLError, match="no kind 'gong'"):
        starter_sounds(("gong",))
