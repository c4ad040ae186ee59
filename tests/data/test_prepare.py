"""Datasets from sounds: splits, duplicates, restarts, folders that are not ours."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.data.folders import Found
from creativeml.data.journal import JOURNAL
from creativeml.data.manifest import COLUMNS
from creativeml.data.one_shots import OneShotDataset
from creativeml.data.prepare import PrepareOptions, _join_groups, prepare_dataset
from creativeml.data.report import Report
from creativeml.data.sources import SourceSound
from creativeml.data.splits import assign_splits
from creativeml.errors import CreativeMLError

RATE = 22_050
OPTIONS = PrepareOptions(sample_rate=RATE, length_samples=8192, max_seconds=2.0, workers=2)


def hit(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(4096) / RATE
    tone = 0.5 * np.sin(2 * np.pi * rng.uniform(80, 400) * time)
    return (tone + 0.2 * rng.standard_normal(4096)) * np.exp(-time / rng.uniform(0.02, 0.1))


def sound(name: str, samples: np.ndarray, kind: str | None = "kick", group: str = "", tier: str = "A") -> SourceSound:
    return SourceSound(
        path=Path(name),
        kind=kind,
        group=group or name,
        licence="CC0-1.0",
        tier=tier,
        source="made up",
        credit="nobody",
        name=name,
        samples=samples,
        sample_rate=RATE,
        encoding="made PCM_16",
    )


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def prepare(sounds: list[SourceSound], out: Path, **options: bool) -> Report:
    return prepare_dataset(Found(sounds), out, OPTIONS, **options)


def many() -> list[SourceSound]:
    kinds = ("kick", "snare", "zither", None)
    return [sound(f"{k}/{n}.wav", hit(100 * i + n), k, f"{k}{n // 2}") for i, k in enumerate(kinds) for n in range(20)]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "data"
    prepare(many(), out)
    return out


def test_the_folder_is_as_documented(made):
    assert sorted(p.name for p in made.iterdir()) == [
        "audio",
        "dataset.json",
        "manifest.csv",
        "report.json",
        "report.txt",
    ]
    assert json.loads((made / "dataset.json").read_text()) == {
        "format": 1,
        "sample_rate": RATE,
        "length_samples": 8192,
        "kinds": ["kick", "snare", "zither"],
        "sources": ["made up"],
    }
    rows = rows_of(made)
    assert (
        list(rows[0])
        == list(COLUMNS)
        == (  # noqa: SIM905
            "path class group split source licence tier duration_s peak loudness_lufs sha256 duplicate_of "
            "original_path original_sample_rate original_channels original_encoding credit"
        ).split()
    )
    assert len(rows) == 80 and sum(r["class"] == "unlabelled" for r in rows) == 20
    for row in rows[:10]:
        with soundfile.SoundFile(made / row["path"]) as file:
            assert (file.frames, file.samplerate, file.channels, file.subtype) == (8192, RATE, 1, "PCM_24")
        assert (
            0.1 < float(row["duration_s"]) < 0.2
            and 0 < float(row["peak"]) <= 1
            and -40 < float(row["loudness_lufs"]) < 0
        )
        assert row["original_encoding"] == "made PCM_16" and row["licence"] == "CC0-1.0" and row["credit"] == "nobody"


def test_splits_are_disjoint_by_group_and_hold_every_class(made):
    rows = rows_of(made)
    for kind in ("kick", "snare", "zither"):
        shares = {s: sum(r["class"] == kind and r["split"] == s for r in rows) for s in ("train", "validation", "test")}
        assert shares["train"] >= 14 and min(shares.values()) >= 2, shares
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["group"], set()).add(row["split"])
    assert all(len(s) == 1 for s in sides.values())


def test_one_shot_dataset_reads_it(made):
    data = OneShotDataset(made, split="train")
    assert data.kinds == ("kick", "snare", "zither") and 40 <= len(data) <= 54


def test_the_same_sounds_in_another_order_make_the_same_bytes(made, tmp_path):
    prepare(many()[::-1], tmp_path / "again")
    for name in ("manifest.csv", "dataset.json"):
        assert (made / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    for row in rows_of(made)[::9]:
        assert (made / row["path"]).read_bytes() == (tmp_path / "again" / row["path"]).read_bytes()


def test_repeats_are_marked_joined_and_never_straddle(tmp_path):
    original = hit(1)
    sounds = [
        sound("free copy.wav", 0.5 * original, group="b", tier="A"),
        sound("first.wav", original, group="a", tier="G"),
        sound("exact copy.wav", original, group="c", tier="G"),
        sound("other name.wav", original, kind="tom", group="d", tier="G"),
        sound("take of first.wav", hit(2), group="a", tier="G"),
        *(sound(f"else {n}.wav", hit(n)) for n in range(10, 30)),
    ]
    report = prepare(sounds, tmp_path / "data")
    rows = {r["original_path"]: r for r in rows_of(tmp_path / "data")}
    kept = rows["free copy.wav"]
    assert kept["duplicate_of"] == ""  # the freest licence stays
    for name in ("first.wav", "exact copy.wav", "other name.wav"):
        assert rows[name]["duplicate_of"] == kept["path"], name
        assert rows[name]["split"] == kept["split"] and rows[name]["group"] == kept["group"]
    assert rows["take of first.wav"]["split"] == kept["split"] and rows["take of first.wav"]["duplicate_of"] == ""
    assert "also called kick" in report.remarks["other name.wav"][0]
    summary = report.summary()
    assert (summary["accepted"], summary["duplicates"]) == (25, 3)
    assert sum(summary["splits"].values()) == 22  # what can be used
    text = (tmp_path / "data" / "report.txt").read_text()
    assert "3 of the accepted repeat" in text and f"repeats {kept['path']}" in text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=12),
)
def test_whatever_repeats_whatever_splits_stay_disjoint(members, pairs):
    groups = [f"g{g}" for g, _ in members]
    repeats = {a: b for a, b in pairs if b < a < len(members)}
    joined = _join_groups(groups, repeats)
    splits = assign_splits(joined, [k for _, k in members])
    for side, names in ((joined, splits), (groups, splits)):
        seen: dict[str, str] = {}
        assert all(seen.setdefault(g, s) == s for g, s in zip(side, names, strict=True))
    assert all(splits[a] == splits[b] for a, b in repeats.items())


def test_every_refusal_is_in_the_report_with_its_reason(tmp_path):
    def broken() -> np.ndarray:
        raise CreativeMLError("bank is damaged")

    sounds = [
        sound("good.wav", hit(0)),
        sound("silent.wav", np.zeros(4000)),
        sound("short.wav", np.ones(5)),
        sound("loop.wav", np.ones(3 * RATE)),
        sound("nan.wav", np.full(4000, np.nan)),
        replace(sound("bank.wav", hit(0)), samples=broken),
    ]
    prepare(sounds, tmp_path / "data")
    report = json.loads((tmp_path / "data" / "report.json").read_text())
    reasons = {r["path"]: r["reason"] for r in report["rejected_files"]}
    assert list(reasons) == ["bank.wav", "loop.wav", "nan.wav", "short.wav", "silent.wav"]
    assert "3.0 s" in reasons["loop.wav"] and "2 s" in reasons["loop.wav"] and "--max-seconds" in reasons["loop.wav"]
    assert (report["accepted"], report["rejected"]) == (1, 5)
    text = (tmp_path / "data" / "report.txt").read_text()
    assert all(f"{name}: {reason}" in text for name, reason in reasons.items())
    assert "good.wav -> audio/kick/good-" in text


def test_samples_of_a_bank_may_be_integers_stereo_and_lazy(tmp_path):
    stereo = (np.stack([hit(0), hit(0)]) * 20000).astype(np.int16)
    prepare([replace(sound("x", hit(0)), samples=lambda: stereo)], tmp_path / "data")
    row = rows_of(tmp_path / "data")[0]
    assert row["original_channels"] == "2" and 0.1 < float(row["peak"]) < 0.8


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, made):
    class InterruptionError(Exception):
        pass

    def stop(what: str, done: int, total: int) -> None:
        if done == 37:
            raise InterruptionError

    out = tmp_path / "data"
    with pytest.raises(InterruptionError):
        prepare_dataset(Found(many()), out, OPTIONS, on_step=stop)
    assert (out / JOURNAL).is_file() and not (out / "dataset.json").exists()
    stored = sorted((out / "audio").rglob("*.flac"))
    times = {path: path.stat().st_mtime_ns for path in stored}
    # A power cut tears the last line of the journal, and spoils a file that was not on the disk yet.
    with (out / JOURNAL).open("a") as journal:
        journal.write('{"key": "half a li')
    stored[0].write_bytes(b"spoilt")
    with pytest.raises(CreativeMLError, match="other settings"):
        prepare_dataset(Found(many()), out, replace(OPTIONS, length_samples=4096))
    prepare(many(), out)
    assert sum(path.stat().st_mtime_ns == times[path] for path in stored) >= 36
    assert (out / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()
    assert not (out / JOURNAL).exists()


class StopError(Exception):
    """An interruption."""


def stopped_after(number: int, out: Path, **options: bool) -> dict[Path, int]:
    """Files of a preparation that was interrupted, and when they were written."""

    def stop(what: str, done: int, total: int) -> None:
        if done == number:
            raise StopError

    with pytest.raises(StopError):
        prepare_dataset(Found(many()), out, OPTIONS, on_step=stop, **options)
    return {path: path.stat().st_mtime_ns for path in (out / "audio").rglob("*.flac")}


@pytest.mark.parametrize("left", ["", '{"settings": {"form', None])
def test_a_journal_that_was_cut_off_in_its_first_line_is_begun_anew(tmp_path, made, left):
    out = tmp_path / "data"
    stopped_after(5, out)
    (out / "report.json").write_text('{"accepted_files": []}')  # by which the folder is known as ours
    if left is None:
        (out / JOURNAL).unlink()
        (out / ".prepare-journal.k3v_9x1a.tmp.jsonl").write_text("half")
    else:
        (out / JOURNAL).write_text(left)
    prepare(many(), out)
    assert (out / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in made.iterdir())


def test_a_folder_with_nothing_but_a_half_written_journal_is_ours_and_with_more_it_is_not(tmp_path):
    half = tmp_path / ".prepare-journal.k3v_9x1a.tmp.jsonl"
    half.write_text("half")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CreativeMLError, match=r"not empty and no dataset \(it holds 'mine.txt'\)"):
        prepare([sound("a.wav", hit(1))], tmp_path)
    assert half.exists()
    (tmp_path / "mine.txt").unlink()
    prepare([sound("a.wav", hit(1))], tmp_path)
    assert not half.exists() and (tmp_path / "dataset.json").is_file()


def test_a_spoilt_line_of_the_journal_costs_one_sound(tmp_path, made):
    out = tmp_path / "data"
    stored = stopped_after(30, out)
    lines = (out / JOURNAL).read_bytes().split(b"\n")
    lines[7] = b"\x00" * len(lines[7])
    (out / JOURNAL).write_bytes(b"\n".join(lines))
    prepare(many(), out)
    assert sum(path.stat().st_mtime_ns == when for path, when in stored.items()) >= 29
    assert (out / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()


def test_replacing_a_dataset_goes_on_when_it_was_interrupted(tmp_path, made):
    out = tmp_path / "data"
    prepare(many()[:10], out)
    stored = stopped_after(30, out, overwrite=True)
    assert not (out / "dataset.json").exists()
    prepare(many(), out, overwrite=True)
    assert sum(path.stat().st_mtime_ns == when for path, when in stored.items()) >= 30
    assert (out / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()


def test_killed_before_its_journal_was_removed_a_finished_dataset_is_finished_again(tmp_path, made):
    out = tmp_path / "data"
    stopped_after(80, out)
    journal = (out / JOURNAL).read_bytes()
    prepare(many(), out)
    (out / JOURNAL).write_bytes(journal)
    prepare(many(), out)
    assert not (out / JOURNAL).exists()
    assert (out / "manifest.csv").read_bytes() == (made / "manifest.csv").read_bytes()


def test_leftovers_of_an_interrupted_run_with_other_sources_are_removed(tmp_path):
    def stop(what: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    out = tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        prepare_dataset(Found(many()[:5]), out, OPTIONS, on_step=stop)
    prepare([sound("new.wav", hit(900))], out)
    assert len(list((out / "audio").rglob("*"))) == 2


def test_a_finished_dataset_is_kept_unless_told_otherwise(tmp_path):
    out = tmp_path / "data"
    prepare([sound("old.wav", hit(1))], out)
    with pytest.raises(CreativeMLError, match="--overwrite"):
        prepare([sound("new.wav", hit(2))], out)
    assert rows_of(out)[0]["original_path"] == "old.wav"
    prepare([sound("new.wav", hit(2))], out, overwrite=True)
    assert [r["original_path"] for r in rows_of(out)] == ["new.wav"]
    assert len(list((out / "audio").rglob("*.flac"))) == 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["thesis.txt", "report.json", "dataset.json", "manifest.csv"])
def test_a_folder_with_other_files_is_never_touched(tmp_path, overwrite, name):
    (tmp_path / name).write_text('{"years": "of work"}')
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "song.flac").write_text("mine")
    with pytest.raises(CreativeMLError, match="not empty"):
        prepare([sound("a.wav", hit(1))], tmp_path, overwrite=overwrite)
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted([name, "audio", "song.flac"])


def test_if_all_are_bad_only_a_report_is_written_and_the_next_run_may_replace_it(tmp_path):
    out = tmp_path / "data"
    report = prepare([sound("silent.wav", np.zeros(4000))], out)
    assert not report.rows and sorted(p.name for p in out.iterdir()) == ["report.json", "report.txt"]
    prepare([sound("good.wav", hit(1))], out)
    assert len(rows_of(out)) == 1


@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("sample_rate", 10, "--sample-rate"),
        ("length_samples", 1, "--length"),
        ("max_seconds", 0.0, "--max-seconds"),
    ],
)
def test_options_out_of_range_are_named(field, value, flag):
    with pytest.raises(CreativeMLError, match=flag):
        replace(OPTIONS, **{field: value})
