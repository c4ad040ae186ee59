"""Mixtures of kinds: every spelling has one name, and the name leads back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creativeml.errors import CreativeMLError
from creativeml.kinds import KINDS, kind_text, shares_of


@given(st.dictionaries(st.sampled_from(KINDS), st.floats(0, 1e9), min_size=1).filter(lambda m: sum(m.values()) > 0))
def test_the_name_of_a_mixture_leads_back_to_it(mixture):
    shares = shares_of(mixture, KINDS)
    assert shares_of(kind_text(shares), KINDS) == shares
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
    total = math.fsum(mixture.values())
    for name, share in mixture.items():
        assert shares.get(name, 0.0) == pytest.approx(share / total, abs=1e-5)


def test_one_kind_and_every_spelling():
    for spelling in ("snare", {"snare": 3}, "snare:1,clap:0"):
        assert shares_of(spelling, KINDS) == {"snare": 1.0}
    assert kind_text({"snare": 1.0}) == "snare"
    for spelling in ("clap:3,snare:7", {"snare": 0.7, "clap": 0.3}, "snare:0.7, clap:0.3"):
        assert kind_text(shares_of(spelling, KINDS)) == "snare:0.7,clap:0.3"
    assert kind_text(shares_of({"tom": 1, "kick": 1}, KINDS)) == "kick:0.5,tom:0.5"


def test_a_kind_may_be_called_anything():
    known = ("a:1,b", "a", "b")
    assert shares_of("a:1,b", known) == {"a:1,b": 1.0}
    with pytest.raises(CreativeMLError, match="is not known"):
        shares_of("a:1,c:2", known)
