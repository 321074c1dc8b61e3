"""Whether there is enough work to compile loops for it.

Importing numba and compiling takes seconds, and half a second where the machine code is kept on
disk. Below that the plain forms are faster. The choice depends on the work that is asked for and
not on what ran before, so that the same call gives the same result.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["COMPILE_WORK", "expected_recordings", "expecting"]

# Multiplications of convolutions from which on loops are compiled for them: 10 to 20 s of work.
# Compiling takes 2 to 8 s, or 0.5 s when the machine code is on disk, and saves 30 %.
COMPILE_WORK = 1e12

_expected = ContextVar("expected recordings", default=0)


@contextmanager
def expecting(n_recordings):
    """Let calls in this block count as parts of a call with so many recordings."""
    token = _expected.set(n_recordings)
    try:
        yield
    finally:
        _expected.reset(token)


def expected_recordings(n_recordings):
    """Recordings of a call, or of what it is a part of."""
    return max(n_recordings, _expected.get())
