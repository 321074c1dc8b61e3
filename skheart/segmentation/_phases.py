"""Heart phases: segmentation tables and Viterbi decoding."""

from __future__ import annotations

import numpy as np

__all__ = [
    "PHASES",
    "check_segmentation",
    "check_segmentations",
    "decode_phases",
    "make_table",
    "phases_at",
]

PHASES = ("S1", "systole", "S2", "diastole")
# Shortest durations in s: at least 95% of the phases annotated in CirCor last as long.
MIN_DURATIONS = (0.048, 0.08, 0.048, 0.128)
P_NEXT = 0.1  # probability of the next phase in a frame, after the shortest duration


def phases_at(segmentation, times):
    """Return the phase at each time.

    Parameters
    ----------
    segmentation : DataFrame
        Columns `start` and `end` (s from the start of the recording) and `state`: one of `PHASES`;
        any other state is unknown.
    times : array of shape (n,)
        Times in s.

    Returns
    -------
    phases : ndarray of int of shape (n,)
        Index in `PHASES`; -1 where the phase is unknown.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from skheart.segmentation import phases_at
    >>> table = pd.DataFrame({"start": [0, 0.1], "end": [0.1, 0.3], "state": ["S1", "systole"]})
    >>> phases_at(table, [0.05, 0.1, 0.5]).tolist()
    [0, 1, -1]
    """
    check_segmentation(segmentation)
    table = segmentation.sort_values("start", kind="stable")
    codes = np.array([PHASES.index(state) if state in PHASES else -1 for state in table["state"]])
    at = np.searchsorted(table["start"].to_numpy(float), times, side="right") - 1
    if not len(table):
        return np.full(len(at), -1)
    return np.where((at >= 0) & (times < table["end"].to_numpy(float)[at]), codes[at], -1)


def check_segmentation(segmentation):
    """Raise a ValueError unless an object is a table of phases."""
    if missing := {"start", "end", "state"} - set(getattr(segmentation, "columns", ())):
        raise ValueError(
            "segmentation must be a DataFrame with the columns start, end and state; it has no "
            f"{', '.join(sorted(missing))}. Got {type(segmentation).__name__}. Leave out "
            "recordings whose segmentation is None."
        )


def check_segmentations(recordings, tables):
    """Return the segmentations of recordings as a list of tables and None."""
    if not hasattr(tables, "__len__"):
        raise TypeError(
            "y must be a list with a segmentation (a DataFrame) or None for each recording. Got "
            f"{tables!r:.80} instead."
        )
    if len(recordings) != len(tables):
        raise ValueError(
            f"X has {len(recordings)} recordings and y {len(tables)} entries. Give a segmentation "
            "or None for each recording."
        )
    tables = list(tables)  # a Series would be looked up by its index
    for row, table in enumerate(tables):
        if table is not None:
            try:
                check_segmentation(table)
            except ValueError as error:
                raise ValueError(f"y at row {row}: {error}") from error
    return tables


def make_table(phases, times, duration):
    """Make a segmentation table from the phase of each frame and the times of the frame centres."""
    import pandas as pd

    first = np.flatnonzero(np.diff(phases, prepend=-1))
    boundaries = (times[first[1:] - 1] + times[first[1:]]) / 2
    states = pd.Categorical.from_codes(phases[first], categories=list(PHASES))
    start, end = [0.0, *boundaries], [*boundaries, duration]
    return pd.DataFrame({"start": start, "end": end, "state": states}, copy=False)


def find_best_path(likelihood, transition):
    """Find the most probable sequence of states with the Viterbi algorithm.

    Equal to `librosa.sequence.viterbi`, which compiles for 20 s when it is first imported. All
    states are equally probable at the start.

    Parameters
    ----------
    likelihood : ndarray of shape (n_states, n_frames)
        Likelihood of each state.
    transition : ndarray of shape (n_states, n_states)
        Probability of each state (column) after each other (row).

    Returns
    -------
    ndarray of int of shape (n_frames,)
    """
    tiny = np.finfo(likelihood.dtype).tiny
    log_likelihood = np.log(likelihood.T + tiny)
    log_transition = np.log(transition.T + np.finfo(transition.dtype).tiny)
    n_frames, n_states = log_likelihood.shape
    states = np.arange(n_states)
    previous = np.empty((n_frames, n_states), np.intp)
    value = log_likelihood[0] - np.log(n_states)
    for frame in range(1, n_frames):
        candidates = value + log_transition
        previous[frame] = candidates.argmax(axis=1)
        value = log_likelihood[frame] + candidates[states, previous[frame]]
    path = np.empty(n_frames, np.intp)
    path[-1] = value.argmax()
    for frame in range(n_frames - 1, 0, -1):
        path[frame - 1] = previous[frame, path[frame]]
    return path


def decode_phases(probabilities, step):
    """Find the most probable sequence of phases with the Viterbi algorithm.

    `probabilities` has the shape (4, n_frames); `step` is the time between frames in s. Only the
    first and the last phase of the result may be shorter than `MIN_DURATIONS`.
    """
    n_states = np.array([max(1, round(shortest / step)) for shortest in MIN_DURATIONS])
    phase = np.repeat(np.arange(len(n_states)), n_states)
    last = np.cumsum(n_states) - 1
    transition = np.eye(len(phase), k=1)
    transition[last] = 0
    transition[last, last] = 1 - P_NEXT
    transition[last, (last + 1) % len(phase)] = P_NEXT
    likelihood = np.clip(probabilities, 1e-6, 1)[phase]
    return phase[find_best_path(likelihood, transition)].astype(np.int64)
