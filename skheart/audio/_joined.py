"""Several recordings of a patient as one, which knows of what it is made."""

from __future__ import annotations

import numpy as np

__all__ = ["JoinedRecording", "Pieces"]


class JoinedRecording(np.ndarray):
    """The samples of several recordings, one after another.

    Attributes
    ----------
    ends : tuple of int or None
        Where each of them ends. Slices and results of arithmetic do not know: None.
    """

    @classmethod
    def of(cls, recordings):
        """Join 1-D arrays of one type."""
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
        """The recordings that it is made of, as views; only where it knows its ends."""
        return np.split(np.asarray(self), self.ends[:-1])


class Pieces:
    """Recordings to be joined when `numpy.asarray` asks for it, and not before.

    Parameters
    ----------
    recordings : list of ndarray of shape (n_times,)
        What it is made of.
    """

    def __init__(self, recordings):
        self.recordings = recordings

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("recordings that are joined are always a copy: leave copy=False out")
        joined = np.concatenate(self.recordings)
        return joined if dtype is None else joined.astype(dtype, copy=False)
