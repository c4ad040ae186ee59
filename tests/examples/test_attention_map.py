"""The attention printed is a share, and sounds begin at the frame that is said."""

import re

import torch


def test_it_recognises_drums_and_looks_at_the_hit(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=60) == 0
    recognised, looked_at = capsys.readouterr().out.splitlines()
    percent = [int(n) for n in re.findall(r"(\d+)%", recognised + looked_at)]
    right, chance, looked_at_hit, even = percent
    assert right > chance + 10 and looked_at_hit > even
    # 50 ms of 8192 samples at 22050 Hz, to a whole frame of 256.
    assert abs(even / 100 - 0.05 * 22050 / 8192) <= 256 / 8192
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_sounds_begin_where_it_is_said(example):
    torch.manual_seed(0)
    pictures, onsets = example.placed(torch.randn(16, example.SAMPLES))
    assert pictures.shape == (16, 1, example.BANDS, example.FRAMES) and len(onsets.unique()) > 4
    levels = pictures[:, 0].mean(1)
    for level, onset in zip(levels, onsets.tolist(), strict=True):
        # The window reaches one frame back.
        assert (level[: max(0, onset - 1)] < 0.05).all() and (level[onset + 1 :] > 0.3).all()
