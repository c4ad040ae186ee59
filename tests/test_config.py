"""Strict conversion of frozen dataclasses to JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from creativeml.config import ConfigError, from_dict, load_json, save_json, to_dict


@dataclass(frozen=True)
class Inner:
    rate: float = 1.0
    names: tuple[str, ...] = ("a",)


@dataclass(frozen=True)
class Outer:
    count: int
    mode: Literal["x", "y"] = "x"
    inner: Inner = field(default_factory=Inner)
    pair: tuple[int, int] = (1, 2)
    maybe: str | None = None
    flag: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)


def test_round_trip(tmp_path):
    value = Outer(3, "y", Inner(2.5, ("b", "c")), (5, 6), "word", True, {"a": 0.5})
    save_json(value, tmp_path / "c.json")
    assert load_json(Outer, tmp_path / "c.json") == value
    assert from_dict(Outer, {"count": 3}) == Outer(3)
    assert from_dict(Inner, {"rate": 2}) == Inner(2.0)
    assert from_dict(Outer, {"count": 3, "weights": {"a": 2}}).weights == {"a": 2.0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cuont": 3}, "did you mean 'count'"),
        ({}, "count"),
        ({"count": 3.5}, "whole number"),
        ({"count": True}, "whole number"),
        ({"count": 1, "mode": "z"}, "one of x, y"),
        ({"count": 1, "inner": {"rate": "fast"}}, r"inner\.rate: expected a number"),
        ({"count": 1, "pair": [1, 2, 3]}, "list of 2"),
        ({"count": 1, "inner": {"names": [1]}}, r"names\[0\]"),
        ({"count": 1, "flag": 1}, "bool"),
        ({"count": 1, "weights": [["a", 1.0]]}, r"weights: expected an object"),
        ({"count": 1, "weights": {"a": "1"}}, r"weights\.a: expected a number"),
        ({"count": 1, "inner": {"rate": 10**400}}, r"inner\.rate: expected a number"),
        ([1], "expected an object"),
    ],
)
def test_mistakes_are_named(values, message):
    with pytest.raises(ConfigError, match=message):
        from_dict(Outer, values)


def test_tuples_become_lists_in_json():
    assert to_dict(Inner()) == {"rate": 1.0, "names": ["a"]}


def test_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load_json(Outer, tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="JSON"):
        load_json(Outer, tmp_path / "bad.json")
