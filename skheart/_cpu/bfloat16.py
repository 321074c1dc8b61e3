"""bfloat16: whether the processor has it, and in compiled loops as its bits in uint16."""

from __future__ import annotations

import os

import llvmlite.binding
import numpy as np
from numba import types
from numba.extending import overload

__all__ = ["OPTIONS", "in_hardware", "like", "wide"]

# Compiled code is kept where Python keeps its own, beside this file, or else nowhere.
OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
    "cache": os.access(os.path.dirname(__file__), os.W_OK),
}


def in_hardware():
    """Whether this processor multiplies bfloat16 itself."""
    features = llvmlite.binding.get_host_cpu_features()
    return any(features.get(name) for name in ("avx512bf16", "amx-bf16"))


def wide(value):
    """float32 of an element that is float32, or bfloat16 as uint16."""
    return _widen(value) if isinstance(value, np.uint16) else value


def like(element, value):
    """A float32 in the type of an element, rounded to nearest even."""
    return _round(element, value) if isinstance(element, np.uint16) else np.float32(value)


def _widen(value):
    return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)


def _round(element, value):
    bits = np.float32(value).view(np.uint32)
    odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    bits = np.uint32(bits + np.uint32(np.uint32(0x7FFF) + odd))
    return np.uint16(bits >> np.uint32(16))


@overload(wide)
def _wide(value):
    return _widen if value == types.uint16 else lambda value: value


@overload(like)
def _like(element, value):
    return _round if element == types.uint16 else lambda element, value: np.float32(value)
