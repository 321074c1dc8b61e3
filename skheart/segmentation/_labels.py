"""Tables of phases, and the phase of each frame."""

from __future__ import annotations

import numpy as np

__all__ = ["PHASES", "check_segmentation", "checked_tables", "phases_at", "table_of"]

PHASES = ("S1", "systole", "S2", "diastole")


def phases_at(segmentation, times):
    """Phase at each time as its number in `PHASES`, -1 where it is not known.

    Parameters
    ----------
    segmentation : DataFrame
        Columns `start` and `end` (s, in the recording) and `state`: one of `PHASES`, anything else
        is unknown.
    times : array of shape (n,)
        In s.

    Returns
    -------
    ndarray of int, shape (n,)

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
    times = np.asarray(times, float)
    order = np.argsort(segmentation["start"].to_numpy(float), kind="stable")
    starts = segmentation["start"].to_numpy(float)[order]
    ends = segmentation["end"].to_numpy(float)[order]
    states = segmentation["state"].astype(str).to_numpy()[order]
    codes = np.array([PHASES.index(state) if state in PHASES else -1 for state in states])
    if not len(starts):
        return np.full(len(times), -1)
    at = np.searchsorted(starts, times, side="right") - 1
    return np.where((at >= 0) & (times < ends[at]), codes[at], -1)


def check_segmentation(segmentation):
    """Raise unless it is a table of phases."""
    if missing := {"start", "end", "state"} - set(getattr(segmentation, "columns", ())):
        raise ValueError(
            "segmentation must be a DataFrame with the columns start, end and state; it has no "
            f"{', '.join(sorted(missing))}. Got {type(segmentation).__name__}. Leave out "
            "recordings whose segmentation is None."
        )


def table_of(phases, times, duration):
    """The table of a recording, from the phase of each frame and the times of their centres."""
    import pandas as pd

    first = np.flatnonzero(np.diff(phases, prepend=-1))
    between = (times[first[1:] - 1] + times[first[1:]]) / 2
    states = pd.Categorical.from_codes(phases[first], categories=list(PHASES))
    start = np.concatenate([[0.0], between])
    return pd.DataFrame({"start": start, "end": [*between, duration], "state": states}, copy=False)


def checked_tables(recordings, tables):
    """The segmentations as a list; a Series would be looked up by its index."""
    if not hasattr(tables, "__len__"):
        raise TypeError(
            "y must be a list with a segmentation (a DataFrame) or None for each recording. Got "
            f"{tables!r:.80} instead."
        )
    if len(recordings) != len(tables):
        raise ValueError(
            f"X has {len(recordings)} recordings and y {len(tables)} entries: give a segmentation "
            "or None for each."
        )
    tables = list(tables)
    for row, table in enumerate(tables):
        if table is not None:
            try:
                check_segmentation(table)
            except ValueError as error:
                raise ValueError(f"y at row {row}: {error}") from error
    return tables
