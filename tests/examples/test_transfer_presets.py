"""The page of the presets, written anew for one of them, and the one that is kept."""

from __future__ import annotations

import base64
import html
import io
import re

import numpy as np
import soundfile

from creativeml.files import project_folder
from creativeml.synthesis.style_transfer.presets import PRESETS


def test_the_page_plays_content_style_and_result_with_their_figures(example, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert example.main(out=out, presets="tinted", seconds=1.5) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| tinted")]
    assert len(rows) == len(example.CONTENTS)
    page = out.read_text(encoding="utf-8")
    assert re.search(r"\d+% nearer to the style \(\d+% by a network", page)
    sounds = re.findall(r"data:audio/mpeg;base64,([^\"]+)", page)
    assert len(sounds) == 3 and page.count("data:image/png") == 6 and "http" not in page
    played, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[2])))
    assert rate == example.RATE and abs(len(played) / rate - 1.5) < 0.1 and np.abs(played).max() > 0.1


def test_faults_are_found(example):
    content, style = example.a_pair("rock", 1.5)
    silent = example.replace(PRESETS[3], settings=example.replace(PRESETS[3].settings, strength=0.0))
    one = example.rendered(silent, "rock", content, style)
    assert "farther from the style" in one.faults and one.onsets == 1.0
    assert example.out_of(3.0, [4.0, 9.0]) == 1.0 and example.out_of(5.0, [4.0, 9.0]) < 0


def test_the_kept_page_is_small_and_has_every_preset():
    page = project_folder("examples") / "transfer_presets.html"
    assert page.stat().st_size < 3_000_000
    text = page.read_text(encoding="utf-8")
    assert all(f"<h2>{preset.name}</h2>" in text and html.escape(preset.sentence) in text for preset in PRESETS)
