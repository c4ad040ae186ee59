from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.samplers import MOST_PARTS, ClassBalancedSampler, sampling_classes
from creativeml.errors import CreativeMLError

labels_strategy = st.lists(st.integers(0, 7), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(labels=labels_strategy, batch_size=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_batches_are_balanced_and_every_sound_comes_before_any_comes_again(labels, batch_size, seed):
    classes = sorted(set(labels))
    times_seen = Counter(dict.fromkeys(range(len(labels)), 0))
    class_totals = Counter(dict.fromkeys(classes, 0))
    for batch in islice(ClassBalancedSampler(labels, batch_size, seed), 25):
        assert len(batch) == batch_size
        counts = Counter(labels[index] for index in batch)
        shares = [counts[label] for label in classes]
        assert max(shares) - min(shares) <= 1
        class_totals.update(counts)
        assert max(class_totals.values()) - min(class_totals.values()) <= 1
        times_seen.update(batch)
        for label in classes:
            members = [times_seen[index] for index, other in enumerate(labels) if other == label]
            assert max(members) - min(members) <= 1


@settings(deadline=None, max_examples=40)
@given(
    labels=labels_strategy,
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 1000),
    position=st.integers(0, 30),
)
def test_it_continues_exactly_through_json(labels, batch_size, seed, position):
    first = ClassBalancedSampler(labels, batch_size, seed)
    for _ in range(position):
        next(first)
    state = json.loads(json.dumps(first.state_dict()))
    second = ClassBalancedSampler(labels, batch_size, seed + 1)
    next(second)
    second.load_state_dict(state)
    assert list(islice(first, 8)) == list(islice(second, 8))
    assert first.state_dict() == second.state_dict()


def test_order_depends_on_the_seed_and_changes_from_pass_to_pass():
    labels = torch.zeros(50, dtype=torch.long)
    one, same, other = (ClassBalancedSampler(labels, 50, seed) for seed in (0, 0, 1))
    first, second = next(one), next(one)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert next(same) == first and next(other) != first


def test_replicas_share_out_the_batches_of_one_sampler():
    labels = [0] * 9 + [1] * 4 + [2]
    whole = list(islice(ClassBalancedSampler(labels, 5, 3), 12))
    parts = [list(islice(ClassBalancedSampler(labels, 5, 3, replica=r, replicas=3), 4)) for r in range(3)]
    assert [batch for batches in zip(*parts, strict=True) for batch in batches] == whole


@settings(deadline=None, max_examples=60)
@given(labels=labels_strategy)
def test_shares_of_kinds_are_equal_or_as_the_data_or_as_roots_in_between(labels):
    counts = Counter(labels)
    assert sampling_classes(labels, "equal").tolist() == labels
    assert set(sampling_classes(labels, "data").tolist()) == {0}
    parts = {}
    for label, part in zip(labels, sampling_classes(torch.tensor(labels), "root").tolist(), strict=True):
        parts.setdefault(label, []).append(part)
    everything = [part for of_kind in parts.values() for part in set(of_kind)]
    assert len(everything) == len(set(everything)), "no class holds two kinds"
    for kind, of_kind in parts.items():
        assert abs(len(set(of_kind)) - min(MOST_PARTS, (counts[kind] / min(counts.values())) ** 0.5)) <= 0.5
        sizes = Counter(of_kind).values()
        assert max(sizes) - min(sizes) <= 1


def test_a_batch_smaller_than_the_number_of_parts_still_holds_many_kinds():
    labels = [kind for kind in range(22) for _ in range(1 + 7 * kind)]
    classes = sampling_classes(labels, "root")
    assert len(set(classes.tolist())) > 100
    kinds = [len({labels[i] for i in batch}) for batch in islice(ClassBalancedSampler(classes, 16, 0), 200)]
    # Drawn independently, 16 sounds with these shares hold 11 kinds on average.
    assert sum(kinds) / len(kinds) > 11


def test_resume_refuses_other_data_and_batch_size():
    state = ClassBalancedSampler([0, 1, 1], 4, 0).state_dict()
    with pytest.raises(CreativeMLError, match="batch_size was 4"):
        ClassBalancedSampler([0, 1, 1], 5, 0).load_state_dict(state)
    with pytest.raises(CreativeMLError, match="dataset has changed"):
        ClassBalancedSampler([0, 1, 1, 1], 4, 0).load_state_dict(state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 4, 0), "without any sound"),
        (([0], 0, 0), "at least 1"),
        (([0], 1, -1), "negative"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(CreativeMLError, match=message):
        ClassBalancedSampler(*arguments)
