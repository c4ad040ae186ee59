"""Splits: disjoint by group, stable, near 80/10/10, every class everywhere where its groups allow."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.splits import SPLITS, assign_splits, check_disjoint
from creativeml.errors import CreativeMLError

sounds = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), min_size=1, max_size=200)


def arrange(pairs: list[tuple[int, str]]) -> tuple[list[str], list[str]]:
    return [f"{kind}/{group}" for group, kind in pairs], [kind for _, kind in pairs]


@settings(deadline=None)
@given(sounds)
def test_no_group_is_split_and_every_class_is_everywhere(pairs):
    groups, classes = arrange(pairs)
    splits = assign_splits(groups, classes)
    of_group = defaultdict(set)
    present = defaultdict(set)
    for group, kind, split in zip(groups, classes, splits, strict=True):
        of_group[group].add(split)
        present[kind].add(split)
    assert all(len(found) == 1 for found in of_group.values())
    for kind in set(classes):
        count = len({g for g, k in zip(groups, classes, strict=True) if k == kind})
        expected = set(SPLITS) if count >= 3 else {"train", "test"} if count == 2 else {"train"}
        assert present[kind] == expected


@settings(deadline=None)
@given(sounds, st.randoms())
def test_the_order_of_the_files_does_not_matter(pairs, random):
    groups, classes = arrange(pairs)
    expected = dict(zip(groups, assign_splits(groups, classes), strict=True))
    random.shuffle(pairs)
    groups, classes = arrange(pairs)
    assert dict(zip(groups, assign_splits(groups, classes), strict=True)) == expected


def test_shares_are_about_80_10_10():
    groups = [f"drum-{n // 3}" for n in range(900)]
    classes = [("kick", "snare", "tom")[(n // 3) % 3] for n in range(900)]
    counts = Counter(zip(classes, assign_splits(groups, classes), strict=True))
    for kind in ("kick", "snare", "tom"):
        assert 230 <= counts[kind, "train"] <= 250
        assert 24 <= counts[kind, "validation"] <= 36 and 24 <= counts[kind, "test"] <= 36


def test_one_huge_group_does_not_fill_the_test_split():
    groups = ["huge"] * 500 + [f"small-{n}" for n in range(100)]
    counts = Counter(assign_splits(groups, ["kick"] * 600))
    assert counts["train"] >= 480 and counts["test"] >= 20


def test_a_leaky_split_is_refused_by_the_name_of_the_group():
    groups, splits = ["a", "a", "b", "", ""], ["train", "train", "test", "train", "test"]
    check_disjoint(groups, splits)
    with pytest.raises(CreativeMLError, match="group 'a' are in test and train"):
        check_disjoint(groups, ["train", "test", "test", "train", "test"])
    with pytest.raises(ValueError, match="5 groups but 1"):
        check_disjoint(groups, ["train"])


@settings(deadline=None)
@given(sounds)
def test_what_is_assigned_never_leaks(pairs):
    groups, classes = arrange(pairs)
    check_disjoint(groups, assign_splits(groups, classes))
