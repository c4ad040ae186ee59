"""The descriptors kept beside a dataset, and what is feasible among them, on sounds whose distribution is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from creativeml.audio.descriptors.registry import DESCRIPTORS, describe
from creativeml.config import load_json, save_json
from creativeml.data import descriptor_table
from creativeml.data.descriptor_ranges import measure_ranges, ranges_of
from creativeml.data.descriptor_table import TABLE, describe_dataset, read_descriptors
from creativeml.data.joint_distribution import COVERAGE, LEAST_SOUNDS, DescriptorRanges
from creativeml.data.one_shots import DatasetError, read_dataset
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_file

RATE, LENGTH = 16_000, 4096


def write_manifest(root: Path, rows: list[dict[str, str]]) -> None:
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four short sounds, prepared."""
    root, rows = tmp_path / "data", []
    rng = np.random.default_rng(0)
    time = np.arange(LENGTH) / RATE
    for number in range(4):
        kind = ("kick", "snare")[number % 2]
        path = f"audio/{kind}/{number}.flac"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        sound = np.sin(2 * np.pi * (60 + 90 * number) * time) + 0.2 * number * rng.uniform(-1, 1, LENGTH)
        soundfile.write(root / path, 0.2 * sound * np.exp(-time / 0.03), RATE, subtype="PCM_24")
        row = {"path": path, "class": kind, "split": "train", "duplicate_of": "", "sha256": sha256_file(root / path)}
        rows.append(row)
    write_description(root)
    write_manifest(root, rows)
    return root


def write_description(root: Path) -> None:
    kinds = ["kick", "snare", "clap"]
    description = {"format": 1, "sample_rate": RATE, "length_samples": LENGTH, "kinds": kinds, "sources": []}
    (root / "dataset.json").write_text(json.dumps(description), encoding="utf-8")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- the table ---


def test_the_table_holds_what_describe_says_of_the_stored_files(folder):
    manifest = (folder / "manifest.csv").read_bytes()
    steps = []
    outcome = describe_dataset(folder, on_step=lambda *step: steps.append(step))
    assert (folder / "manifest.csv").read_bytes() == manifest
    info = read_dataset(folder)
    assert outcome.new == len(info.rows) and outcome.known == 0 and outcome.refused == ()
    assert steps[-1] == ("describing", len(info.rows), len(info.rows))
    for row in rows_of(folder)[::2]:
        samples, rate = soundfile.read(folder / row["path"], dtype="float32")
        expected = describe(torch.from_numpy(samples), rate)
        kept = {name: float(row[name]) for name in DESCRIPTORS}
        assert kept == pytest.approx({name: float(value) for name, value in expected.items()}, rel=5e-3, abs=0.05)
        assert row["sha256"] == sha256_file(folder / row["path"])


def test_known_sounds_are_not_measured_again_and_a_new_one_is(folder, monkeypatch):
    describe_dataset(folder)
    before = (folder / TABLE).read_bytes()
    monkeypatch.setattr(descriptor_table, "describe", lambda *_: pytest.fail("measured again"))
    again = describe_dataset(folder)
    assert again.new == 0 and again.known == len(rows_of(folder)) and (folder / TABLE).read_bytes() == before
    monkeypatch.undo()
    rows = list(read_dataset(folder).rows)
    changed = folder / rows[0]["path"]
    samples, rate = soundfile.read(changed)
    soundfile.write(changed, samples[::-1].copy(), rate, subtype="PCM_24")
    rows[0]["sha256"] = sha256_file(changed)
    write_manifest(folder, rows)
    third = describe_dataset(folder)
    assert (third.new, third.known) == (1, len(rows) - 1) and len(rows_of(folder)) == len(rows)


def test_an_interrupted_run_keeps_what_it_has_measured(folder, monkeypatch):
    monkeypatch.setattr(descriptor_table, "_BATCH", 1)

    def stop(what: str, done: int, total: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe_dataset(folder, on_step=stop)
    assert len(rows_of(folder)) == 3
    rest = describe_dataset(folder)
    assert (rest.known, rest.new) == (3, 1)


def test_a_spoiled_sound_is_named_and_the_rest_is_described(folder):
    rows = read_dataset(folder).rows
    (folder / rows[0]["path"]).write_bytes(b"fLaC nothing")
    (folder / rows[1]["path"]).unlink()
    outcome = describe_dataset(folder)
    assert outcome.new == len(rows) - 2
    assert rows[0]["path"] in outcome.refused[0] and "not the file" in outcome.refused[0]
    assert rows[1]["path"] in outcome.refused[1] and "missing" in outcome.refused[1]


def test_rows_of_other_definitions_and_damaged_tables_are_measured_anew(folder, monkeypatch):
    describe_dataset(folder)
    text = (folder / TABLE).read_text(encoding="utf-8")
    count = len(rows_of(folder))
    monkeypatch.setattr(descriptor_table, "FORMAT", 999)
    assert describe_dataset(folder).new == count
    monkeypatch.undo()
    for damaged in (text[: len(text) // 2], "sha256,path\n", "\x00" * 100):
        (folder / TABLE).write_text(damaged, encoding="utf-8")
        assert describe_dataset(folder).known < count
        assert len(rows_of(folder)) == count


def test_repeats_are_left_out_and_a_missing_hash_is_an_error(folder):
    rows = list(read_dataset(folder).rows)
    rows[3]["duplicate_of"] = rows[2]["path"]
    write_manifest(folder, rows)
    assert describe_dataset(folder).new == len(rows) - 1
    write_manifest(folder, [{k: v for k, v in row.items() if k != "sha256"} for row in rows])
    with pytest.raises(DatasetError, match="no column sha256"):
        describe_dataset(folder)


def test_ranges_need_descriptors(folder):
    with pytest.raises(DatasetError, match=r"no descriptors of .* and \d+ more; run `creativeml describe --data"):
        measure_ranges(folder)


# --- ranges and feasibility ---

NAMES = ("brightness", "depth", "decay_time_60")


@pytest.fixture(scope="session")
def known(tmp_path_factory) -> Path:
    """A dataset whose table says: kicks with brightness and depth correlated by -0.9, skewed decays; few claps."""
    root = tmp_path_factory.mktemp("known")
    rng = np.random.default_rng(0)
    write_description(root)
    manifest, table = [], []
    for kind, count, middle in (("kick", 400, 30.0), ("snare", 60, 60.0), ("clap", 3, 70.0)):
        bright = rng.standard_normal(count)
        deep = -0.9 * bright + np.sqrt(1 - 0.81) * rng.standard_normal(count)
        for place in range(count):
            key = f"{kind}{place}"
            manifest.append({"path": f"{key}.flac", "class": kind, "split": "train", "duplicate_of": "", "sha256": key})
            values = dict.fromkeys(DESCRIPTORS, 0.0)
            values |= {"brightness": middle + 10 * bright[place], "depth": 60 + 5 * deep[place]}
            values["decay_time_60"] = 200 * np.exp(0.5 * rng.standard_normal())
            table.append({"sha256": key, "path": f"{key}.flac", "format": descriptor_table.FORMAT, **values})
    write_manifest(root, manifest)
    with (root / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return root


@pytest.fixture(scope="session")
def ranges(known) -> DescriptorRanges:
    return measure_ranges(known, NAMES)


def test_the_shown_ranges_are_the_quantiles(known, ranges):
    info = read_dataset(known)
    rows = [row for row in info.rows if row["class"] == "kick"]
    values = read_descriptors(info, rows, NAMES)
    for name, column in zip(NAMES, values.T, strict=True):
        assert ranges.shown("kick")[name] == pytest.approx(np.quantile(column, [0.05, 0.2, 0.5, 0.8, 0.95]), rel=1e-4)
    assert ranges.of("kick").sounds == 400 and ranges.overall.sounds == 463


def test_the_correlation_is_that_of_the_data_and_of_few_sounds_smaller(ranges):
    assert ranges.of("kick").correlation[0][1] == pytest.approx(-0.9, abs=0.03)
    assert abs(ranges.of("clap").correlation[0][1]) < 0.6
    for kind in ranges.kinds:
        assert np.linalg.eigvalsh(np.array(kind.correlation)).min() > 0


def test_what_occurs_is_left_alone(known, ranges):
    info = read_dataset(known)
    rows = [row for row in info.rows if row["class"] == "kick"]
    asked = [dict(zip(NAMES, row, strict=True)) for row in read_descriptors(info, rows, NAMES)]
    alone = [ranges.feasible("kick", {name: values[name]}) for values in asked for name in NAMES]
    together = [ranges.feasible("kick", values) for values in asked]
    assert np.mean([not outcome.message for outcome in alone]) == pytest.approx(COVERAGE, abs=0.012)
    assert np.mean([not outcome.message for outcome in together]) > COVERAGE - 0.04
    for wanted, outcome in zip(asked, together, strict=True):
        if not outcome.message:
            assert outcome.values == wanted
    assert ranges.feasible("kick", {}) == ({}, "")


def test_too_bright_a_kick_is_brought_to_the_brightest_that_occur(ranges):
    outcome = ranges.feasible("kick", {"brightness": 90.0})
    assert outcome.values["brightness"] == pytest.approx(30 + 10 * 2.33, abs=4)
    assert outcome.message.startswith("no kick in the data has brightness 90; the nearest is brightness 5")
    assert ranges.feasible("snare", {"brightness": 70.0}).message == ""
    low = ranges.feasible("kick", {"decay_time_60": -5.0})
    assert low.values["decay_time_60"] == pytest.approx(200 * np.exp(-0.5 * 2.33), rel=0.3)


def test_values_that_occur_only_apart_are_brought_together(ranges):
    wanted = {"brightness": 45.0, "depth": 67.0}  # each 1.5 deviations up, though one goes down as the other goes up
    assert all(not ranges.feasible("kick", {name: value}).message for name, value in wanted.items())
    outcome = ranges.feasible("kick", wanted)
    assert "brightness 45 and depth 67 together" in outcome.message
    up = [(outcome.values["brightness"] - 30) / 10, (outcome.values["depth"] - 60) / 5]
    assert 0 < up[0] < 1.5 and 0 < up[1] < 1.5
    # On the boundary: asking for what was given changes hardly anything more.
    again = ranges.feasible("kick", outcome.values)
    assert again.values == pytest.approx(outcome.values, abs=0.3)
    fitting = {"brightness": 45.0, "depth": 53.0}
    assert ranges.feasible("kick", fitting) == (fitting, "")


def test_the_nearest_point_is_the_nearest(ranges):
    """Against a search over the boundary of the ellipse."""
    from creativeml.data.joint_distribution import _into_ellipsoid, chi_square

    correlation = np.array([[1.0, -0.8], [-0.8, 1.0]])
    point = np.array([2.0, 1.5])
    angle = np.linspace(0, 2 * np.pi, 100_000)
    boundary = np.linalg.cholesky(correlation) @ np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(chi_square(2))
    best = boundary[:, np.square(boundary - point[:, None]).sum(0).argmin()]
    assert _into_ellipsoid(point, correlation, chi_square(2)) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("freedom", [1, 2, 7, 14])
def test_the_ellipsoid_holds_what_it_says(freedom):
    from scipy.stats import chi2

    from creativeml.data.joint_distribution import chi_square

    assert chi_square(freedom) == pytest.approx(chi2.ppf(COVERAGE, freedom), rel=0.025)


def test_of_few_sounds_those_of_all_kinds_decide_and_the_message_says_so(ranges):
    assert ranges.of("clap").sounds < LEAST_SOUNDS
    outcome = ranges.feasible("clap", {"brightness": 140.0})
    assert "there are only 3 of clap" in outcome.message and outcome.values["brightness"] < 100


def test_values_that_never_vary_leave_one_choice(known):
    ranges = measure_ranges(known, ["roughness", "brightness"])
    outcome = ranges.feasible("kick", {"roughness": 3.0, "brightness": 30.0})
    assert outcome.values == {"roughness": 0.0, "brightness": 30.0} and "roughness 3" in outcome.message
    assert ranges.feasible("kick", {"roughness": 0.0}).message == ""


def test_unknown_names_and_numbers_are_errors(ranges):
    for kind, values, message in (
        ("kik", {"brightness": 1.0}, "did you mean 'kick'"),
        ("kick", {"brightnes": 1.0}, "did you mean 'brightness'"),
        ("kick", {"brightness": float("nan")}, "finite"),
    ):
        with pytest.raises(CreativeMLError, match=message):
            ranges.feasible(kind, values)


def test_ranges_travel_as_json(ranges, tmp_path):
    save_json(ranges, tmp_path / "ranges.json")
    assert load_json(DescriptorRanges, tmp_path / "ranges.json") == ranges


def test_free_values_are_filled_in_as_the_data_go_together():
    """Of correlated normal descriptors the conditional mean and spread are known in closed form."""
    rng = np.random.default_rng(3)
    first = rng.standard_normal(20_000)
    second = 0.8 * first + 0.6 * rng.standard_normal(20_000)
    values = np.stack([50 + 10 * first, 30 + 5 * second, rng.uniform(0, 1, 20_000)], axis=1)
    ranges = ranges_of(("brightness", "warmth", "depth"), values, np.array(["kick"] * 20_000), ("kick", "snare"))
    given = {"brightness": 65.0}
    middle = ranges.complete("kick", given)
    assert middle["brightness"] == 65.0
    assert middle["warmth"] == pytest.approx(30 + 5 * 0.8 * 1.5, abs=0.2)
    assert middle["depth"] == pytest.approx(0.5, abs=0.03)
    drawn = [ranges.complete("kick", given, random=np.random.default_rng(n)) for n in range(2000)]
    warmth = np.array([each["warmth"] for each in drawn])
    assert warmth.mean() == pytest.approx(36.0, abs=0.3) and warmth.std() == pytest.approx(3.0, rel=0.1)
    near = [ranges.complete("kick", given, random=np.random.default_rng(n), spread=0.5) for n in range(500)]
    assert np.std([each["warmth"] for each in near]) == pytest.approx(1.5, rel=0.15)
    assert ranges.complete("kick", {})["brightness"] == pytest.approx(50, abs=0.3)
    assert ranges.complete("kick", middle) == middle
    with pytest.raises(CreativeMLError, match="did you mean 'warmth'"):
        ranges.complete("kick", {"warmt": 1.0})


def test_a_decay_to_60_db_takes_no_less_than_one_to_20(ranges):
    rng = np.random.default_rng(5)
    short = 50 * np.exp(0.8 * rng.standard_normal(500))
    values = np.stack([short, short * (1 + 3 * rng.uniform(0, 1, 500))], axis=1)
    known = ranges_of(("decay_time_20", "decay_time_60"), values, np.array(["kick"] * 500), ("kick",))
    outcome = known.feasible("kick", {"decay_time_20": 120.0, "decay_time_60": 60.0})
    assert outcome.message and outcome.values["decay_time_60"] >= outcome.values["decay_time_20"]
    for seed in range(300):
        drawn = known.complete("kick", {}, np.random.default_rng(seed))
        assert drawn["decay_time_60"] >= drawn["decay_time_20"]
        drawn = known.complete("kick", {"decay_time_60": 80.0}, np.random.default_rng(seed))
        assert drawn["decay_time_60"] == 80.0 >= drawn["decay_time_20"]


def test_nearly_all_real_sounds_are_feasible():
    """The values of the starter pack's kicks, percussion and toms are far from normal together."""
    with (Path(__file__).parents[1] / "audio/descriptors/reference.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = tuple(name for name in rows[0] if name != "path")
    labels = np.array([row["path"].split("/")[0] for row in rows])
    values = np.array([[float(row[name]) for name in names] for row in rows])
    known = ranges_of(names, values, labels, sorted(set(labels)))
    for kind in ("kick", "perc", "tom"):
        own = values[labels == kind]
        kept = [not known.feasible(kind, dict(zip(names, row, strict=True))).message for row in own]
        assert np.mean(kept) > 0.85
