"""examples/ablations.py from data to table, with networks small enough for a test."""

import csv
import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import creativeml
from creativeml.cli import run
from creativeml.errors import CreativeMLError
from creativeml.evaluation.measure import as_points, comparable_kinds
from creativeml.files import sha256_file
from creativeml.training.ablation import VARIANTS, Ablation
from creativeml.training.config import ALL_CONTROLS


@pytest.fixture(scope="module")
def script():
    path = Path(creativeml.__file__).parent.parent / "examples" / "ablations.py"
    spec = importlib.util.spec_from_file_location("ablations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def described(drums, tmp_path_factory) -> Path:
    """The recordings with their hashes, as `prepare` would write them, and their descriptors."""
    data = tmp_path_factory.mktemp("described") / "data"
    shutil.copytree(drums, data)
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row | {"sha256": sha256_file(data / row["path"])} for row in csv.DictReader(file)]
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert run(["describe", "--data", str(data)]) == 0
    return data


def test_variants_are_trained_examined_and_set_beside_floor_and_ceiling(script, described, small, tmp_path):
    generator = replace(small.generator, controls=ALL_CONTROLS)
    critic = replace(small.critic, condition_dim=generator.condition_dim)
    ablation = Ablation(described, tmp_path / "all", replace(small, generator=generator, critic=critic), minutes=0.02)
    chosen = [v for v in VARIANTS if v.name in ("base", "base_seed_1", "no_overshoot", "wgan_lp")]
    # A variant that cannot be trained is told in the table and does not end the others.
    ablation.folder(chosen[2]).mkdir(parents=True)
    (ablation.folder(chosen[2]) / "run").write_text("")
    examiner = script.Examiner(described, 4)
    assert script.work_through(ablation, examiner, chosen)
    table = (tmp_path / "all/ablations.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    assert list(rows) == ["", "real", "start", "base", "base_seed_1", "wgan_lp", "no_overshoot", "noise"]
    assert "failed" in rows["wgan_lp"] and "is a file" in rows["wgan_lp"]
    assert rows["no_overshoot"].rstrip(" |").rpartition("| ")[2] in ("no difference", "helps", "harms", "mixed")
    figures = json.loads((ablation.folder(chosen[0]) / "result.json").read_text())["figures"]
    assert set(figures) == {"kad_log_mel", "kad_judge", "coverage", "recognised", "control_error"}
    # The same model gives the same figures again: nothing of the examination is left to chance.
    again = examiner.examine(ablation.folder(chosen[0]) / "run/last")
    assert {n: f["value"] for n, f in again.items()} == {n: f["value"] for n, f in figures.items()}


def test_the_figures_are_those_of_the_evaluation(script, described, small, tmp_path):
    """By `measure.realism`, which is what `creativeml evaluate` prints."""
    from creativeml.evaluation.measure import realism

    examiner = script.Examiner(described, 4)
    made = [examiner._heard(source) for source in (examiner._players.train, examiner._players.noise)]
    kinds = comparable_kinds(examiner._reference, made)
    assert len(as_points(made[1], "log_mel", kinds).values) == 8
    told = realism(examiner._reference, made[0], made[1], kinds, resamples=200, seed=0)["pooled"]
    for name in ("log_mel", "judge"):
        assert examiner.ceiling[f"kad_{name}"].interval == told[name]["kad"]


def test_unknown_variants_are_named(script):
    with pytest.raises(CreativeMLError, match="did you mean 'periods'"):
        script._named("period")
