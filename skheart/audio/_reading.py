"""Recordings: read from sound files, or taken from arrays, one at a time."""

from __future__ import annotations

import numbers
import os

import numpy as np
import soundfile
import soxr

__all__ = ["read_recording"]


def read_recording(path, sr=None):
    """Read a sound file as one channel of float32 samples.

    Parameters
    ----------
    path : str or os.PathLike
        A file of any format that libsndfile reads (WAV, FLAC, OGG, AIFF, MP3, ...).
    sr : int, default=None
        Rate in Hz to which the samples are brought by soxr in high quality ("HQ").
        ``None`` keeps the rate of the file.

    Returns
    -------
    samples : ndarray of shape (n_times,), float32
        The mean of the channels. Integer formats are scaled to [-1, 1); float formats
        are taken as they are.
    rate : int
        The rate of `samples` in Hz.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        Where `path` is no file that may be read.
    ValueError
        Where the file is no sound file, holds no samples, or holds NaN or infinity.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np, soundfile
    >>> from skheart.audio import read_recording
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "heart.wav")
    ...     soundfile.write(path, np.zeros(8000), 2000)
    ...     samples, rate = read_recording(path, sr=4000)
    >>> samples.shape, samples.dtype, rate
    ((16000,), dtype('float32'), 4000)
    """
    if not is_path(path):
        raise TypeError(f"path must be a str or a path object. Got {path!r} instead.")
    if sr is not None and (not isinstance(sr, numbers.Integral) or sr < 1):
        raise ValueError(f"sr must be None or an int of at least 1 (Hz). Got {sr!r} instead.")
    path = os.fspath(path)
    samples, rate = _decode(path)
    if not samples.size:
        raise ValueError(f"'{path}' is an empty recording: the file holds no samples.")
    samples = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    check_finite(samples, f"'{path}'")
    if sr is None or sr == rate:
        return samples, rate
    samples = soxr.resample(samples, rate, sr, quality="HQ")
    if not samples.size:
        raise ValueError(f"'{path}' is an empty recording: it is shorter than a sample at {sr} Hz.")
    return samples, int(sr)


def _decode(path):
    """The samples of a file, (n_times, n_channels) float32, and their rate."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"'{path}' is a folder. Pass the sound files in it.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"'{path}' does not exist. Check the path and the working folder.")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"'{path}' may not be read by this user. Check its permissions.")
    if not os.path.getsize(path):
        raise ValueError(f"'{path}' is an empty recording: the file has 0 bytes.")
    try:
        with soundfile.SoundFile(path) as file:
            if file.subtype != "PCM_16":
                return file.read(dtype="float32", always_2d=True), file.samplerate
            # Reading integers and scaling them here is twice as fast, with the same result.
            samples = file.read(dtype="int16", always_2d=True)
            return np.multiply(samples, 2.0**-15, dtype=np.float32), file.samplerate
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise ValueError(
            f"'{path}' cannot be read as a sound file: {reason}. "
            "Convert it to WAV or FLAC, or leave it out."
        ) from error


def is_path(value):
    """Whether a value can name a file."""
    return isinstance(value, (str, os.PathLike))


def list_recordings(X):
    """Take the recordings out of the forms in which they may come.

    Parameters
    ----------
    X : list, tuple, array, pandas Series, Index or one-column DataFrame
        Paths or 1-D arrays.

    Returns
    -------
    recordings : list or None
        The recordings in their order, all paths or all arrays; ``None`` where `X` has
        another form, to be checked as a 2-D array of numbers.
    """
    if is_path(X) or isinstance(X, bytes):
        raise TypeError(f"X must hold several recordings. Got the path {X!r}: pass [path].")
    items = _items(X)
    if items is None:
        return None
    if not items:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 recording is required.")
    first = items[0]
    if isinstance(first, (list, tuple)):
        return _column_of_paths(items)
    if all(map(_is_number, items)):
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


_FORMS = "Pass a path (str or Path) or a 1-D array of numbers for each recording."


def _items(X):
    """The elements of a one-dimensional X or of a single column of recordings, else None."""
    if isinstance(X, (list, tuple)):
        return list(X)
    ndim = getattr(X, "ndim", None)
    if ndim == 1:
        return list(X)
    if ndim != 2 or not (hasattr(X, "iloc") or isinstance(X, np.ndarray)) or not X.size:
        return None  # numbers, or for scikit-learn to judge
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUST":
        return None
    columns = X.iloc if hasattr(X, "iloc") else X
    if X.shape[1] == 1:
        items = list(columns[:, 0])
        return items if any(is_path(item) or _is_array(item) for item in items) else None
    if any(map(is_path, columns[0])):
        raise ValueError(
            f"X has {X.shape[1]} columns, with paths among them. Pass the one column of paths."
        )
    return None


def _column_of_paths(rows):
    """Paths out of [[path], [path], ...]; None where lists form a 2-D array of numbers."""
    width = len(rows[0])
    for row, values in enumerate(rows):
        if not isinstance(values, (list, tuple)):
            raise TypeError(
                f"The recording at row {row} is {_describe(values)}, the one at row 0 is a list. "
                + _FORMS
            )
        if any(isinstance(value, (list, tuple)) or _is_array(value) for value in values):
            raise ValueError(f"The recording at row {row} is a nested list. {_FORMS}")
        if len(values) != width:
            raise ValueError(
                f"The recording at row {row} is a list of {len(values)} values, the one at row 0 "
                f"of {width}: lists of differing length are no 2-D array. {_FORMS}"
            )
    if width == 1 and is_path(rows[0][0]):
        return list_recordings([row[0] for row in rows])
    return None


def refuse_complex(X):
    """Raise where X is a 2-D array of complex numbers, naming the first row that is not real."""
    X = np.asarray(X)
    if X.dtype.kind != "c" or X.ndim != 2:
        return
    rows = np.flatnonzero(X.imag.any(axis=1))
    row = rows[0] if len(rows) else 0
    raise ValueError(
        f"Complex data not supported: The recording at row {row} is complex. Pass its real part."
    )


def _is_number(value):
    return isinstance(value, (numbers.Number, np.number, np.bool_))


def _is_array(value):
    return hasattr(value, "__array__") and not isinstance(value, np.generic)


def _describe(value):
    return f"the path {value!r}" if is_path(value) else f"of type {type(value).__name__}"


def load_samples(recording, row, sr, finite=True):
    """Samples of one recording, checked: a 1-D array of integers or of finite floats.

    Parameters
    ----------
    recording : path or array-like
        A file is read at the rate `sr`; an array is taken to have that rate.
    row : int
        Its place in the user's X, for the message of an error.
    sr : int
        Rate in Hz.
    finite : bool, default=True
        Whether an array is checked to be finite; a file always is.
    """
    if is_path(recording):
        return read_recording(recording, sr)[0]
    name = f"The recording at row {row}"
    samples = np.asarray(recording)
    if samples.ndim != 1:
        raise ValueError(
            f"{name} has shape {samples.shape}, but one recording is a 1-D array of samples. "
            "Mix the channels, for instance by their mean."
        )
    if samples.dtype.kind == "O":
        try:
            samples = samples.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is no array of numbers: {error}. {_FORMS}") from error
    if samples.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} is complex. Pass its real part.")
    if samples.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {samples.dtype}, not numbers. {_FORMS}")
    if not samples.size:
        raise ValueError(f"{name} is empty. Leave it out.")
    if finite:
        check_finite(samples, name)
    return samples


def check_finite(samples, name):
    """Raise where samples are NaN or infinite, without an array of flags if none is."""
    if samples.dtype.kind != "f" or (np.isfinite(samples.min()) and np.isfinite(samples.max())):
        return
    where = int(np.flatnonzero(~np.isfinite(samples))[0])
    what = "NaN" if np.isnan(samples[where]) else "infinity"
    raise ValueError(f"{name} contains {what}, first at sample {where}. Repair it or leave it out.")
