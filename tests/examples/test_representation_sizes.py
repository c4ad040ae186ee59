"""The example that compares representations of a sound."""

import re


def test_pictures_are_larger_and_keep_the_sound_and_mels_are_smaller_and_do_not(example, tmp_path, capsys):
    assert example.main(count=1, out=tmp_path / "sizes.png") == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^(.{38}) *([\d,]+) +[\d.]+ +([\d.-]+) +([\d.-]+)$", printed, re.M)
    size = [int(row[1].replace(",", "")) for row in rows]
    exact, heard = ([float(row[n]) for row in rows] for n in (2, 3))
    assert size == [65536, 2 * 1024 * 128, 2 * 1024 * 256, 128 * 128]
    assert exact[0] == 100.0 and min(exact[1:3]) > 35.0 > 10.0 > exact[3]
    assert heard[3] > exact[3] + 10.0, "what Griffin and Lim's phases make sounds alike and is another waveform"
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")
