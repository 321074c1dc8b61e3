"""Decode sound files completely, or say what is wrong with them."""

from __future__ import annotations

import io
import os
import stat
import sys
import warnings

import numpy as np
import soundfile

from ._damage import find_loss, repaired_header
from ._formats import PHONE_SUFFIXES, audio_format
from ._phone import FORMATS, decode_phone
from ._warnings import RecordingWarning

__all__ = ["RATES", "check_rate", "decode"]

RATES = (100, 768_000)  # Hz: outside, the header is damaged
BLOCK = 2**22  # values that are decoded at a time if a header declares more


class _Stream(soundfile.SoundFile):
    """A sound file that is read from start to end, since some formats cannot seek."""

    def seekable(self):
        return False


def decode(path):
    """Return the samples of a file, (n_times, n_channels) float32, and their rate in Hz."""
    _check_file(path)
    if os.path.splitext(path)[1].lower() in PHONE_SUFFIXES:
        return _decode_phone(path)
    try:
        samples, rate, loss = _decode_sound(path)
    except (soundfile.SoundFileError, TypeError, MemoryError) as error:
        if audio_format(path) in FORMATS:  # with the suffix of another format
            return _decode_phone(path)
        reason = str(getattr(error, "error_string", error)).rstrip(".") or type(error).__name__
        raise ValueError(
            f"'{path}' cannot be read as a sound file: {reason}. It is damaged or incomplete, or "
            "its format is unknown. Convert it to WAV or FLAC, or remove it."
        ) from error
    _check_loss(path, samples, loss)
    return samples, rate


def _decode_phone(path):
    samples, rate, loss = decode_phone(path)
    _check_loss(path, samples, loss)
    check_rate(rate, f"'{path}'")
    return samples, rate


def _decode_sound(path):
    """Return samples, rate and what is missing, of a file that libsndfile reads."""

    def content():
        with open(path, "rb") as file:
            return file.read()

    # soundfile encodes names strictly, and in the C locale as ASCII.
    name = path if sys.platform == "win32" else os.fsencode(path)
    with _Stream(name) as file:
        check_rate(file.samplerate, f"'{path}'")
        samples = _read(file)
        if len(samples) or file.format not in ("WAV", "WAVEX"):
            return samples, file.samplerate, find_loss(file, len(samples), content)
        rate = file.samplerate
    repaired = repaired_header(content())
    if repaired is None:
        return samples, rate, None
    with _Stream(io.BytesIO(repaired)) as file:
        loss = f"its header declares no samples, and those that follow are used, {file.frames}"
        return _read(file), rate, loss


def _read(file):
    """Return all samples of a sound file, (n_times, n_channels) float32."""
    # Reading 16-bit samples as integers is twice as fast, with the same result but in SDS.
    dtype = "int16" if file.subtype == "PCM_16" and file.format != "SDS" else "float32"
    block = max(1, BLOCK // file.channels)
    size = min(max(file.frames, 0) + 1, block)  # one more, to see the end
    parts = [file.read(size, dtype=dtype, always_2d=True)]
    while len(parts[-1]) == size:
        size = block
        parts.append(file.read(size, dtype=dtype, always_2d=True))
    samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return samples if dtype == "float32" else np.multiply(samples, 2.0**-15, dtype=np.float32)


def check_rate(rate, name):
    """Raise if a sampling rate in Hz is not plausible."""
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(
            f"{name} has a sampling rate of {rate} Hz. Rates from {RATES[0]} to {RATES[1]} Hz are "
            "plausible: correct the header, or remove the recording."
        )


def _check_file(path):
    """Raise if a path is not a file that can be opened."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"'{path}' does not exist. Check the path and the working folder."
        ) from None
    except ValueError as error:  # a null character
        raise ValueError(f"{path!r} is not a valid path: {error}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"'{path}' is a folder. Pass the sound files in it.")
    if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait
        raise ValueError(f"'{path}' is a pipe or a device, not a file. Copy its content to a file.")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"'{path}' is not readable for this user. Check its permissions.")
    if not found.st_size:
        raise ValueError(f"'{path}' is an empty recording: the file has 0 bytes.")


def _check_loss(path, samples, loss):
    """Warn about a file that is incomplete; raise if nothing is left of it."""
    if not len(samples):
        because = f" ({loss})" if loss else ""
        raise ValueError(f"'{path}' is an empty recording: the file holds no samples{because}.")
    if loss is not None:
        warnings.warn(
            f"'{path}' is incomplete: {loss}. What could be read is used; copy or download the "
            "file again if you can.",
            RecordingWarning,
            stacklevel=4,
        )
