"""Recordings that a loader leaves out, with their reasons."""

from __future__ import annotations

import warnings

from ..audio import RecordingWarning, warn_about_skipped

COLUMNS = ["path", "reason"]


def leave_out_unreadable(frame, on_error, *, stacklevel):
    """Return the rows whose files have a readable header, and a table of the others.

    With ``on_error="raise"`` no file is opened: what reads the recordings raises.
    """
    import pandas as pd

    from ..audio import find_readable

    if on_error == "raise":
        return frame, pd.DataFrame(columns=COLUMNS, dtype=str)
    found = find_readable(list(frame["path"]), on_error="skip", decode=False)
    skipped = pd.DataFrame([row[1:] for row in found.skipped], columns=COLUMNS, dtype=str)
    if on_error == "warn":
        warn_about_skipped(skipped["reason"].tolist(), stacklevel=stacklevel + 1)
    return frame.iloc[found.rows].reset_index(drop=True), skipped


def warn_about_unlisted(folder, available, used, listed_in, *, stacklevel):
    """Warn about recordings of a folder that its table does not name; a count is enough."""
    unlisted = sorted(set(available) - set(used))
    if unlisted:
        warnings.warn(
            f"{folder}: {len(unlisted)} recording(s) are not listed in {listed_in} (first: "
            f"{unlisted[0]}); they are left out.",
            RecordingWarning,
            stacklevel=stacklevel + 1,
        )
