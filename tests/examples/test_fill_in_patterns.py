"""The example that fills in the hats of drum patterns."""

import torch

from creativeml.data.patterns import parse_pattern, varied_patterns


def test_a_short_training_beats_the_most_frequent_answer(example, figures, tmp_path):
    assert example.main(out=tmp_path / "fill.png", patterns=400, steps=120) == 0
    found = figures()
    assert found["Transformer"][0] > found["the most frequent answer"][0]
    assert found["Transformer"][1] > found["the most frequent answer"][1]
    assert (tmp_path / "fill.png").read_bytes().startswith(b"\x89PNG")


def test_tokens_say_what_is_played(example):
    lines = {"ride": "x.o.X" + "." * 11, "kick_low": "x...x" + "." * 11, "clap": "....X.o" + "." * 9}
    source, target = example.tokens_of([parse_pattern("own", lines)])
    assert source[0, :7].tolist() == [2, 1, 1, 1, 4, 1, 3]
    assert target[0, :6].tolist() == [example.HIT, example.REST, example.HIT, example.REST, example.HIT, example.REST]


def test_no_source_that_is_asked_for_was_known(example):
    source, target = example.tokens_of(varied_patterns(300, bars=2))
    asked = example.unheard(source, 0.3, seed=0)
    both = torch.cat([source[asked].unique(dim=0), source[~asked].unique(dim=0)])
    assert 0 < asked.sum() < len(asked) and len(both) == len(both.unique(dim=0))
    different = source.unique(dim=0)
    assert example.nearest(different, different[3:5]).tolist() == [3, 4]
    assert example.right(target, target) == (1.0, 1.0)
