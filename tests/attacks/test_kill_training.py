"""A few of the kills of `kill_training.py`, and the moments that a random one hardly meets."""

import random
import resource
import shutil
import subprocess

import pytest

from creativeml.models import from_pretrained
from tests.attacks.kill_training import Training, differences, killed_often, prepared
from tests.training.small_runs import GAN, command, environment

STEPS = 6


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A training, its run in one go, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("kills")
    training = Training(prepared(folder), STEPS)
    return training, folder / "whole", training.run(folder / "whole")


def test_kills_at_random_moments_lose_nothing(undisturbed, tmp_path):
    training, whole, seconds = undisturbed
    stages, _, runs, faults = killed_often(training, tmp_path / "run", whole, seconds, 3, random.Random(1))
    assert faults == [] and sum(stages.values()) >= 3 and runs >= 1


def test_killed_between_the_state_and_its_models(undisturbed, tmp_path):
    """No last model nor pictures of it, the best one aside with its successor ready, half a line, half a file."""
    training, whole, _ = undisturbed
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "last")
    shutil.rmtree(run / "reference" / f"step-{STEPS:08d}")
    (run / "best").rename(run / ".best.old")
    shutil.copytree(run / ".best.old", run / ".best.new")
    (run / "checkpoints" / ".step-00000009.abc.tmp.safetensors").write_bytes(b"half")
    (run / "checkpoints" / "step-00000007.safetensors").write_bytes(b"without its other half")
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 7, "critic": 0.3')
    training.run(run)
    left = differences(run, whole, STEPS)
    assert left == ["file checkpoints/step-00000007.safetensors"], "it goes with the next state"
    assert from_pretrained(run / "best") and from_pretrained(run / "last")


def test_a_full_disk_costs_no_run(undisturbed, tmp_path):
    """No file may grow beyond what the log needs: no state, no model can be written."""
    training, whole, _ = undisturbed
    run = tmp_path / "run"
    flags = ("--data", training.data, "--out", run, "--checkpoint-every", 2, "--validate-every", 3)

    def limited(steps: int, limit: int, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*GAN, *flags, "--steps", steps, *more),
            capture_output=True,
            text=True,
            env=environment(),
            timeout=300,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    done = limited(2, 50_000)
    assert done.returncode == 1 and "cannot be written (File too large); choose another --out" in done.stderr
    assert limited(2, resource.RLIM_INFINITY).returncode == 0
    done = limited(STEPS, 50_000, "--resume")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "step 4 could not be kept" in done.stderr and "the next checkpoint is tried again" in done.stderr
    assert "error: the run's end could not be kept" in done.stderr
    assert "step-00000002.json" in {path.name for path in (run / "checkpoints").iterdir()}
    assert limited(STEPS, resource.RLIM_INFINITY, "--resume").returncode == 0
    assert differences(run, whole, STEPS) == []
