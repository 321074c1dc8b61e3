"""Read sound files."""

from __future__ import annotations

import numbers
import os
import warnings

import numpy as np
import soxr

from ._channels import check_channel, to_mono
from ._decoding import decode
from ._warnings import RecordingWarning

__all__ = ["check_finite", "is_path", "read_recording", "resample", "warn_if_loud"]

LOUD = 20.0  # magnitude of floats that are surely not in [-1, 1]


def read_recording(path, sr=None, channel=None):
    """Read a sound file as mono float32 samples.

    Parameters
    ----------
    path : str or os.PathLike
        A file in any format of libsndfile (WAV, FLAC, OGG, AIFF, MP3, ...), or with the extra
        "phone" in a format of phones (M4A, AAC, MP4, 3GP, AMR, WebM), which PyAV decodes.
    sr : int, default=None
        Sampling rate in Hz to which the samples are resampled by soxr in high quality ("HQ").
        ``None`` keeps the rate of the file.
    channel : int, default=None
        Channel to read, from 0. With ``None``, channels more than 60 dB below the loudest are left
        out, and the others are averaged. If one of them has a correlation below 0.5 with the
        loudest, as with opposite polarity, the mean could cancel: the loudest is read.

    Returns
    -------
    samples : ndarray of shape (n_times,), float32
        Integer formats are scaled to [-1, 1); float formats are not scaled.
    rate : int
        Sampling rate of `samples` in Hz.

    Warns
    -----
    RecordingWarning
        If the file holds less than it declares, if its channels differ, or if float samples are far
        above 1.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If `path` is not a readable file.
    ValueError
        If the file is not a sound file, has no samples, contains NaN or infinity, has no such
        channel, or declares a sampling rate below 100 Hz or above 768 kHz.

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
    check_channel(channel)
    path = os.fsdecode(path)
    samples, rate = decode(path)
    name = f"'{path}'"
    if samples.shape[1] > 1:
        check_finite(samples, name)
    samples = to_mono(samples, channel, name)
    warn_if_loud(check_finite(samples, name), name)
    return resample(samples, rate, sr, name)


def resample(samples, rate, sr, name):
    """Return float samples at the rate `sr` in Hz, or as they are with None, and their rate."""
    if sr is None or sr == rate:
        return samples, int(rate)
    samples = soxr.resample(samples, rate, sr, quality="HQ")
    if not samples.size:
        raise ValueError(f"{name} is an empty recording: it is shorter than a sample at {sr} Hz.")
    return samples, int(sr)


def is_path(value):
    """Return whether a value can be the path of a file."""
    return isinstance(value, (str, os.PathLike))


def check_finite(samples, name):
    """Raise if samples contain NaN or infinity; return the largest magnitude of floats."""
    if samples.dtype.kind != "f":
        return 0.0
    # Faster than np.isfinite(samples).all(), and without an array of flags.
    peak = max(-samples.min(), samples.max())
    if np.isfinite(peak):
        return float(peak)
    where = int(np.argwhere(~np.isfinite(samples))[0, 0])
    what = "NaN" if np.isnan(samples[where]).any() else "infinity"
    raise ValueError(f"{name} contains {what}, first at sample {where}. Repair or remove it.")


def warn_if_loud(peak, name):
    """Warn about float samples that seem to be in the units of integers."""
    if peak > LOUD:
        warnings.warn(
            f"{name} has float samples of up to {peak:.6g}, and models expect floats in [-1, 1]. "
            "If they are 16-bit integers stored as floats, divide them by 32768.",
            RecordingWarning,
            stacklevel=3,
        )
