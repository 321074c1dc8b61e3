"""Read sound files."""

from __future__ import annotations

import numbers
import os

import numpy as np
import soundfile
import soxr

__all__ = ["check_finite", "is_path", "read_recording"]


def read_recording(path, sr=None):
    """Read a sound file as mono float32 samples.

    Parameters
    ----------
    path : str or os.PathLike
        A file in any format of libsndfile (WAV, FLAC, OGG, AIFF, MP3, ...).
    sr : int, default=None
        Sampling rate in Hz to which the samples are resampled by soxr in high quality ("HQ").
        ``None`` keeps the rate of the file.

    Returns
    -------
    samples : ndarray of shape (n_times,), float32
        The mean of the channels. Integer formats are scaled to [-1, 1); float formats are not
        scaled.
    rate : int
        Sampling rate of `samples` in Hz.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If `path` is not a readable file.
    ValueError
        If the file is not a sound file, has no samples, or contains NaN or infinity.

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
    """Return the samples of a file, (n_times, n_channels) float32, and their rate."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"'{path}' is a folder. Pass the sound files in it.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"'{path}' does not exist. Check the path and the working folder.")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"'{path}' is not readable for this user. Check its permissions.")
    if not os.path.getsize(path):
        raise ValueError(f"'{path}' is an empty recording: the file has 0 bytes.")
    try:
        with soundfile.SoundFile(path) as file:
            if file.subtype != "PCM_16":
                return file.read(dtype="float32", always_2d=True), file.samplerate
            # Twice as fast as reading floats, with the same result.
            samples = file.read(dtype="int16", always_2d=True)
            return np.multiply(samples, 2.0**-15, dtype=np.float32), file.samplerate
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise ValueError(
            f"'{path}' cannot be read as a sound file: {reason}. "
            "Convert it to WAV or FLAC, or remove it."
        ) from error


def is_path(value):
    """Return whether a value can be the path of a file."""
    return isinstance(value, (str, os.PathLike))


def check_finite(samples, name):
    """Raise if samples contain NaN or infinity."""
    # Faster than np.isfinite(samples).all(), and without an array of flags.
    if samples.dtype.kind != "f" or (np.isfinite(samples.min()) and np.isfinite(samples.max())):
        return
    where = int(np.flatnonzero(~np.isfinite(samples))[0])
    what = "NaN" if np.isnan(samples[where]) else "infinity"
    raise ValueError(f"{name} contains {what}, first at sample {where}. Repair or remove it.")
