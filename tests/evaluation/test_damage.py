"""Real drums are damaged on purpose, and every figure must move the right way."""

import pytest
import torch

from creativeml.evaluation.damage import (
    CHANGES,
    DAMAGES,
    DOWN,
    NO_MORE,
    UP,
    Line,
    add_clicks,
    add_noise,
    as_table,
    clip,
    low_pass,
    monotonicity,
    parts,
    smear,
)
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.measure import SoundBatch
from creativeml.evaluation.transients import onset_windows

RATE = 44100


@pytest.fixture(scope="module")
def divided(starter_pack):
    return parts(starter_pack)


@pytest.fixture(scope="module")
def lines(divided):
    return monotonicity(divided, RATE, {"log_mel": log_mel_statistics, "onset": onset_windows})


def test_parts_share_no_group_and_the_base_has_one_sound_of_each(divided, starter_pack):
    for number, batch in enumerate(starter_pack):
        groups = [set(part[number].groups) for part in (divided.training, divided.reference, divided.base)]
        assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
        assert len(divided.base[number].groups) == len(groups[2]) and min(map(len, groups)) >= 3
        assert groups[0] | groups[1] | groups[2] <= set(batch.groups)
    few = [SoundBatch("kick", torch.zeros(8, 100), tuple("abcdefgh"))]
    with pytest.raises(ValueError, match="nine source groups"):
        parts(few)


def test_every_figure_moves_the_right_way(lines):
    """The table is printed so that a failure shows all of it."""
    print(as_table(lines))
    assert {line.damage for line in lines} == set(DAMAGES)
    wrong = [(line.damage, line.figure, line.embedding, line.values) for line in lines if line.verdict == "FAIL"]
    assert wrong == []
    heard = {(line.damage, line.figure) for line in lines if line.verdict == "ok"}
    for damage in ("low_pass", "noise", "clipping", "smear"):
        assert {(damage, "kad"), (damage, "fad_inf"), (damage, "coverage")} <= heard


def test_novelty_alarms_for_copies_and_for_nothing_else(lines):
    for line in lines:
        if line.figure == "copied":
            assert line.values[0] == 0
            assert (line.values[-1] > 0.9) == (line.damage == "copies")


def test_table_names_every_line(lines):
    text = as_table(lines).splitlines()
    assert len(text) == len(lines) + 2
    assert "low_pass 8000 4000 2000 Hz" in text[2] and " ok " in text[2]


def test_verdicts():
    def line(expected, values, weak=False):
        return Line("noise", "kad", "log_mel", expected, weak, values).verdict

    assert line(UP, (0, 1, 2, 3)) == line(DOWN, (3, 2, 1, 1)) == line(NO_MORE, (1, 0.5, 1, 0)) == "ok"
    assert line(UP, (0, -0.1, 2, 3)) == "ok" and line(UP, (0, -2, 2, 3)) == "FAIL"
    assert line(UP, (0, 0, 0, 0)) == line(DOWN, (0, 1, 2, 3)) == line(NO_MORE, (0, 0, 0, 0.1)) == "FAIL"
    assert line(DOWN, (0, 1, 2, 3), weak=True) == "deaf"


def test_damages_do_what_they_say():
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(16384) / RATE
    low, high = (torch.sin(2 * torch.pi * f * time)[None] for f in (500.0, 8000.0))
    filtered = low_pass(low + high, RATE, 4000.0, generator)
    level = [torch.fft.rfft(filtered)[0].abs()[round(f * 16384 / RATE)] for f in (500, 8000)]
    assert float(level[1] / level[0]) == pytest.approx((1 + 2**8) ** -0.5, rel=0.1)
    noise = add_noise(torch.ones(1, 16384), RATE, -40.0, generator) - 1
    assert float(noise.square().mean().sqrt()) == pytest.approx(0.01, rel=0.05)
    assert float(clip(low, RATE, 6.0, generator).abs().max()) == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    impulse = torch.zeros(1, 16384)
    impulse[0, 100] = 1.0
    blurred = smear(impulse, RATE, 20.0, generator)
    assert float(blurred.square().sum()) == pytest.approx(1, rel=0.01)
    assert float(blurred.abs().max()) < 0.3 and not bool(blurred[0, :99].abs().max() > 1e-4)
    assert not bool(blurred[0, 100 + 882 :].abs().max() > 1e-4)
    assert int((add_clicks(torch.zeros(1, 16384) + low, RATE, 3.0, generator) != low).sum()) == 3
    for change in CHANGES.values():
        assert change(low, RATE, 1.0, generator).shape == low.shape
