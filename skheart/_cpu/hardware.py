"""What the processor can do."""

from __future__ import annotations

import torch

__all__ = ["multiplies_bfloat16"]

INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}


def multiplies_bfloat16():
    """Whether the processor has instructions to multiply bfloat16 numbers.

    False where that cannot be found out: older versions of torch elsewhere than on Linux.
    """
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name) for name in INSTRUCTIONS)
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return not INSTRUCTIONS.isdisjoint(file.read().split())
    except OSError:
        return False
