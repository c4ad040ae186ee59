"""Hits that play the same role land together, and only where there is rhythm to learn it from."""

import itertools

import pytest

from creativeml.data.patterns import ROLES, shuffled_hits, varied_patterns
from creativeml.errors import CreativeMLError
from creativeml.training.minibatches import LoopConfig
from creativeml.training.word2vec import Word2VecTrainingConfig, surroundings, train_word2vec

ROLE = {name: role for role, names in ROLES.items() for name in names}


def separation(model):
    """How much more alike hits of one role are than hits of different roles."""
    alike = {True: [], False: []}
    for first, second in itertools.combinations(ROLE, 2):
        alike[ROLE[first] == ROLE[second]].append(model.similarity(first, second))
    return sum(alike[True]) / len(alike[True]) - sum(alike[False]) / len(alike[False])


@pytest.mark.parametrize("method", ["skip_gram", "cbow"])
def test_hits_of_one_role_land_together_and_not_if_patterns_are_shuffled(method):
    patterns = varied_patterns(150)
    config = Word2VecTrainingConfig(LoopConfig(steps=600, batch_size=256, learning_rate=1e-2), method, dim=4)
    model, history = train_word2vec([p.hits() for p in patterns], config)
    control, _ = train_word2vec(shuffled_hits(patterns), config)
    assert history.training[-1] < history.training[0]
    assert separation(model) > 0.5 and separation(control) < 0.25
    for name in ROLE:
        assert ROLE.get(model.nearest(name, 1)[0]) == ROLE[name]


def test_surroundings_leave_out_the_same_place_and_the_same_token():
    numbers = {"a": 0, "b": 1, "c": 2}
    sequence = [("a", "b"), (), ("c",), ("a",)]
    assert surroundings(sequence, numbers, 2) == ([0, 1, 2, 0], [[2], [2], [0, 1, 0], [2]])
    assert surroundings(sequence, numbers, 1) == ([0, 1, 2, 0], [[], [], [0], [2]])


def test_what_cannot_be_learnt_from_is_refused():
    with pytest.raises(CreativeMLError, match="two different tokens"):
        train_word2vec([[("a",), ("a",)]], Word2VecTrainingConfig())
    with pytest.raises(CreativeMLError, match="around it"):
        train_word2vec([[("a",)], [("b",)]], Word2VecTrainingConfig())
