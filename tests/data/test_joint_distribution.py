"""Free descriptors filled in, and mixtures of kinds: against closed forms and the starter pack's own values."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.config import ConfigError, from_dict, to_dict
from creativeml.data.descriptor_ranges import ranges_of
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.errors import CreativeMLError

MOST = 2.3263
"""Normal score at 99 %: how far out free values are drawn."""


def starter() -> DescriptorRanges:
    with (Path(__file__).parents[1] / "audio/descriptors/reference.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = tuple(name for name in rows[0] if name != "path")
    labels = np.array([row["path"].split("/")[0] for row in rows])
    values = np.array([[float(row[name]) for name in names] for row in rows])
    return ranges_of(names, values, labels, sorted(set(labels)))


def normal(correlation: float, count: int = 40_000) -> DescriptorRanges:
    """Brightness and warmth as correlated standard normals (times 10, plus 50), kick; decay times, log-normal."""
    random = np.random.default_rng(0)
    first = random.standard_normal(count)
    second = correlation * first + np.sqrt(1 - correlation**2) * random.standard_normal(count)
    decay = 100 * np.exp(0.3 * random.standard_normal(count))
    kick = np.stack([50 + 10 * first, 50 + 10 * second, decay], axis=1)
    hat = np.stack([80 + 2 * first, 20 - 2 * second, 4 * decay], axis=1)
    labels = np.repeat(["kick", "hat_closed"], count)
    return ranges_of(
        ("brightness", "warmth", "decay_time_20"), np.concatenate([kick, hat]), labels, ("kick", "hat_closed")
    )


KNOWN = normal(0.8)
STARTER = starter()


def drawn(seed: int, ranges: DescriptorRanges = KNOWN, kind="kick", spread: float = 1.0, **values: float):
    return ranges.complete(kind, values, np.random.default_rng(seed), spread)


def test_a_moved_control_leaves_the_others_at_their_conditional_quantile():
    """In closed form: the warmth of a kick, given its brightness b, is normal about 50 + 0.8 (b - 50), deviation 6."""
    places = []
    for seed in range(200):
        own = [(drawn(seed, brightness=b)["warmth"] - (50 + 0.8 * (b - 50))) / 6 for b in (42.0, 50.0, 58.0)]
        # Where the table of quantiles bends, its straight pieces are off by a few hundredths of a deviation; and what
        # lies far out is drawn in, into the ellipsoid of what occurs.
        assert max(own) - min(own) < 0.15 or max(map(abs, own)) > 1.8
        places.append(own[1])
    assert np.mean(places) == pytest.approx(0, abs=0.2) and np.std(places) == pytest.approx(1, abs=0.12)


def test_what_is_drawn_freely_is_what_the_data_are():
    values = np.array([[d["brightness"], d["warmth"]] for d in map(drawn, range(4000))])
    assert values.mean(0) == pytest.approx([50, 50], abs=0.6) and values.std(0) == pytest.approx([10, 10], rel=0.06)
    assert np.corrcoef(values.T)[0, 1] == pytest.approx(0.8, abs=0.02)


def test_independent_controls_do_not_feel_each_other():
    ranges = normal(0.0)
    moved = [[drawn(seed, ranges, brightness=b)["warmth"] for b in (35.0, 50.0, 65.0)] for seed in range(100)]
    # The correlation of the sample is not quite 0, and at 35 and 65 the ellipsoid draws in the outermost.
    assert np.quantile(np.ptp(np.array(moved), axis=1), 0.95) < 0.3


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([k.kind for k in STARTER.kinds]),
    st.sets(st.sampled_from(STARTER.descriptors)),
    st.sampled_from([0.0, 0.5, 1.0, 1.5]),
)
def test_fixing_controls_where_they_are_moves_no_other(seed, kind, fixed, spread):
    free = drawn(seed, STARTER, kind, spread)
    again = drawn(seed, STARTER, kind, spread, **{name: free[name] for name in fixed})
    assert again == pytest.approx(free, abs=1e-6)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([k.kind for k in STARTER.kinds]),
    st.dictionaries(st.sampled_from(STARTER.descriptors), st.floats(-50, 150)),
    st.sampled_from([1.0, 1.5]),
)
def test_what_is_filled_in_is_feasible(seed, kind, wanted, spread):
    asked = STARTER.feasible(kind, wanted).values
    whole = drawn(seed, STARTER, kind, spread, **asked)
    assert {name: whole[name] for name in asked} == asked
    outcome = STARTER.feasible(kind, whole)
    # Exactly so, but where many recordings share a value (0), which has no one place.
    moved = [abs(outcome.values[name] - whole[name]) for name in whole]
    assert max(moved) < 2.0, outcome.message


def test_a_mixture_lies_between_its_kinds():
    half = KNOWN.of({"kick": 1, "hat_closed": 1})
    kick, hat = KNOWN.of("kick"), KNOWN.of("hat_closed")
    for place, name in enumerate(KNOWN.descriptors):
        middle = half.quantiles[place][7]
        low, high = sorted((kick.quantiles[place][7], hat.quantiles[place][7]))
        # Times are averaged as they are heard: 100 and 400 ms have 200 between them, nearly (the scale ends at 10).
        expected = 205 if name == "decay_time_20" else (low + high) / 2
        assert low < middle < high and middle == pytest.approx(expected, rel=0.03)
    # The spread of a kind in between, not that of both together.
    assert half.quantiles[0][-1] - half.quantiles[0][0] == pytest.approx(2 * 2.576 * 6, rel=0.05)
    assert half.correlation[0][1] == pytest.approx((0.8 - 0.8) / 2, abs=0.01)
    assert KNOWN.of("kick:3,hat_closed:1") == KNOWN.of({"hat_closed": 0.25, "kick": 0.75})
    assert KNOWN.of({"kick": 2.0}) == kick and KNOWN.of("kick:1,hat_closed:0") == kick


def test_mixtures_are_clamped_and_filled_in_like_kinds():
    mix = "kick:0.5,hat_closed:0.5"
    outcome = KNOWN.feasible(mix, {"brightness": 99.0})
    assert outcome.values["brightness"] == pytest.approx(65 + 6 * 2.576, rel=0.02)
    assert outcome.message.startswith("no mix of 50 % hat_closed and 50 % kick has brightness 99; the nearest is")
    assert drawn(3, kind=mix, brightness=65.0)["brightness"] == 65.0
    values = [drawn(seed, kind=mix)["brightness"] for seed in range(800)]
    assert np.mean(values) == pytest.approx(65, abs=0.7) and np.std(values) == pytest.approx(6, rel=0.1)
    with pytest.raises(CreativeMLError, match="did you mean 'kick'"):
        KNOWN.of("kik:1,hat_closed:1")


def test_a_kind_with_few_sounds_brings_the_sounds_of_all_kinds_into_a_mixture():
    few = replace(KNOWN.kinds[1], sounds=3)
    ranges = replace(KNOWN, kinds=(KNOWN.kinds[0], few))
    assert ranges.judged("hat_closed") == KNOWN.overall
    outcome = ranges.feasible({"kick": 1, "hat_closed": 1}, {"brightness": 0.0})
    assert "kick (there are only 3 of hat_closed) has brightness 0" in outcome.message


def test_units_are_said():
    message = KNOWN.feasible("kick", {"decay_time_20": 0.2}).message
    assert "has decay_time_20 0.2 ms; the nearest is decay_time_20 " in message and message.endswith(" ms")


def test_values_that_many_sounds_share_do_not_push_the_others():
    random = np.random.default_rng(1)
    score = random.standard_normal(5000)
    rough = np.maximum(score, 0.0)
    values = np.stack([rough, 10 * (0.9 * score + 0.44 * random.standard_normal(5000))], axis=1)
    ranges = ranges_of(("roughness", "depth"), values, np.array(["kick"] * 5000), ("kick",))
    for seed in range(50):
        free = drawn(seed, ranges)
        assert drawn(seed, ranges, roughness=free["roughness"]) == pytest.approx(free, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda k: k["quantiles"].pop(),
        lambda k: k["quantiles"][0].reverse(),
        lambda k: k["quantiles"][0].pop(),
        lambda k: k["correlation"][0].__setitem__(1, 2.0) or k["correlation"][1].__setitem__(0, 2.0),
    ],
)
def test_a_damaged_distribution_is_refused(change):
    values = to_dict(KNOWN)
    change(values["kinds"][0])
    with pytest.raises(ConfigError, match=r"kinds\[0\]"):
        from_dict(DescriptorRanges, values)
