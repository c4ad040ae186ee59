"""The example of acoustic and electronic drums."""

import pytest


def test_kits_are_told_apart_by_their_group(example):
    assert example.is_electronic("sonic-pi/bd_808") and example.is_electronic("opl3/128_01")
    assert not example.is_electronic("sonic-pi/drum_snare") and not example.is_electronic("avldrums/Blonde_Bop/36")


def test_the_labelled_domain_is_learnt_and_both_are_told(example, starter, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(example, "STRENGTHS", (0.0, 0.3))
    assert example.main(starter, kinds=("kick", "snare"), out=tmp_path, steps=40, seeds=1) == 0
    found = figures()
    assert found["acoustic"][0] == pytest.approx(1.0, abs=0.1) and set(found) == {"acoustic", "electronic"}
    assert (tmp_path / "domain_adaptation.png").stat().st_size > 1000
