"""Find the recordings that cannot be read before something is fitted to the others."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

import numpy as np
import soundfile

from ._reading import is_path, read_recording
from ._recordings import as_recording_list, load_samples
from ._warnings import ON_ERROR, warn_about_skipped

__all__ = ["ReadableRecordings", "find_readable", "reading_error"]


class ReadableRecordings(NamedTuple):
    """Result of :func:`find_readable`.

    Attributes
    ----------
    rows : ndarray of int of shape (n_readable,)
        Rows of the recordings that can be read, in order.
    skipped : list of (row, path, reason)
        The other rows; the path is None for an array. ``pandas.DataFrame(skipped,
        columns=["row", "path", "reason"])`` makes a table of it.
    """

    rows: np.ndarray
    skipped: list


def find_readable(recordings, *, on_error="warn", decode=True):
    """Find the recordings that can be read, to leave out the others before a split.

    A pipeline of scikit-learn returns one prediction per row, so it cannot leave out recordings by
    itself. Index the recordings, labels and groups with `rows` first; they stay aligned in any
    pipeline and splitter.

    Parameters
    ----------
    recordings : list, array, Series or one-column DataFrame
        Paths or arrays, as :class:`skheart.LogMelTransformer` takes them.
    on_error : {"raise", "warn", "skip"}, default="warn"
        Whether to raise the error of the first recording that cannot be read, to leave it out with
        one :class:`RecordingWarning` for all, or to leave it out silently.
    decode : bool, default=True
        False looks only at the headers of files, which is faster and misses damage further on.

    Returns
    -------
    found : ReadableRecordings
        `rows`, the rows to keep, and `skipped`, the others with their reasons.

    Raises
    ------
    OSError, ValueError
        If a recording cannot be read and ``on_error="raise"``, or if none can.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.audio import find_readable
    >>> recordings = [np.ones(4000), np.array([0.1, np.nan]), np.ones(8000)]
    >>> found = find_readable(recordings, on_error="skip")
    >>> found.rows
    array([0, 2])
    >>> found.skipped[0][2]
    'The recording at row 1 contains NaN, first at sample 1. Repair or remove it.'
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"on_error must be 'raise', 'warn' or 'skip'. Got {on_error!r} instead.")
    items = as_recording_list(recordings)
    items = list(recordings) if items is None else items
    skipped = []
    for row, item in enumerate(items):
        error = reading_error(item, row, decode)
        if error is not None and on_error == "raise":
            raise error
        if error is not None:
            skipped.append((row, os.fspath(item) if is_path(item) else None, str(error)))
    if len(skipped) == len(items):
        raise ValueError(
            f"None of {len(items)} recordings can be read. The first error is: {skipped[0][2]}"
        )
    if on_error == "warn":
        warn_about_skipped([reason for _, _, reason in skipped], stacklevel=2)
    rows = np.setdiff1d(np.arange(len(items)), [row for row, _, _ in skipped])
    return ReadableRecordings(rows.astype(np.intp), skipped)


def reading_error(item, row, decode):
    """Return why a recording cannot be read, or None."""
    try:
        if not is_path(item):
            load_samples(item, row, None)
            return None
        if not decode and _has_header(item):
            return None
        read_recording(item)
    except (OSError, ValueError) as error:
        return error
    return None


def _has_header(path):
    """Return whether libsndfile finds samples by the header of a regular file."""
    with contextlib.suppress(OSError, ValueError, TypeError, soundfile.SoundFileError):
        return os.path.isfile(path) and soundfile.info(os.fsencode(path)).frames > 0
    return False
