"""The bar over steps of different length: what it has done never exceeds what there is."""

import io
import sys

import pytest

from creativeml.cli.progress import Overall


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_one_bar_counts_steps_by_their_length(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with Overall({"hearing": 30.0, "distances of <a>": 10.0}) as bar:
        bar._bar.delay = 0
        bar.advance("hearing", 0.5)
        assert bar._bar.n == pytest.approx(15)
        bar.advance("hearing", 0.9)  # more than there is
        assert bar._bar.n == pytest.approx(30)
        bar.finish(["distances of <a>"])
        bar._bar.refresh()
        assert bar._bar.n == pytest.approx(40)
    text = shown.getvalue()
    assert "distances of <a>: 100%" in text and "left" in text


def test_no_bar_without_a_terminal(monkeypatch):
    silent = io.StringIO()
    monkeypatch.setattr(sys, "stderr", silent)
    with Overall({"hearing": 1.0}) as bar:
        bar.advance("hearing", 1.0)
    assert silent.getvalue() == ""
