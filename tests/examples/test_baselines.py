"""The commands that compare the baselines are real ones, and do what they say."""

import json
import shlex

import pytest

from creativeml.cli import run
from creativeml.errors import CreativeMLError
from creativeml.training.config import training_preset
from creativeml.training.drum_vae import vae_preset


def test_what_the_example_takes_for_granted_of_the_presets_is_so(example):
    for name, contestant in example.CONTESTANTS.items():
        config = vae_preset(("kick",)) if name == "vae" else training_preset(name, ("kick",))
        assert contestant.sounds_per_step == config.sounds_per_step
        assert contestant.pretrain_steps == (config.reconstruction.pretrain_steps if name != "vae" else 0)


def test_printed_commands_are_accepted_and_equal_in_what_they_grant(example, starter, tmp_path, capsys):
    assert example.main(starter, out=tmp_path / "out", minutes=7.5, sounds=1000, against=("drums",)) == 0
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["creativeml"] * 9 and not (tmp_path / "out").exists()
    *trainings, compare = (line[1:] for line in lines)
    places = [line[line.index("--out") + 1] for line in trainings]
    assert len(set(places)) == 8 and set(places) <= set(compare) and "drums" in compare
    for line in trainings:
        assert run([*line, "--dry-run", "--accelerator", "cpu"]) == 0
    assert all(line[line.index("--minutes") + 1] == "7.5" for line in trainings[:4])
    for line, contestant in zip(trainings[4:], example.CONTESTANTS.values(), strict=True):
        shown = int(line[line.index("--steps") + 1]) * contestant.sounds_per_step
        assert 1000 <= shown < 1000 + contestant.sounds_per_step
    assert "reconstruction.pretrain_steps=15" in trainings[4]


def test_a_small_comparison_runs_through_and_again(example, starter, tmp_path, capfd):
    out = tmp_path / "out"
    small = {"out": out, "minutes": 0.01, "sounds": 16, "only": ("vae",), "count": 2, "run": True}
    assert example.main(starter, **small) == 0
    report = json.loads((out / "report/report.json").read_text())
    text = (out / "report/report.md").read_text()
    assert report["about"]["sounds"].keys() >= {"vae-time", "vae-sounds"}
    assert "| vae-time " in text and "| vae-sounds " in text
    told = capfd.readouterr().out
    row = next(line for line in told.splitlines() if line.startswith("| vae-sounds"))
    assert [cell.strip() for cell in row.split("|")][2:4] == ["1", "16"]
    # Runs that have ended are not begun again.
    before = (out / "vae-time/log.jsonl").read_text()
    assert example.main(starter, **{**small, "count": 3}) == 0
    assert (out / "vae-time/log.jsonl").read_text() == before


def test_an_unknown_contestant_is_said(example, tmp_path):
    with pytest.raises(CreativeMLError, match="known: fast, wavegan, spectral, vae"):
        example.main(tmp_path, out=tmp_path / "out", only=("gansynth",))
