"""Recordings that hold the same audio, found in the samples."""

from __future__ import annotations

import os
from numbers import Integral, Real

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .._utils.validation import check_groups
from ..audio import is_path, list_recordings, load_samples, read_recording
from ._fingerprints import RATE, alike, anchors, common_rate, describe
from ._overlap import shared_runs

__all__ = ["as_recordings", "find_shared_audio", "is_window", "merge_groups", "name_of"]

_COLUMNS = {
    "first": np.intp, "second": np.intp, "kind": object, "seconds": float, "first_start": float,
    "first_stop": float, "second_start": float, "second_stop": float, "correlation": float,
    "first_path": object, "second_path": object,
}  # fmt: skip
_LAGS = 6  # lags that are tried for a pair, those with most anchors first
_CLOSE = 8  # samples between lags that count as one
_EDGE = 0.25  # s that may be missing at either end of recordings that are called identical


def find_shared_audio(recordings, *, sr=4000, min_seconds=2.0, verbose=0):
    """Find recordings that are the same audio, wholly or in part, from their samples.

    Names, formats, sampling rates, gain, polarity, offset and rounding to 16 bits do not matter,
    nor where a part was cut out. Recordings are brought to 1 kHz, where heart sounds are whole.
    Anchors, the loudest places far and wide, are described by their surroundings of half a
    second; places that are alike give pairs of recordings and a lag, and a pair is told if its
    samples correlate at that lag in every fifth of a second, for at least `min_seconds`. The time
    grows nearly in proportion to the number of recordings: about 15 s for 8 hours of sound on one
    core.

    Parameters
    ----------
    recordings : list or array of n paths or 1-D arrays, or list of (path, start, stop)
        Recordings; or windows of them, from `start` to `stop` seconds.
    sr : int, default=4000
        Rate of arrays in Hz. Files say their own.
    min_seconds : float, default=2.0
        Shortest part to tell, at least 1 s; of recordings that are shorter, the whole. Parts of
        less than 2 s may be missed.
    verbose : int, default=0
        1 shows progress by recording on standard error.

    Returns
    -------
    shared : DataFrame
        A row for each stretch that two recordings share, the longest first: `first` and `second`
        (rows in `recordings`, the smaller first), `kind` ("identical" if it is all of both, else
        "overlap"), `seconds`, `first_start`, `first_stop`, `second_start`, `second_stop` (s from
        the start of each, to 0.2 s), `correlation` (at 1 kHz, after the first difference),
        `first_path` and `second_path` (None for arrays).

    Raises
    ------
    TypeError, ValueError
        If recordings are no list of paths, arrays or windows, or if a window is empty.

    Notes
    -----
    Silence, a pure tone and a single click are the same everywhere and tell nothing: they make no
    pair. Audio that was changed in speed, reversed in time, filtered hard or mixed with noise
    less than about 10 dB below it is not found; nor is a copy at a rate so low (below about
    800 Hz) that it lost a part of the band. A place is compared with the 127 that are most alike.

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

    _check(sr, min_seconds)
    recordings = as_recordings(recordings)
    signals = list(_signals(recordings, sr, verbose))
    places = [anchors(signal) for signal in signals]
    owner = np.repeat(np.arange(len(signals)), [len(p) for p in places])
    descriptions = [describe(*pair) for pair in zip(signals, places, strict=True) if len(pair[1])]
    rows = []
    if descriptions:
        pairs = alike(np.concatenate(descriptions), owner)
        for (i, j), candidates in _candidates(pairs, owner, np.concatenate(places)):
            paths = name_of(recordings[i]), name_of(recordings[j])
            rows += [(*row, *paths) for row in _verified(signals, i, j, candidates, min_seconds)]
    # The types are those of a table with rows, also where there is none.
    shared = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    return shared.sort_values(["seconds", "first", "second"], ascending=[False, True, True],
                              ignore_index=True)  # fmt: skip


def merge_groups(groups, shared):
    """Make one group of subjects whose recordings share audio.

    A splitter keeps on one side what has one group. Two subjects with the same recording are one
    person, or a mistake in the table; either way they belong on one side.

    Parameters
    ----------
    groups : array-like of shape (n,)
        The subject of each recording.
    shared : DataFrame
        What :func:`find_shared_audio` found in these recordings.

    Returns
    -------
    merged : ndarray of shape (n,)
        The groups; of subjects that belong together, that of the one who comes first.

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
    if len(shared) and max(first.max(), second.max()) >= len(groups):
        raise ValueError(
            f"groups has {len(groups)} values, but shared names recording "
            f"{max(first.max(), second.max())}. Pass the groups of the recordings searched."
        )
    names, at, code = np.unique(groups, return_index=True, return_inverse=True)
    links = coo_array((np.ones(len(shared)), (code[first], code[second])), (len(names),) * 2)
    part = connected_components(links, directed=False)[1]
    earliest = np.full(part.max() + 1, len(groups))
    np.minimum.at(earliest, part, at)
    return groups[earliest[part[code]]]


def as_recordings(recordings):
    """Recordings or windows as a list; an error says what is neither."""
    listed = isinstance(recordings, (list, tuple)) and len(recordings) > 0
    if listed and all(map(is_window, recordings)):
        for row, (path, start, stop) in enumerate(recordings):
            _check_window(row, path, start, stop)
        return list(recordings)
    items = list_recordings(recordings)
    if items is None:
        if getattr(recordings, "ndim", None) == 2:
            return list(np.asarray(recordings))
        raise TypeError(
            f"recordings is of type {type(recordings).__name__}. Pass a list of paths, of 1-D "
            "arrays of samples, or of windows (path, start, stop)."
        )
    return items


def is_window(item):
    """Whether an item has the form (path, start, stop)."""
    return isinstance(item, (list, tuple)) and len(item) == 3 and is_path(item[0])


def name_of(item):
    """The path of a recording or window; None of an array."""
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


def _check(sr, min_seconds):
    if not isinstance(sr, Integral) or sr < 1:
        raise ValueError(f"sr must be an int of at least 1 (Hz), got {sr!r}. Heart sounds: 4000.")
    if not isinstance(min_seconds, Real) or not 1 <= min_seconds < np.inf:
        raise ValueError(
            f"min_seconds must be a number of at least 1, got {min_seconds!r}. A shorter part "
            "cannot be told from chance; pass 2.0."
        )


def _signals(recordings, sr, verbose):
    """Each recording at the common rate; a file of several windows in a row is read once."""
    if verbose:
        from tqdm import tqdm

        recordings = tqdm(recordings, desc="audio", unit="recording")
    name = samples = rate = None
    for row, item in enumerate(recordings):
        path, start, stop = item if is_window(item) else (item, None, None)
        if not is_path(path):
            yield common_rate(load_samples(path, row, sr), sr)
            continue
        if path != name:
            name, (samples, rate) = path, read_recording(path)
        part = samples if start is None else samples[round(start * rate) : round(stop * rate)]
        if not len(part):
            raise ValueError(
                f"The window at row {row} of '{path}' starts at {start} s, and the recording "
                f"ends at {len(samples) / rate:.2f} s. Leave it out."
            )
        yield common_rate(part, rate)


def _candidates(pairs, owner, places):
    """For each pair of recordings the lags to try: ((i, j), [(lag, place in i), ...])."""
    if not len(pairs):
        return
    first, second = owner[pairs].T
    at, other = places[pairs].T
    lag = at - other
    order = np.lexsort([lag, second, first])
    first, second, lag, at = (values[order] for values in (first, second, lag, at))
    change = np.flatnonzero(np.diff(first) | np.diff(second)) + 1
    for rows in np.split(np.arange(len(order)), change):
        clusters = np.split(rows, np.flatnonzero(np.diff(lag[rows]) > _CLOSE) + 1)
        clusters = sorted(clusters, key=len, reverse=True)[:_LAGS]
        middle = [rows[len(rows) // 2] for rows in clusters]
        yield (
            (int(first[rows[0]]), int(second[rows[0]])),
            [(int(lag[m]), int(at[m])) for m in middle],
        )


def _verified(signals, i, j, candidates, min_seconds):
    """Rows of the table for a pair: stretches that do not lie inside each other."""
    a, b = signals[i], signals[j]
    shorter = min(len(a), len(b)) / RATE
    # Blocks begin where one recording does: a part may lose most of one at either end.
    least = max(min(min_seconds, shorter) - 0.4, 0.5) * RATE
    runs = [run for lag, at in candidates for run in shared_runs(a, b, lag, at, least)]
    kept = []
    for start, stop, lag, correlation in sorted(runs, key=lambda run: run[0] - run[1]):
        inside = [min(stop, k[1]) - max(start, k[0]) > 0.5 * (stop - start) for k in kept]
        if not any(inside):
            kept.append((start, stop, lag, correlation))
    for start, stop, lag, correlation in kept:
        ends = np.array([start, stop, start - lag, stop - lag]) / RATE
        gaps = ends - [0, len(a) / RATE, 0, len(b) / RATE]
        kind = "identical" if np.abs(gaps).max() <= _EDGE else "overlap"
        ends = np.clip(ends, 0, None).round(3).tolist()
        yield i, j, kind, round((stop - start) / RATE, 3), *ends, round(correlation, 4)
