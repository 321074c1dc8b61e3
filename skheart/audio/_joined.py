"""Concatenated recordings that remember their boundaries."""

from __future__ import annotations

import numpy as np

__all__ = ["JoinedRecording", "LazyConcatenation"]


class JoinedRecording(np.ndarray):
    """Samples of several recordings, one after another.

    `ends` has the end of each recording; it is None in slices and results of arithmetic.
    """

    @classmethod
    def of(cls, recordings):
        """Concatenate 1-D arrays of one type."""
        joined = np.concatenate(recordings).view(cls)
        joined.ends = tuple(np.cumsum([len(recording) for recording in recordings]).tolist())
        return joined

    def __array_finalize__(self, other):
        self.ends = None

    def __reduce__(self):
        make, arguments, state = super().__reduce__()
        return make, arguments, (state, self.ends)

    def __setstate__(self, state):
        super().__setstate__(state[0])
        self.ends = state[1]

    def parts(self):
        """Return the recordings as views; `ends` must not be None."""
        return np.split(np.asarray(self), self.ends[:-1])


class LazyConcatenation:
    """Recordings, a list of 1-D arrays, that are concatenated when `numpy.asarray` is called."""

    def __init__(self, recordings):
        self.recordings = recordings

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("copy=False is not possible: recordings are concatenated as a copy.")
        joined = np.concatenate(self.recordings)
        return joined if dtype is None else joined.astype(dtype, copy=False)
