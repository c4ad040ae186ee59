"""Which number format a device computes convolutions fastest in, at no audible cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


def fastest_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """bfloat16 where a CPU has instructions for it (AVX-512 bf16, AMX), else float32.

    Without them the same format is emulated, and slower than float32.
    """
    native = torch.device(device).type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if native else torch.float32


@contextlib.contextmanager
def denormals_flushed() -> Iterator[None]:
    """Within it numbers below 1e-38 count as 0, in threads that are started there too; afterwards as before.

    Decaying sounds are full of them, and some processors are slow on them: a tenth to a fifth of a training step.
    """
    smallest = torch.finfo(torch.float32).tiny
    before = float(torch.tensor([smallest]) * 0.5) == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
