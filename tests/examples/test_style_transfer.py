"""The comparison of the methods of style transfer, on one short pair."""

from __future__ import annotations

import json


def test_the_table_holds_every_method_and_an_interrupted_run_goes_on(example, tmp_path, capsys):
    arguments = {"pairs": 1, "rate": 8000, "iterations": 2, "out": tmp_path}
    assert example.main(methods="spectral,classical", **arguments) == 0
    table = capsys.readouterr().out
    assert "| spectral | 1 |" in table and "| classical | 1 |" in table
    lines = tmp_path / "pairs.jsonl"
    before = lines.read_text()
    lines.write_text(before + '{"method": "cut o')
    assert example.main(methods="spectral,classical", **arguments) == 0
    assert capsys.readouterr().out == table, "nothing is measured again"
    rows = [json.loads(line) for line in before.splitlines() if line]
    spectral = next(row for row in rows if row["method"] == "spectral")
    assert spectral["fall"] > 0.3 and spectral["onsets"] > 0.7
    assert (tmp_path / "pair0_spectral.wav").exists()


def test_griffin_lim_finds_a_sound_with_the_spectrum(example):
    import torch

    content, _ = example.a_pair(0, 8000, 1)
    window = torch.hann_window(512)

    def magnitudes(sound: torch.Tensor) -> torch.Tensor:
        return torch.stft(sound, 512, 128, window=window, return_complex=True).abs()

    wanted = magnitudes(content)
    away = []
    for iterations in (1, 40):
        draw = torch.Generator().manual_seed(0)
        found = example.griffin_lim(wanted, len(content), window, 128, draw, iterations)
        away.append(float((magnitudes(found) - wanted).norm() / wanted.norm()))
    assert away[1] < 0.5 * away[0] and away[1] < 0.25
