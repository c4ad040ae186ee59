"""Who goes on with a run: whoever says --resume, and torchrun with a run of its own job; nobody else."""

import json

import pytest

from creativeml.cli import run as command_line
from creativeml.training.replicas import is_restart
from tests.training.small_runs import GAN, state

FLAGS = (*GAN, "--accelerator", "cpu", "--precision", "32-true", "--checkpoint-every", "2")


def trained(drums, out, steps, *more) -> int:
    return command_line(["train", *FLAGS, "--data", str(drums), "--out", str(out), "--steps", str(steps), *more])


@pytest.fixture
def torchrun(monkeypatch):
    """As torchrun sets them, for one process."""

    def started(job: str, count: int) -> None:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", job)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(count))

    return started


def test_a_restart_goes_on_with_its_own_run_and_with_no_other(drums, tmp_path, torchrun, capsys):
    out = tmp_path / "run"
    torchrun("job-1", 0)
    assert trained(drums, out, 2) == 0
    # Somebody else's job, with a mistyped --out.
    torchrun("job-2", 1)
    assert trained(drums, out, 4) == 1 and "holds a run already" in capsys.readouterr().err
    torchrun("job-1", 1)
    assert trained(drums, out, 4) == 0 and "started again by torchrun" in capsys.readouterr().err
    assert state(out, 4)


def test_one_command_starts_and_goes_on(drums, tmp_path, capsys):
    out = tmp_path / "run"
    seed = ("--seed", str(2**31 - 1))
    assert trained(drums, out, 2, "--resume-or-start", *seed) == 0
    assert trained(drums, out, 2, *seed) == 1 and "holds a run already" in capsys.readouterr().err
    assert trained(drums, out, 4, "--resume-or-start", *seed) == 0
    assert json.loads((out / "config.json").read_text())["seed"] == 2**31 - 1 and state(out, 4)


def test_jobs_without_a_name_are_told_apart_by_their_restarts(torchrun):
    assert not is_restart("")
    torchrun("none", 0)
    assert not is_restart("none")
    torchrun("none", 1)
    assert is_restart("none") and not is_restart("other")
    torchrun("named", 0)
    assert is_restart("named"), "a machine that was booted anew joins its job"


def test_sharing_weights_is_for_generators_in_several_processes(drums, tmp_path, capsys):
    assert trained(drums, tmp_path / "run", 2, "--strategy", "fsdp") == 1
    assert "--strategy fsdp is for drum_gan in several processes" in capsys.readouterr().err
