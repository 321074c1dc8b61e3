"""Times of S1 and S2 on the time axis of an explanation."""

from __future__ import annotations

import numpy as np

from ._maps import cell_edges

__all__ = ["check_segmentations", "find_spans", "length", "repeat_starts"]


def check_segmentations(segmentation, explanations):
    """Return one segmentation table, or None, for each explanation."""
    if segmentation is None:
        return [None] * len(explanations)
    tables = [segmentation] if hasattr(segmentation, "columns") else list(segmentation)
    if len(tables) != len(explanations):
        raise ValueError(
            f"segmentation has {len(tables)} tables for {len(explanations)} recordings. Pass one "
            "for each, None where the times are not known."
        )
    for row, (table, explanation) in enumerate(zip(tables, explanations, strict=True)):
        if table is None:
            continue
        missing = {"start", "end", "state"} - {*getattr(table, "columns", ())}
        if missing:
            raise ValueError(
                f"segmentation of {explanation.recording} (table {row}) has no column "
                f"{' and no '.join(sorted(missing))}: it needs start and end (s) and state."
            )
        if explanation.times is None:
            raise ValueError(
                f"segmentation needs the times of the frames of {explanation.recording}: explain "
                "recordings with the whole pipeline, or pass the fitted LogMelTransformer as "
                "front_end."
            )
    return tables


def length(explanation):
    """Return the length of the time axis in seconds."""
    if explanation.signal is not None:
        return len(explanation.signal) / explanation.sr
    return float(cell_edges(explanation.times, len(explanation.times))[-1])


def repeat_starts(explanation):
    """Return the seconds at which a short recording, repeated to fill the signal, starts."""
    if explanation.signal is None or explanation.duration is None:
        return np.zeros(1)
    n = round(explanation.duration * explanation.sr)
    if not np.any(explanation.signal[n:]):  # not repeated, or padded with silence
        return np.zeros(1)
    return np.arange(0, len(explanation.signal), n) / explanation.sr


def find_spans(explanation, segmentation, state):
    """Return start and end of each S1 or S2 that starts inside the signal, in seconds, (n, 2)."""
    rows = segmentation.loc[segmentation["state"].astype(str) == state, ["start", "end"]]
    once = rows.to_numpy(float).reshape(-1, 2) - explanation.start
    once = once[np.argsort(once[:, 0], kind="stable")]
    starts = repeat_starts(explanation)
    found = []
    for start, stop in zip(starts, [*starts[1:], length(explanation)], strict=True):
        inside = (once[:, 0] >= 0) & (once[:, 0] + start < stop)
        found.append(np.minimum(once[inside] + start, stop))
    return np.concatenate(found)
