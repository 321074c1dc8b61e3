"""Accept recordings in all forms that users have: paths, arrays, lists, Series, DataFrames."""

from __future__ import annotations

import numbers

import numpy as np

from ._reading import check_finite, is_path, read_recording

__all__ = ["as_recording_list", "load_samples", "recording_name", "validate_recordings"]

_FORMS = "Pass a path (str or Path) or a 1-D array of numbers for each recording."


def validate_recordings(estimator, X, reset):
    """Return the recordings in X as a list or 2-D array; `reset` is True in `fit`.

    Sets or checks `n_features_in_` and `feature_names_in_` of the estimator if X is 2-D.
    """
    recordings = as_recording_list(X)
    if recordings is None:
        from sklearn.utils.validation import validate_data

        # load_samples checks finiteness, to name the row.
        return validate_data(estimator, X, reset=reset, dtype="numeric", ensure_all_finite=False)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    return recordings


def as_recording_list(X):
    """Return recordings as a list of paths or of arrays.

    X is a list, tuple, array, pandas Series, Index or one-column DataFrame. Returns None if it must
    be validated as a 2-D array of numbers.
    """
    if is_path(X) or isinstance(X, bytes):
        raise TypeError(f"X must be a list of recordings. Got the path {X!r}: pass [path].")
    items = _items(X)
    if items is None:
        return None
    if not items:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 recording is required.")
    first = items[0]
    if isinstance(first, (list, tuple)):
        return _paths_in_rows(items)
    if all(isinstance(item, (numbers.Number, np.bool_)) for item in items):
        raise ValueError(
            f"Expected 2D array, got 1D array instead: {len(items)} numbers. Reshape your data: "
            "pass [recording] if it is one recording, a list of 1-D arrays if it holds several."
        )
    for row, item in enumerate(items):
        if not (is_path(item) or _is_array(item)):
            raise TypeError(f"The recording at row {row} is {_describe(item)}. {_FORMS}")
        if is_path(item) != is_path(first):
            raise TypeError(
                f"The recording at row {row} is {_describe(item)}, the one at row 0 is "
                f"{_describe(first)}. Pass either paths or arrays, not both."
            )
    return items


def _items(X):
    """Return the elements of a 1-D X or of a column of recordings, else None."""
    if isinstance(X, (list, tuple)):
        return list(X)
    ndim = getattr(X, "ndim", None)
    if ndim == 1:
        return list(X)
    if ndim != 2 or not (hasattr(X, "iloc") or isinstance(X, np.ndarray)) or not X.size:
        return None
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUST":
        return None
    columns = X.iloc if hasattr(X, "iloc") else X
    if X.shape[1] == 1:
        items = list(columns[:, 0])
        return items if any(is_path(item) or _is_array(item) for item in items) else None
    if any(map(is_path, columns[0])):
        raise ValueError(f"X has {X.shape[1]} columns with paths. Pass one column of paths.")
    return None


def _paths_in_rows(rows):
    """Return the paths in [[path], [path], ...]; None if rows form a 2-D array of numbers."""
    width = len(rows[0])
    for row, values in enumerate(rows):
        if not isinstance(values, (list, tuple)):
            raise TypeError(
                f"The recording at row {row} is {_describe(values)}, the one at row 0 is a list. "
                f"{_FORMS}"
            )
        nested = any(isinstance(value, (list, tuple)) or _is_array(value) for value in values)
        if nested or len(values) != width:
            what = "a nested list" if nested else f"a list of {len(values)} values, not {width}"
            raise ValueError(f"The recording at row {row} is {what}. {_FORMS}")
    return (
        as_recording_list([row[0] for row in rows]) if width == 1 and is_path(rows[0][0]) else None
    )


def _is_array(value):
    return hasattr(value, "__array__") and not isinstance(value, np.generic)


def _describe(value):
    return f"the path {value!r}" if is_path(value) else f"of type {type(value).__name__}"


def recording_name(recording, row):
    """Return the name of a recording in messages."""
    return f"'{recording}'" if is_path(recording) else f"The recording at row {row}"


def load_samples(recording, row, sr, finite=True):
    """Return the samples of one recording, a checked 1-D array of integers or floats.

    A file is read at the rate `sr` in Hz; an array must have that rate. `row` is its row in X, for
    messages. With ``finite=False`` an array may contain NaN; files are always checked.
    """
    if is_path(recording):
        return read_recording(recording, sr)[0]
    name = f"The recording at row {row}"
    samples = np.asarray(recording)
    if samples.ndim != 1:
        raise ValueError(
            f"{name} has shape {samples.shape}, but a recording must be a 1-D array of samples. "
            "Mix the channels, for example by their mean."
        )
    if samples.dtype.kind == "O":
        try:
            samples = samples.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is not an array of numbers: {error}. {_FORMS}") from error
    if samples.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is complex. Pass its real part.")
    if samples.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {samples.dtype}, not numbers. {_FORMS}")
    if not samples.size:
        raise ValueError(f"{name} is empty. Remove it.")
    if finite:
        check_finite(samples, name)
    return samples
