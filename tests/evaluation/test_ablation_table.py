"""The table of an ablation: verdicts follow from the figures, failures and unchanged runs are said."""

import csv
import io

import numpy as np

from creativeml.evaluation.ablation_table import Row, comma_separated, markdown, verdicts
from creativeml.evaluation.points import Redrawn


def figure(value: float, spread: float = 0.1) -> Redrawn:
    return Redrawn(value, tuple(value + spread * np.random.default_rng(0).standard_normal(50)))


def row(name: str, kad: float, coverage: float, **more) -> Row:
    figures = {"kad_log_mel": figure(kad), "coverage": figure(coverage, 0.01), **more.pop("figures", {})}
    return Row(name, f"changes {name}", steps=10, sounds=160, figures=figures, **more)


ROWS = [
    Row("real", "the floor", figures={"kad_log_mel": figure(0.1)}, compared=False),
    row("base", 2.0, 0.5, unchanged=True),
    row("again", 2.2, 0.52, unchanged=True),
    row("good", 1.0, 0.51, settings=("critic.periods=2,3",), relative_cost=1.4),
    row("bad", 2.1, 0.3),
    row("both", 1.0, 0.3),
    row("neither", 2.1, 0.51, figures={"control_error": figure(1.0)}),
    Row("broken", "breaks", failure="the losses stay non-finite"),
]


def test_verdicts_are_those_of_the_figures():
    found = {r.name: set(verdicts(r, ROWS).items()) for r in ROWS[3:7]}
    assert found["good"] == {("kad_log_mel", "better"), ("coverage", "same")}
    assert found["bad"] == {("kad_log_mel", "same"), ("coverage", "worse")}
    # Control errors of the unchanged runs are not known: nothing can be said of them.
    assert found["neither"] == {("kad_log_mel", "same"), ("coverage", "same")}


def cells(text: str) -> dict[str, list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines}


def test_the_table_says_what_helped_and_what_it_cost():
    found = cells(markdown(ROWS, "About."))
    assert found["good"][-1] == "helps" and found["good"][1] == "1.40" and found["good"][2] == "160"
    assert found["good"][3].startswith("1.00 [") and found["good"][3].endswith("] +")
    assert found["bad"][-1] == "harms" and found["bad"][5].endswith("−")
    assert (found["both"][-1], found["neither"][-1]) == ("mixed", "no difference")
    assert found["broken"][-1] == "failed: the losses stay non-finite" and found["broken"][3] == "–"
    assert found["base"][-1] == "compared with" and found["real"][-1] == "" and found["real"][2] == ""


def test_with_one_unchanged_run_nothing_is_said():
    alone = [r for r in ROWS if r.name != "again"]
    assert cells(markdown(alone, ""))["good"][-1] == "two unchanged runs needed"


def test_every_figure_has_a_line_with_its_differences():
    lines = list(csv.DictReader(io.StringIO(comma_separated(ROWS))))
    good = next(line for line in lines if line["name"] == "good" and line["figure"] == "kad_log_mel")
    assert good["settings"] == "critic.periods=2,3" and good["verdict"] == "helps" and good["compared"] == "better"
    assert float(good["value minus base"]) == -1.0 and float(good["high minus again"]) < 0
    assert float(good["low"]) < 1.0 < float(good["high"])
    assert [line["verdict"] for line in lines if line["name"] == "broken"] == ["failed: the losses stay non-finite"]
    assert next(line for line in lines if line["name"] == "real")["value minus base"] in ("", None)
