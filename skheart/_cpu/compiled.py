"""Options of the compiled loops, and where compiled code is kept."""

from __future__ import annotations

from numba import njit
from numba.core.compiler_lock import global_compiler_lock

from .._utils.parallel import hold_at_fork

__all__ = ["compiled", "inlined"]

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
hold_at_fork(global_compiler_lock)


def compiled(function):
    """Compile a function with numba when it is first called.

    The machine code is kept on disk, or only in memory where no cache folder can be written.
    """
    try:
        return njit(**OPTIONS, cache=True)(function)
    except RuntimeError:  # numba found no folder for its cache
        return njit(**OPTIONS)(function)


def inlined(function):
    """Compile a function as part of those that call it, where more of its loops are vectorised."""
    return njit(**OPTIONS, inline="always")(function)
