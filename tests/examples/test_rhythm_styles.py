"""The example that names styles of drum patterns."""

import re

from creativeml.data.patterns import parse_pattern, varied_patterns


def test_a_short_training_names_styles_and_looks_away_from_fills(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "styles.png", patterns=400, steps=120) == 0
    printed = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line for line in printed.splitlines() if line.startswith("|")}
    network, guess = (
        [float(n) for n in re.findall(r"0\.\d+|1\.0+", rows[name])]
        for name in ("hierarchical attention", "the most frequent style")
    )
    assert network[0] > 0.6 > guess[0] and network[1] > 1.5 * guess[1]
    assert float(re.search(r"closing fill: ([\d.]+)", printed)[1]) < 0.15
    assert (tmp_path / "styles.png").read_bytes().startswith(b"\x89PNG")


def test_variations_are_traced_to_their_rhythm(example):
    rock = example.by_style()["rock"]
    played = parse_pattern(
        "rock",
        {
            "ride": "|".join(["x.x." * 4] * 4),
            "clap": "|".join(["....x.......x..."] * 4),
            "kick_low": "x.x.....x.......|x.x..x..x.......|x.......x.......|x.x.....x.......",
            "crash": "x" + "." * 63,
        },
    )
    assert example.rhythm_of(played, rock) == 2
    assert [example.rhythm_of(p, rock) for p in rock] == [0, 1, 2, 3]


def test_nothing_asked_for_was_known(example):
    patterns = example.distinct(varied_patterns(300))
    assert len({(p.style, *p.words()) for p in patterns}) == len(patterns)
    rhythms = example.by_style()
    named = [(p, example.rhythm_of(p, rhythms[p.style])) for p in patterns]
    known, asked = example.kept_back(named, 1)
    assert known and asked and {n for _, n in asked} == {1} and 1 not in {n for _, n in known}
    assert not any(example.ends_with_fill(example_bar(p)) for p in rhythms["rock"])


def example_bar(pattern):
    """Four times the same bar."""
    return parse_pattern(pattern.style, {name: line * 4 for name, line in pattern.lines.items()})
