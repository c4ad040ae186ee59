"""Steps in parts: it does not matter which processes take them, and whether one of those dies."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import nn

from creativeml.errors import CreativeMLError
from creativeml.training.minibatches import LoopConfig, train_minibatches
from creativeml.training.parts import own_places, part_name, seed_phase
from tests.training.small_runs import DRUM_VAE, GAN, WAVE_VAE, command, environment, state, train


def told(folder: Path, name: str) -> list[float]:
    """A figure at each recorded step."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line[name] for line in lines if name in line]


def way(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Distance of two states' weights."""
    weights = [name for name in first if name.startswith("module/") and first[name].is_floating_point()]
    return float(torch.cat([(first[name] - second[name]).flatten() for name in weights]).norm())


@pytest.mark.parametrize("training", [GAN, WAVE_VAE, DRUM_VAE], ids=["drum_gan", "wave_vae", "drum_vae"])
def test_two_processes_train_as_one_that_takes_both_parts(training, drums, tmp_path):
    flags = ("--data", drums, "--steps", 20, "--checkpoint-every", 20)
    train(*training, *flags, "--out", tmp_path / "two", processes=2)
    train(*training, *flags, "--out", tmp_path / "one", "--accumulate", 2)
    train(*training, *flags, "--out", tmp_path / "half")
    two, one, half = (state(tmp_path / name, 20) for name in ("two", "one", "half"))
    start = state(tmp_path / "one", 0)
    assert two.keys() == one.keys()
    assert way(two, one) < 2e-3 * way(one, start), "they differ by rounding"
    assert way(half, one) > 0.1 * way(one, start), "the other part's sounds count"
    for name in ("critic", "adversarial", "kl"):
        assert told(tmp_path / "two", name) == pytest.approx(told(tmp_path / "one", name), rel=1e-3, abs=1e-5)


def test_a_run_goes_on_with_fewer_processes_than_it_began_with(drums, tmp_path):
    flags = ("--data", drums, "--checkpoint-every", 5)
    train(*GAN, *flags, "--out", tmp_path / "whole", "--steps", 10, "--accumulate", 2)
    train(*GAN, *flags, "--out", tmp_path / "run", "--steps", 5, processes=2)
    train(*GAN, *flags, "--out", tmp_path / "run", "--steps", 10, "--resume")
    run, whole, start = state(tmp_path / "run", 10), state(tmp_path / "whole", 10), state(tmp_path / "whole", 5)
    assert way(run, whole) < 2e-3 * way(whole, start)


def test_processes_that_share_the_generators_weights_train_the_same_ones(drums, tmp_path):
    flags = ("--data", drums, "--checkpoint-every", 10)
    train(*GAN, *flags, "--out", tmp_path / "one", "--steps", 20, "--accumulate", 2)
    shared = ("--out", tmp_path / "shared", "--strategy", "fsdp")
    train(*GAN, *flags, *shared, "--steps", 10, processes=2)
    train(*GAN, *flags, *shared, "--steps", 20, "--resume", processes=2)
    shared, one, start = state(tmp_path / "shared", 20), state(tmp_path / "one", 20), state(tmp_path / "one", 10)
    assert {k: v.shape for k, v in shared.items()} == {k: v.shape for k, v in one.items()}
    assert way(shared, one) < 2e-3 * way(one, start)
    # What one strategy has kept goes on under the other.
    train(*GAN, *flags, "--out", tmp_path / "shared", "--steps", 22, "--resume")


@pytest.fixture(scope="module")
def whole(drums, tmp_path_factory) -> dict[str, torch.Tensor]:
    """Weights of two processes that nothing happened to."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(*GAN, "--data", drums, "--steps", 24, "--checkpoint-every", 4, "--out", out, processes=2)
    return state(out, 24)


@pytest.mark.parametrize("machines", [1, 2])
def test_a_worker_is_killed_and_the_run_finishes_with_the_same_weights(drums, whole, machines, tmp_path):
    """Two machines are two torchruns that meet by the network."""
    out = tmp_path / "run"
    arguments = (*GAN, "--data", drums, "--steps", 24, "--checkpoint-every", 4, "--out", out)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = None if machines == 1 else free.getsockname()[1]
    started = command(*arguments, processes=2 // machines, restarts=3, meeting=meeting)
    with contextlib.ExitStack() as ended:
        runs = []
        for machine in range(machines):
            said = (tmp_path / f"{machine}.txt").open("w+")
            run = subprocess.Popen(started, stdout=said, stderr=said, env=environment())
            runs.append((ended.enter_context(run), ended.enter_context(said)))
            ended.callback(run.terminate)  # leaving the block waits for it
        deadline = time.monotonic() + 200
        while not (out / "checkpoints" / "step-00000004.json").exists():
            assert time.monotonic() < deadline and all(run.poll() is None for run, _ in runs)
            time.sleep(0.02)
        workers = []
        for run, _ in runs:
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
            if not children.exists():
                pytest.skip("this system does not tell a process's children")
            workers += [int(pid) for pid in children.read_text().split()]
        os.kill(workers[-1], signal.SIGKILL)
        told = ""
        for run, said in runs:
            code = run.wait(timeout=300)
            said.seek(0)
            told += said.read()
            assert code == 0, told[-3000:]
    assert "going on from the last checkpoint" in told
    run_state = state(out, 24)
    assert [name for name in whole if not torch.equal(whole[name], run_state[name])] == []
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_accumulated_parts_of_a_small_training_are_one_batch():
    torch.manual_seed(0)
    inputs, labels = torch.randn(64, 16), torch.arange(64) % 2

    def trained(batch_size: int, accumulate: int) -> torch.Tensor:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2))
        config = LoopConfig(20, batch_size, 0.1, optimizer="momentum", accumulate=accumulate)
        train_minibatches(model, lambda x, y: F.cross_entropy(model(x), y), (inputs, labels), config)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    torch.testing.assert_close(trained(8, 4), trained(32, 1), atol=1e-5, rtol=1e-5)
    assert (trained(8, 1) - trained(32, 1)).norm() > 1e-2


def test_each_part_and_phase_has_random_numbers_of_its_own():
    drawn = {}
    for name in (
        part_name(0, 3, 0),
        part_name(0, 3, 1),
        part_name(0, 4, 0),
        part_name(1, 3, 0),
        part_name(0, 3, 0, 0.5),
    ):
        random = seed_phase(name)
        drawn[name] = (float(torch.rand(1)), float(torch.rand(1, generator=random)))
    assert len({value for pair in drawn.values() for value in pair}) == 10
    seed_phase(part_name(0, 3, 0))
    assert float(torch.rand(1)) == drawn[part_name(0, 3, 0)][0]


def test_parts_that_cannot_be_shared_are_refused():
    fabric = Fabric(accelerator="cpu", devices=1)
    assert list(own_places(fabric, 3)) == [0, 1, 2]

    class Three:
        world_size, global_rank = 3, 1

    assert list(own_places(Three(), 6)) == [2, 3]  # pyright: ignore[reportArgumentType]
    with pytest.raises(CreativeMLError, match="has 4 parts, which 3 processes cannot share equally; start 1, 2, 4"):
        own_places(Three(), 4)  # pyright: ignore[reportArgumentType]
