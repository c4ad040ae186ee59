"""Drum patterns: read from step strings, varied by rules that keep the bar, shuffled without losing a hit."""

from collections import Counter

import pytest

from creativeml.data.patterns import REST, ROLES, STEPS, parse_pattern, shuffled_hits, varied_patterns, written_patterns
from creativeml.errors import CreativeMLError


def test_steps_are_read_as_tokens_and_words():
    pattern = parse_pattern("test", {"kick": "x... .... x... ....", "snare": "....X.......o..x|"})
    assert pattern.steps == STEPS
    assert pattern.hits()[0] == ("kick",) and pattern.hits()[1] == ()
    assert pattern.words()[8] == "kick" and pattern.words()[15] == "snare" and pattern.words()[2] == REST
    both = parse_pattern("test", {"snare": "x" * 16, "kick": "x" + "." * 15})
    assert both.words()[0] == "kick+snare" and both.tokens()[:3] == ["kick", "snare", "snare"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({}, "no line"),
        ({"kick": "x..."}, "whole bars"),
        ({"kick": "y" + "." * 15}, "unknown step 'y'"),
        ({"kick": "x" * 16, "snare": "x" * 32}, "differ in length"),
    ],
)
def test_damaged_patterns_are_refused_with_the_reason(lines, reason):
    with pytest.raises(CreativeMLError, match=reason):
        parse_pattern("test", lines)


def test_written_rhythms_are_what_their_names_promise():
    patterns = written_patterns()
    styles = {p.style for p in patterns}
    assert {"rock", "disco", "bossa_nova", "samba", "funk", "breakbeat"} <= styles
    for pattern in patterns:
        assert pattern.steps == STEPS
        kicks = [step for step, hits in enumerate(pattern.hits()) if "kick" in hits]
        if pattern.style in ("disco", "house"):
            assert kicks == [0, 4, 8, 12], "four on the floor"
        if pattern.style in ("rock", "disco", "house", "hip_hop"):
            assert {4, 12} <= {step for step, hits in enumerate(pattern.hits()) if "snare" in hits}, "backbeat"


def test_variations_follow_from_the_seed_and_keep_one_instrument_for_a_role_in_time():
    first, again, other = varied_patterns(40, seed=1), varied_patterns(40, seed=1), varied_patterns(40, seed=2)
    assert first == again != other
    assert all(p.steps == 4 * STEPS for p in first)
    names = {name for p in first for name in p.lines}
    assert all(set(role) <= names for role in ROLES.values())
    written = {name: line for p in written_patterns() for name, line in p.lines.items()}
    assert len({p.lines.get("kick") for p in first}) > len(written)


def test_shuffling_keeps_every_hit_and_the_number_at_each_step():
    patterns = varied_patterns(20)
    before, after = [p.hits() for p in patterns], shuffled_hits(patterns)
    assert [[len(step) for step in p] for p in before] == [[len(step) for step in p] for p in after]
    counts = [Counter(hit for p in part for step in p for hit in step) for part in (before, after)]
    assert counts[0] == counts[1] and before != after
