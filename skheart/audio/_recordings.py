"""Accept recordings in all forms that users have: paths, arrays, lists, Series, DataFrames."""

from __future__ import annotations

import numbers
import warnings

import numpy as np

from .._utils.containers import known_container
from ._decoding import check_rate
from ._reading import LOUD, check_finite, is_path, read_recording, resample, warn_if_loud
from ._warnings import RecordingWarning

__all__ = [
    "as_float",
    "as_recording_list",
    "is_pair",
    "load_samples",
    "recording_name",
    "validate_recordings",
]

_FORMS = (
    "Pass a path (str or Path), a 1-D array of numbers, or a tuple (samples, rate) for each "
    "recording."
)
_STRIDE = 64  # of the samples that are looked at for their units


def validate_recordings(estimator, X, reset):
    """Return the recordings in X as a list or 2-D array; `reset` is True in `fit`.

    Sets or checks `n_features_in_` and `feature_names_in_` of the estimator if X is 2-D.
    """
    X = known_container(X)
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

    X is a list, tuple, array, pandas Series, Index or one-column DataFrame. A recording may also be
    a tuple of samples and their rate. Returns None if X must be validated as a 2-D array of
    numbers.
    """
    X = known_container(X)
    if is_path(X) or isinstance(X, bytes):
        raise TypeError(f"X must be a list of recordings. Got the path {X!r}: pass [path].")
    items = _items(X)
    if items is None:
        return None
    if not items:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 recording is required.")
    first = items[0]
    if len(items) == 2 and is_pair(items):
        raise ValueError(
            "X must be a list of recordings. Got one recording with its rate: pass "
            "[(samples, rate)]."
        )
    if isinstance(first, (list, tuple)) and not is_pair(first):
        return _paths_in_rows(items)
    if all(isinstance(item, (numbers.Number, np.bool_)) for item in items):
        raise ValueError(
            f"Expected 2D array, got 1D array instead: {len(items)} numbers. Reshape your data: "
            "pass [recording] if it is one recording, a list of 1-D arrays if it holds several."
        )
    for row, item in enumerate(items):
        if not (is_path(item) or _is_array(item) or is_pair(item)):
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
        known = any(is_path(item) or _is_array(item) or is_pair(item) for item in items)
        return items if known else None
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

    A file or a pair of samples and their rate is resampled to `sr` in Hz; another array must have
    that rate. `row` is its row in X, for messages. With ``finite=False`` an array may contain NaN;
    files and resampled arrays are always checked.
    """
    if is_path(recording):
        return read_recording(recording, sr)[0]
    name, rate = f"The recording at row {row}", None
    if is_pair(recording):
        recording, rate = pair_in_order(recording)
        check_rate(rate, name)
    samples = np.asarray(known_container(recording, name))
    if samples.ndim == 2 and 1 in samples.shape:
        samples = samples.reshape(-1)
    _check_array(samples, name)
    if samples.dtype.kind == "O":
        samples = _numbers(samples, name)
    needs_rate = rate is not None and sr is not None and rate != sr
    if finite or needs_rate:
        check_finite(samples, name)
    _check_units(samples, name)
    if not needs_rate:
        return samples
    return resample(as_float(samples), rate, sr, name)[0]


def is_pair(item):
    """Return whether an item is a recording with its rate: (samples, rate) or (rate, samples)."""
    if not isinstance(item, (list, tuple)) or len(item) != 2:
        return False
    return sum(_is_number(value) for value in item) == 1 and any(
        _is_array(value) or isinstance(value, (list, tuple)) for value in item
    )


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def pair_in_order(pair):
    """Return samples and rate of a pair; in `scipy.io.wavfile.read` the rate is first."""
    samples, rate = pair if _is_number(pair[1]) else pair[::-1]
    return samples, rate


def _check_array(samples, name):
    """Raise if an array cannot hold the samples of a recording."""
    if samples.ndim != 1:
        raise ValueError(
            f"{name} has shape {samples.shape}, but a recording must be a 1-D array of samples. "
            "Pass one channel, for example samples[:, 0], or their mean."
        )
    if samples.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is complex. Pass its real part.")
    if samples.dtype.kind not in "biufO":
        raise ValueError(f"{name} has dtype {samples.dtype}, not numbers. {_FORMS}")
    if not samples.size:
        raise ValueError(f"{name} is empty. Remove it.")


def _numbers(samples, name):
    try:
        return samples.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not an array of numbers: {error}. {_FORMS}") from error


def _check_units(samples, name):
    """Warn about samples that are not in the units that their type says."""
    kind, size = samples.dtype.kind, samples.dtype.itemsize
    if kind == "f":
        peak = np.abs(samples[::_STRIDE]).max()  # of some: loud recordings are loud all over
        if peak > LOUD:
            warn_if_loud(float(np.abs(samples).max()), name)
    elif kind == "i" and size > 2:
        peak = max(int(samples.max()), -int(samples.min()))
        if 0 < peak <= 2 ** (8 * size - 17):
            warnings.warn(
                f"{name} has integers of {8 * size} bits that stay within 1/65536 of their range "
                f"(up to {peak}), by which they are divided. If they have fewer bits, convert them "
                "to a smaller type, for example with X.astype(np.int16), or to floats in [-1, 1].",
                RecordingWarning,
                stacklevel=3,
            )


def as_float(samples):
    """Return samples as floats; integers are divided by the range of their type.

    Unsigned integers are centred first, as in 8-bit WAV files. float32 and float64 are unchanged;
    other types become float64.
    """
    dtype = samples.dtype
    if dtype.kind not in "iu":
        return samples if dtype in (np.float32, np.float64) else samples.astype(np.float64)
    full = 2.0 ** (8 * dtype.itemsize - 1)
    samples = samples.astype(np.float64)
    if dtype.kind == "u":
        samples -= full
    samples /= full
    return samples
