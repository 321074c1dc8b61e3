"""The likeliest course of phases, each of which lasts for a while."""

from __future__ import annotations

import numpy as np

__all__ = ["decode"]

# Shortest durations in s: of CirCor's annotated phases, 95 % or more are as long.
SHORTEST = (0.048, 0.08, 0.048, 0.128)
LEAVE = 0.1  # probability of the next phase in a frame, once the shortest duration is over


def decode(probabilities, step):
    """Phase of each frame by Viterbi's algorithm.

    Parameters
    ----------
    probabilities : ndarray of shape (4, n_frames)
        Of the phases, in the order of the cycle.
    step : float
        Time from frame to frame in s.

    Returns
    -------
    ndarray of int of shape (n_frames,)
        In cyclic order; the first and the last phase may be shorter than others.
    """
    from librosa.sequence import viterbi

    n_states = np.array([max(1, round(shortest / step)) for shortest in SHORTEST])
    phase = np.repeat(np.arange(len(n_states)), n_states)
    last = np.cumsum(n_states) - 1
    transition = np.eye(len(phase), k=1)
    transition[last] = 0
    transition[last, last] = 1 - LEAVE
    transition[last, (last + 1) % len(phase)] = LEAVE
    likely = np.clip(probabilities, 1e-6, 1)[phase]
    return phase[viterbi(likely, transition)].astype(np.int64)
