"""The plan for many machines: its simulation agrees with what is known in closed form."""

import importlib.util
import math
import sys

import pytest

from creativeml.files import project_folder


@pytest.fixture(scope="module")
def plan():
    path = project_folder("examples") / "large_scale.py"
    spec = importlib.util.spec_from_file_location("large_scale", path)
    module = sys.modules["large_scale"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_failures_only_the_writing_is_lost(plan):
    share = plan.goodput(600.0, 60.0, 120.0, 1e12, 4)
    assert share == pytest.approx(600 / 660, rel=2e-3)


@pytest.mark.parametrize(("write_s", "failures_s"), [(20.0, 20_000.0), (60.0, 40_000.0)])
def test_useful_time_is_that_of_the_closed_form_and_best_near_its_interval(plan, write_s, failures_s):
    """Daly 2006, equation 20: with failures at random the time for useful work is known exactly."""
    restart_s = 120.0
    shares = {}
    for interval_s in plan.intervals(failures_s, write_s):
        shares[interval_s] = plan.goodput(interval_s, write_s, restart_s, failures_s, 2000)
        turn = failures_s * math.expm1((interval_s + write_s) / failures_s)
        expected = interval_s / (turn * (1 + restart_s / failures_s))
        assert shares[interval_s] == pytest.approx(expected, abs=6e-3)
    best = max(shares, key=lambda i: shares[i])
    assert 0.4 < best / math.sqrt(2 * write_s * failures_s) < 2.5


def test_a_manifest_of_the_plan_is_read_as_a_dataset(plan, tmp_path):
    from creativeml.data.one_shots import read_dataset

    plan.write_manifest(tmp_path, 30)
    assert len(read_dataset(tmp_path).rows) == 30
