"""The attention printed is a share, and sounds begin at the frame that is said."""

import re

import torch


def test_it_prints_shares_and_draws(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=2) == 0
    recognised, looked_at = capsys.readouterr().out.splitlines()
    percent = [int(n) for n in re.findall(r"(\d+)%", recognised + looked_at)]
    assert len(percent) == 4 and all(0 <= n <= 100 for n in percent) and percent[2] > 0
    assert percent[3] == round(100 * example.ONSET_FRAMES / example.FRAMES)
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_sounds_begin_where_it_is_said(example):
    torch.manual_seed(0)
    pictures, onsets = example.placed(torch.randn(16, example.SAMPLES))
    assert pictures.shape == (16, 1, example.BANDS, example.FRAMES) and len(onsets.unique()) > 4
    levels = pictures[:, 0].mean(1)
    for level, onset in zip(levels, onsets.tolist(), strict=True):
        # The window reaches one frame back.
        assert (level[: max(0, onset - 1)] < 0.05).all() and (level[onset + 1 :] > 0.3).all()
