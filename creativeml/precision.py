"""Which number format a device computes convolutions fastest in, at no audible cost."""

from __future__ import annotations

import torch


def fastest_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """bfloat16 where a CPU has instructions for it (AVX-512 bf16, AMX), else float32.

    Without them the same format is emulated, and slower than float32.
    """
    native = torch.device(device).type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if native else torch.float32
