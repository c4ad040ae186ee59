"""Train, validation and test, disjoint by source group and fixed by hash.

A group is everything that was recorded from one drum (velocity layers, takes, round robins). If two takes of one snare
stood on both sides of a split, a model that copies would look like a model that generalises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256

from creativeml.errors import CreativeMLError

SPLITS: tuple[str, ...] = ("train", "validation", "test")
SHARES: dict[str, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}


def assign_splits(groups: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Name of the split of each sound.

    Groups are taken class by class, in the order of the hash of their name, and each goes to the split that is
    furthest below its share of that class's sounds. So the result depends on the names alone (not on the order of
    the files), every class with at least three groups appears in all splits, and no split is over-full because of
    one large group. A class with one group goes to train, one with two to train and test.

    Args:
        groups: source group of each sound.
        classes: kind of each sound; a group's class is its most frequent one.

    Returns:
        For each sound "train", "validation" or "test".
    """
    if len(groups) != len(classes):
        raise ValueError(f"{len(groups)} groups but {len(classes)} classes")
    sizes = Counter(groups)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for group, kind in zip(groups, classes, strict=True):
        votes[group][kind] += 1
    by_class: dict[str, list[str]] = defaultdict(list)
    for group, counts in votes.items():
        # Ties are broken by name so that the order of the files does not matter.
        by_class[min(counts, key=lambda kind: (-counts[kind], kind))].append(group)
    split_of: dict[str, str] = {}
    for members in by_class.values():
        split_of.update(_split_class(sorted(members, key=_hash), sizes))
    return [split_of[group] for group in groups]


def check_disjoint(groups: Sequence[str], splits: Sequence[str]) -> None:
    """Refuse splits that share a source group.

    Args:
        groups: source group of each sound; an empty name is a group of its own.
        splits: name of each sound's split.

    Raises:
        CreativeMLError: a group is in two splits; the message names the first such group and its splits.
    """
    if len(groups) != len(splits):
        raise ValueError(f"{len(groups)} groups but {len(splits)} splits")
    found: dict[str, set[str]] = defaultdict(set)
    for group, split in zip(groups, splits, strict=True):
        if group:
            found[group].add(split)
    leaks = sorted(group for group, where in found.items() if len(where) > 1)
    if leaks:
        more = f" (and {len(leaks) - 1} more groups)" if len(leaks) > 1 else ""
        raise CreativeMLError(
            f"the split leaks: sounds of the group '{leaks[0]}' are in {' and '.join(sorted(found[leaks[0]]))}{more}; a"
            " model would be judged by recordings that it has learnt; put every group into one split"
        )


def _split_class(groups: list[str], sizes: Counter[str]) -> dict[str, str]:
    total = sum(sizes[g] for g in groups)
    filled = dict.fromkeys(SPLITS, 0)
    chosen: dict[str, str] = {}
    # Large groups first into train would bias the splits, so the hash alone orders them; but the first two small
    # groups are kept for test and validation, which otherwise might stay empty.
    reserved = _reserve(groups, sizes)
    for split, group in reserved.items():
        chosen[group] = split
        filled[split] += sizes[group]
    for group in groups:
        if group in chosen:
            continue
        need = {split: SHARES[split] * total - filled[split] for split in SPLITS}
        fitting = [s for s in SPLITS if s == "train" or sizes[group] <= need[s] + 0.5]
        split = max(fitting, key=lambda s: need[s] / SHARES[s])
        chosen[group] = split
        filled[split] += sizes[group]
    return chosen


def _reserve(groups: list[str], sizes: Counter[str]) -> dict[str, str]:
    if len(groups) < 2:
        return {}
    typical = sorted(sizes[g] for g in groups)[len(groups) // 2]
    small = [g for g in groups if sizes[g] <= typical]
    if len(groups) == 2:
        return {"test": small[0]}
    return dict(zip(("test", "validation"), small, strict=False))


def _hash(group: str) -> bytes:
    return sha256(group.encode("utf-8")).digest()
