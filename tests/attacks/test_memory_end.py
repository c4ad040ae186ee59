"""When memory ends, in processes that may have no more than so many addresses: one line says what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from creativeml.memory import advice, ran_out

LIMITED = """
import resource, sys
import torch, numpy
from creativeml.cli import run
{before}
held = int(next(x for x in open("/proc/self/status") if x.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (held + ({more} << 20),) * 2)
sys.exit(run({arguments}))
"""


def run_limited(arguments: list[str], more: int, before: str = "") -> subprocess.CompletedProcess[str]:
    if not sys.platform.startswith("linux"):
        pytest.skip("limits of addresses are kept on Linux")
    code = LIMITED.format(arguments=arguments, more=more, before=before)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_generate_says_to_ask_for_less(tmp_path):
    """Torch's allocator gets no more for the sounds: a RuntimeError of no class of its own."""
    load = "import creativeml.cli.generate, creativeml; model = creativeml.load('drums')"
    done = run_limited(f"generate --kind kick --count 64 --out {tmp_path / 'out'}".split(), 30, load)
    assert done.returncode == 1, done.stderr
    line = done.stderr.strip()
    assert line == f"error: {advice('generate')}" and "--count" in line and "\n" not in line


def test_training_says_how_a_batch_gets_smaller(tmp_path):
    from creativeml.files import project_folder

    starter = project_folder("datasets") / "starter"
    prepared = subprocess.run(
        [sys.executable, "-m", "creativeml", "prepare", str(starter / "kick"), str(starter / "snare"), "--out",
         str(tmp_path / "data")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert prepared.returncode == 0, prepared.stderr
    arguments = f"train drum_gan --data {tmp_path / 'data'} --out {tmp_path / 'run'} --steps 2 --batch-size 512"
    done = run_limited(arguments.split(), 500)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert last == f"error: {advice('train')}" and "--batch-size" in last and "--accumulate" in last


def test_a_numpy_array_that_does_not_fit_is_told_apart_from_mistakes():
    import numpy as np
    import torch

    with pytest.raises(MemoryError) as numpy_says:
        np.empty(1 << 55)
    with pytest.raises(RuntimeError) as torch_says:
        torch.empty(1 << 55)
    assert ran_out(numpy_says.value) and ran_out(torch_says.value) and ran_out(OSError(12, "Cannot allocate memory"))
    assert ran_out(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"))
    with pytest.raises(RuntimeError) as mistake:
        torch.zeros(2) @ torch.zeros(3)
    assert not ran_out(mistake.value) and not ran_out(OSError(2, "No such file")) and not ran_out(ValueError("memory"))
