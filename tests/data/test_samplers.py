from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.samplers import MOST_PARTS, Blocks, ClassBalancedSampler, sampling_classes
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


blocks_strategy = st.lists(st.integers(1, 9), min_size=1, max_size=30)


def in_blocks(sizes: list[int], kinds: int, window: int) -> Blocks:
    """Blocks of the given sizes, of the kinds in turn."""
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    return Blocks(numbers, numbers % kinds, window)


@settings(deadline=None, max_examples=60)
@given(sizes=blocks_strategy, kinds=st.integers(1, 4), window=st.integers(1, 5), seed=st.integers(0, 1000))
def test_with_blocks_a_pass_has_every_item_once_and_few_blocks_open(sizes, kinds, window, seed):
    blocks = in_blocks(sizes, kinds, window)
    sampler = ClassBalancedSampler(np.zeros(len(blocks.numbers)), 1, seed, blocks=blocks)
    for _ in range(2):
        order = [next(sampler)[0] for _ in blocks.numbers]
        assert sorted(order) == list(range(len(blocks.numbers)))
        for kind in range(kinds):
            seen = [blocks.numbers[index] for index in order if blocks.kinds[index] == kind]
            first = {block: seen.index(block) for block in set(seen)}
            last = {block: len(seen) - 1 - seen[::-1].index(block) for block in set(seen)}
            for moment in range(len(seen)):
                # Blocks of few items may be open for less than their time, never for longer.
                assert sum(first[block] <= moment <= last[block] for block in first) <= window + 1


@settings(deadline=None, max_examples=40)
@given(
    sizes=blocks_strategy,
    kinds=st.integers(1, 4),
    batch_size=st.integers(1, 12),
    taken=st.integers(0, 20),
    replicas=st.integers(1, 3),
)
def test_with_blocks_it_continues_exactly_and_upcoming_batches_are_known(sizes, kinds, batch_size, taken, replicas):
    blocks = in_blocks(sizes, kinds, 2)

    def sampler(seed: int, replica: int = 0) -> ClassBalancedSampler:
        return ClassBalancedSampler(blocks.kinds, batch_size, seed, replica=replica, replicas=replicas, blocks=blocks)

    first, second = sampler(5), sampler(6)
    for _ in range(taken):
        next(first)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    foreseen = [first.upcoming(ahead) for ahead in range(9)]
    assert first.upcoming(8) == foreseen[8]
    assert list(islice(first, 9)) == list(islice(second, 9)) == foreseen
    alone = ClassBalancedSampler(blocks.kinds, batch_size, 5, blocks=blocks)
    together = list(islice(alone, 3 * replicas))
    for replica in range(replicas):
        assert list(islice(sampler(5, replica), 3)) == together[replica::replicas]


def test_other_blocks_are_other_data():
    blocks = in_blocks([3, 3, 3], 1, 2)
    state = ClassBalancedSampler(blocks.kinds, 2, 0, blocks=blocks).state_dict()
    for other in (None, blocks._replace(window=3), blocks._replace(numbers=blocks.numbers[::-1].copy())):
        with pytest.raises(CreativeMLError, match="dataset has changed"):
            ClassBalancedSampler(blocks.kinds, 2, 0, blocks=other).load_state_dict(state)


def test_a_class_of_several_kinds_has_each_evenly_over_the_pass():
    # One kind has a hundred blocks, the other one: with blocks alone its time would come once a pass.
    numbers = np.repeat(np.arange(101), 10)
    kinds = (numbers == 100).astype(int)
    order = [next(s)[0] for s in [ClassBalancedSampler(np.zeros(1010), 1, 0, blocks=Blocks(numbers, kinds))] * 1010]
    rare = np.flatnonzero(kinds[order])
    assert len(rare) == 10 and all(101 * n <= place < 101 * (n + 1) + 1 for n, place in enumerate(rare))


def test_kinds_are_cut_into_stretches_of_equal_size():
    labels = np.repeat([0, 1, 2], [10, 90, 1000])
    by_turns, stretches = (sampling_classes(labels, "root", in_stretches=flag) for flag in (False, True))
    for kind in range(3):
        counts = [np.unique(classes[labels == kind], return_counts=True) for classes in (by_turns, stretches)]
        assert counts[0][0].tolist() == counts[1][0].tolist()
        assert np.ptp(counts[1][1]) <= 1
        changes = np.count_nonzero(np.diff(stretches[labels == kind]))
        assert changes == len(counts[1][0]) - 1
