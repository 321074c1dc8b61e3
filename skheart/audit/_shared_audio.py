"""Search for recordings that hold the same audio."""

from __future__ import annotations

import os
from functools import lru_cache
from numbers import Integral, Real

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_scalar

from .._utils.parallel import track
from .._utils.validation import check_groups
from ..audio import (
    FINGERPRINT_RATE,
    as_recording_list,
    fingerprint,
    is_path,
    load_samples,
    match_fingerprints,
    read_recording,
)
from ._overlap import shared_runs

__all__ = ["check_recordings", "find_shared_audio", "is_window", "merge_groups", "path_of"]

_TIMES = ["seconds", "first_start", "first_stop", "second_start", "second_stop"]
_COLUMNS = ["first", "second", "kind", *_TIMES, "correlation", "first_path", "second_path"]
_DTYPES = {"first": np.intp, "second": np.intp, **dict.fromkeys([*_TIMES, "correlation"], float)}
_EDGE = 0.25  # s that identical recordings may miss at either end


def find_shared_audio(recordings, *, sr=4000, min_seconds=2.0, verbose=0):
    """Find recordings that share audio, wholly or in part, from their samples.

    Names, formats, sampling rates, gain, polarity, offset and rounding to 16 bits do not matter,
    nor where a part was cut out. Recordings are resampled to 1 kHz and fingerprinted: the
    half-second around each peak in energy is described, and similar descriptions suggest pairs of
    recordings with a lag. A pair is reported if its samples correlate at that lag in every fifth
    of a second, for at least `min_seconds`. The time grows nearly in proportion to the number of
    recordings: about 15 s for 8 hours of sound on one core.

    Parameters
    ----------
    recordings : list or array of n paths or 1-D arrays, or list of (path, start, stop)
        Recordings, or windows of them from `start` to `stop` seconds.
    sr : int, default=4000
        Sampling rate of arrays in Hz. Files have their own.
    min_seconds : float, default=2.0
        Shortest part to report, at least 1 s. Shorter recordings are compared as a whole. Parts
        of less than 2 s may be missed.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    shared : DataFrame
        One row per stretch that two recordings share, the longest first: `first` and `second`
        (rows of `recordings`, the smaller first), `kind` ("identical" if it is all of both, else
        "overlap"), `seconds`, `first_start`, `first_stop`, `second_start`, `second_stop` (s from
        the start of each, to within 0.2 s), `correlation` (at 1 kHz, after the first difference),
        `first_path` and `second_path` (None for arrays).

    Raises
    ------
    TypeError, ValueError
        If a parameter is invalid, `recordings` is not a list of paths, arrays or windows, or a
        window is empty.

    Notes
    -----
    Silence, a pure tone and a single click never match. Audio that was changed in speed, reversed,
    strongly filtered or mixed with noise less than about 10 dB below it is not found; nor is a
    copy at a rate below about 800 Hz, which lost part of the band. Each place is compared with
    the 127 most similar ones.

    Examples
    --------
    >>> from skheart.audit import find_shared_audio
    >>> from skheart.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(3, recordings_per_subject=1, random_state=0).data
    >>> part = 0.3 * sounds[1][6000:18000]  # 1.5 to 4.5 s
    >>> shared = find_shared_audio([*sounds, part])
    >>> shared[["first", "second", "kind", "seconds", "first_start"]].values.tolist()
    [[1, 3, 'overlap', 3.0, 1.5]]
    """
    import pandas as pd

    check_scalar(sr, "sr", Integral, min_val=1)
    if not isinstance(min_seconds, Real) or not 1 <= min_seconds < np.inf:
        raise ValueError(
            f"min_seconds must be a number of at least 1. Got {min_seconds!r}; shorter parts may "
            "agree by chance. Try 2.0."
        )
    recordings = check_recordings(recordings)
    prints = [fingerprint(*samples) for samples in _read(recordings, sr, verbose)]
    rows = []
    for i, j, candidates in match_fingerprints(prints):
        paths = path_of(recordings[i]), path_of(recordings[j])
        stretches = _find_stretches(prints[i].signal, prints[j].signal, candidates, min_seconds)
        rows += [(i, j, *stretch, *paths) for stretch in stretches]
    # An empty table gets the dtypes of a filled one.
    shared = pd.DataFrame(rows, columns=_COLUMNS, dtype=object).astype(_DTYPES)
    ascending = [False, True, True]
    return shared.sort_values(
        ["seconds", "first", "second"], ascending=ascending, ignore_index=True
    )


def merge_groups(groups, shared):
    """Merge subjects whose recordings share audio into one group.

    Two subjects with the same recording are one person, or a mistake in the table. Either way,
    a split must keep them on one side.

    Parameters
    ----------
    groups : array-like of shape (n,)
        Subject of each recording.
    shared : DataFrame
        Result of :func:`find_shared_audio` for these recordings.

    Returns
    -------
    merged : ndarray of shape (n,)
        `groups`, in which merged subjects have the name of the one that comes first.

    Raises
    ------
    ValueError
        If `shared` names a recording that has no group.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.audit import find_shared_audio, merge_groups
    >>> rng = np.random.default_rng(0)
    >>> a, b, c = rng.normal(size=(3, 12000))
    >>> shared = find_shared_audio([a, b, c, 0.5 * a])
    >>> merge_groups(["anna", "bert", "carl", "dora"], shared).tolist()
    ['anna', 'bert', 'carl', 'anna']
    """
    groups = check_groups(groups)
    first, second = (shared[name].to_numpy() for name in ("first", "second"))
    largest = max(first.max(initial=0), second.max(initial=0))
    if largest >= len(groups):
        raise ValueError(
            f"groups has {len(groups)} values, but shared names recording {largest}. Pass the "
            "groups of the recordings that were searched."
        )
    names, code = np.unique(groups, return_inverse=True)
    code = code.astype(np.int32)  # SciPy below 1.13 needs 32-bit indices
    links = coo_array((np.ones(len(shared)), (code[first], code[second])), (len(names),) * 2)
    part = connected_components(links, directed=False)[1][code]
    _, earliest, part = np.unique(part, return_index=True, return_inverse=True)
    return groups[earliest[part]]


def check_recordings(recordings):
    """Return recordings or windows as a list, or raise an error."""
    listed = isinstance(recordings, (list, tuple)) and len(recordings) > 0
    if listed and all(map(is_window, recordings)):
        for row, (path, start, stop) in enumerate(recordings):
            _check_window(row, path, start, stop)
        return list(recordings)
    items = as_recording_list(recordings)
    if items is not None:
        return items
    if getattr(recordings, "ndim", None) == 2:
        return list(np.asarray(recordings))
    raise TypeError(
        f"recordings must be a list of paths, 1-D arrays or windows (path, start, stop). Got "
        f"{type(recordings).__name__}."
    )


def is_window(item):
    """Whether an item has the form (path, start, stop)."""
    return isinstance(item, (list, tuple)) and len(item) == 3 and is_path(item[0])


def path_of(item):
    """Return the path of a recording or window, or None for an array."""
    path = item[0] if is_window(item) else item
    return os.fspath(path) if is_path(path) else None


def _check_window(row, path, start, stop):
    if not isinstance(start, Real) or not isinstance(stop, Real):
        raise TypeError(
            f"The window at row {row} is {(path, start, stop)!r}. Pass (path, start, stop), with "
            "start and stop in seconds."
        )
    if not 0 <= start < stop:
        raise ValueError(
            f"The window at row {row} of '{path}' is from {start} to {stop} s: start must be at "
            "least 0, and below stop."
        )


def _read(recordings, sr, verbose):
    """Yield samples and sampling rate of each recording or window."""
    read = lru_cache(maxsize=1)(read_recording)  # consecutive windows of one file
    for row, item in enumerate(track(recordings, len(recordings), "audio", verbose)):
        path = path_of(item)
        if path is None:
            yield load_samples(item, row, sr), sr
            continue
        samples, rate = read(path)
        if is_window(item):
            start, stop = item[1:]
            part = samples[round(start * rate) : round(stop * rate)]
            if not len(part):
                raise ValueError(
                    f"The window at row {row} of '{path}' from {start} to {stop} s is empty: the "
                    f"recording lasts {len(samples) / rate:.2f} s. Leave the window out."
                )
            samples = part
        yield samples, rate


def _find_stretches(a, b, candidates, min_seconds):
    """Yield kind, length, ends and correlation of the stretches that two signals share."""
    shorter = min(len(a), len(b)) / FINGERPRINT_RATE
    # Blocks begin where one recording does: a part may lose most of one at either end.
    least = max(min(min_seconds, shorter) - 0.4, 0.5) * FINGERPRINT_RATE
    runs = [run for lag, place in candidates for run in shared_runs(a, b, lag, place, least)]
    kept = []
    for start, stop, lag, correlation in sorted(runs, key=lambda run: run[0] - run[1]):
        inside = [min(stop, k[1]) - max(start, k[0]) > 0.5 * (stop - start) for k in kept]
        if not any(inside):
            kept.append((start, stop, lag, correlation))
    for start, stop, lag, correlation in kept:
        ends = np.array([start, stop, start - lag, stop - lag]) / FINGERPRINT_RATE
        gaps = ends - np.array([0, len(a), 0, len(b)]) / FINGERPRINT_RATE
        kind = "identical" if np.abs(gaps).max() <= _EDGE else "overlap"
        ends = np.clip(ends, 0, None).round(3).tolist()
        yield kind, round((stop - start) / FINGERPRINT_RATE, 3), *ends, round(correlation, 4)
