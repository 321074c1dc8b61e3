"""Read the segmentations of CirCor: lines of start, end (s) and state."""

from __future__ import annotations

import os

import numpy as np

from ._read_table import read_file

_STATES = ["unannotated", "S1", "systole", "S2", "diastole"]  # by published code, 0 to 4


def read_segmentations(folder, stems):
    """Return a DataFrame for each recording, or None without a file."""
    import pandas as pd

    names = set(os.listdir(folder))
    states = pd.CategoricalDtype(_STATES)
    return [
        _read_segmentation(os.path.join(folder, f"{stem}.tsv"), states)
        if f"{stem}.tsv" in names
        else None
        for stem in stems
    ]


def _read_segmentation(path, states):
    import pandas as pd

    data = read_file(path)
    try:
        start, end, code = np.array(data.split(), dtype=float).reshape(-1, 3).T
        codes = np.flatnonzero(np.arange(len(_STATES)) == code[:, np.newaxis]) % len(_STATES)
        valid = len(codes) == len(code) and ((start >= 0) & (start <= end) & (end < np.inf)).all()
    except ValueError:
        valid = False
    if not valid:
        raise _find_fault(path, data)
    state = pd.Categorical.from_codes(codes.astype(np.int8), dtype=states)
    return pd.DataFrame({"start": start, "end": end, "state": state}, copy=False)


def _find_fault(path, data):
    """Return the error for the first line that is not a segment."""
    lines = enumerate(data.splitlines(), start=1)
    faults = ((number, line, _fault_of(line.split())) for number, line in lines)
    unknown = (1, data[:80], "start, end and state must be numbers")
    number, line, rule = next((fault for fault in faults if fault[-1] is not None), unknown)
    return ValueError(
        f"{path}, line {number}: not a segmentation: {rule}. Got "
        f"{line.decode('utf-8', 'replace')!r} instead. Correct it, or remove the file to load the "
        f"recording without a segmentation."
    )


def _fault_of(cells):
    """Return the rule that a line breaks, or None."""
    if len(cells) not in (0, 3):
        return "there must be a start, an end and a state in each line"
    try:
        start, end, code = map(float, cells or (0, 0, 0))
    except ValueError:
        return "start, end and state must be numbers"
    if not 0 <= start < float("inf") or not end < float("inf"):
        return "times must be finite and not negative"
    if end < start:
        return "a segment must not end before it starts"
    return None if code in range(len(_STATES)) else "the state must be 0, 1, 2, 3 or 4"
