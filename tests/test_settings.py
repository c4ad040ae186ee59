"""Fields of a configuration given as text."""

from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creativeml.config import ConfigError, check_range
from creativeml.settings import as_text, changed, differences


@dataclass(frozen=True)
class Window:
    size: int
    hop: int
    kind: Literal["hann", "box"] = "hann"

    def __post_init__(self) -> None:
        check_range("hop", self.hop, 1, self.size)


@dataclass(frozen=True)
class Game:
    rate: float = 0.5
    mode: Literal["r1", "lp"] = "r1"
    windows: tuple[Window, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    counts: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        if self.mode == "lp" and self.rate > 1:
            raise ValueError("lp wants a rate of 1 at most")


@dataclass(frozen=True)
class Run:
    name: str = "a"
    seed: int = 0
    game: Game = field(default_factory=Game)
    other: Game = field(default_factory=Game)
    limit: int | None = None
    quick: bool = False


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        ([], Run()),
        (["game.mode=lp", "game.rate = 1e-3"], Run(game=Game(rate=1e-3, mode="lp"))),
        (["game.counts=3, 4,5"], Run(game=Game(counts=(3, 4, 5)))),
        (["game.counts="], Run(game=Game(counts=()))),
        (["game.windows=8:2,4:4:box"], Run(game=Game(windows=(Window(8, 2), Window(4, 4, "box"))))),
        (["game.weights=warmth:2,depth:0.5"], Run(game=Game(weights=(("warmth", 2.0), ("depth", 0.5))))),
        (["limit=7", "quick=true"], Run(limit=7, quick=True)),
        (["limit=none", "name=x=y"], Run(name="x=y")),
    ],
)
def test_values_are_read_by_the_type_of_their_field(assignments, expected):
    assert changed(Run(), assignments) == expected


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["game.mod=lp"], "did you mean 'game.mode'"),
        (["mode=lp"], "did you mean 'game.mode' or 'other.mode'"),
        (["gaem.mode=lp"], "did you mean 'game.mode' or 'other.mode'"),
        (["game.zzz=1"], r"known: game\.rate, game\.mode"),
        (["zzz=1"], "known: name, seed, game, other"),
        (["seed.more=1"], "no field 'seed.more'"),
        (["game=1"], r"group of fields; set one of game\.rate"),
        (["game.rate"], r"no value; now it is game\.rate=0\.5"),
        (["game.mode=wgan"], "must be r1 or lp, not 'wgan'"),
        (["game.rate=fast"], "a number, not 'fast'"),
        (["game.rate=inf"], "a number, not 'inf'"),
        (["seed=1.5"], "a whole number"),
        (["quick=yes"], "true or false"),
        (["game.windows=8"], r"size:hop\[:kind\], not '8'"),
        (["game.windows=8:x"], r"hop of game\.windows must be a whole number"),
        (["game.windows=2:8"], r"game\.windows: hop must be from 1 to 2, not 8"),
        (["game.weights=warmth"], "2 values with a colon"),
        (["game.rate=2", "game.mode=lp"], r"game\.rate=2\.0, game\.mode=lp: lp wants a rate of 1"),
        (["seed=1", "seed=2"], "seed is given twice"),
        (["name=b"], "name cannot be set: ask your parents"),
    ],
)
def test_mistakes_get_one_line_that_says_what_fits(assignments, message):
    with pytest.raises(ConfigError, match=message) as caught:
        changed(Run(), assignments, fixed={"name": "ask your parents"})
    assert "\n" not in str(caught.value)


def test_changes_that_only_fit_together_are_made_together():
    """One after the other the first would be refused."""
    start = Run(game=Game(rate=3.0))
    assert changed(start, ["game.mode=lp", "game.rate=1"]).game == Game(rate=1.0, mode="lp")


def test_differences_are_told_in_the_form_in_which_they_are_given():
    after = changed(Run(), ["game.windows=8:2", "limit=3", "game.weights=depth:1"])
    told = list(differences(Run(), after))
    assert told == [
        ("game.windows", "", "8:2:hann"),
        ("game.weights", "", "depth:1.0"),
        ("limit", "none", "3"),
    ]
    assert changed(Run(), [f"{path}={new}" for path, _, new in told]) == after


numbers = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(categories=["Ll"]), min_size=1)


@given(
    rate=numbers,
    weights=st.lists(st.tuples(names, numbers)),
    counts=st.lists(st.integers()),
    limit=st.none() | st.integers(),
    quick=st.booleans(),
)
def test_what_is_told_can_be_read_again(rate, weights, counts, limit, quick):
    after = replace(Run(limit=limit, quick=quick), game=Game(rate, "r1", (), tuple(weights), tuple(counts)))
    assert changed(Run(), [f"{path}={new}" for path, _, new in differences(Run(), after)]) == after
    assert changed(Run(), [f"game.rate={as_text(rate)}"]).game.rate == rate
