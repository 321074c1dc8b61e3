"""Where S1 and S2 stand on the time axis of an explanation."""

from __future__ import annotations

import numpy as np

__all__ = ["check_segmentations", "length", "repeats", "spans"]


def check_segmentations(segmentation, explanations):
    """One table or None for each explanation."""
    if segmentation is None:
        return [None] * len(explanations)
    tables = [segmentation] if hasattr(segmentation, "columns") else list(segmentation)
    if len(tables) != len(explanations):
        raise ValueError(
            f"segmentation has {len(tables)} tables for {len(explanations)} recordings. Give one "
            "for each, None where the times are not known."
        )
    for row, (table, explanation) in enumerate(zip(tables, explanations, strict=True)):
        if table is None:
            continue
        missing = {"start", "end", "state"} - {*getattr(table, "columns", ())}
        if missing:
            raise ValueError(
                f"segmentation of {explanation.recording} (table {row}) has no "
                f"{' and no '.join(sorted(missing))}: it needs the columns start and end (s) and "
                "state."
            )
        explanation._check_times("segmentation")
    return tables


def length(explanation):
    """Length of the time axis in seconds."""
    if explanation.signal is not None:
        return len(explanation.signal) / explanation.sr
    return float(explanation.times[-1] + explanation._hop() / 2)


def repeats(explanation):
    """Seconds at which a short recording begins, the first time and each time anew."""
    if explanation.signal is None or explanation.duration is None:
        return np.zeros(1)
    n = round(explanation.duration * explanation.sr)
    # Filled up with silence, it does not begin anew.
    if n >= len(explanation.signal) or not np.any(explanation.signal[n:]):
        return np.zeros(1)
    return np.arange(0, len(explanation.signal), n) / explanation.sr


def spans(explanation, segmentation, state):
    """Start and end of each S1 or S2 in seconds from the start of the signal.

    Parameters
    ----------
    explanation : Explanation
        With times.
    segmentation : DataFrame
        `start` and `end` (s, in the recording) and `state`.
    state : str
        As "S1".

    Returns
    -------
    ndarray of shape (n, 2)
        Those that begin inside the signal, in the order of time.
    """
    rows = segmentation.loc[segmentation["state"].astype(str) == state, ["start", "end"]]
    once = rows.to_numpy(float).reshape(-1, 2) - explanation.start
    once = once[np.argsort(once[:, 0], kind="stable")]
    begins, end = repeats(explanation), length(explanation)
    ends = np.append(begins[1:], end)
    found = []
    for begin, stop in zip(begins, ends, strict=True):
        moved = once + begin
        inside = (moved[:, 0] >= begin) & (moved[:, 0] < stop)
        found.append(np.minimum(moved[inside], stop))
    return np.concatenate(found)
