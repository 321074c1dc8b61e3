"""Read the formats of phones (AAC, MP4, 3GP, AMR, WebM) with PyAV."""

from __future__ import annotations

import numpy as np

__all__ = ["decode_phone"]

FORMATS = ("AAC", "AMR", "MP4", "WebM")
SLACK = 0.1  # seconds by which a container may declare more than its audio


def decode_phone(path):
    """Return samples (n_times, n_channels) in float32, their rate in Hz, and what is missing."""
    try:
        import av
    except ImportError as error:
        raise ValueError(
            f"'{path}' is in a format of phones, which needs PyAV. Install it with "
            "python -m pip install 'skheart[phone]', or convert the file to WAV or FLAC."
        ) from error
    parts, rate, failure, declared = [], 0, None, 0.0
    try:
        with av.open(path, metadata_errors="replace") as container:
            if not container.streams.audio:
                raise ValueError(f"'{path}' has no sound: it holds no audio stream.")
            stream = container.streams.audio[0]
            rate, declared = stream.rate, _seconds(container, stream)
            resampler = av.AudioResampler(format="fltp")
            try:
                for frame in container.decode(stream):
                    parts += [part.to_ndarray() for part in resampler.resample(frame)]
            except av.error.FFmpegError as error:
                failure = error
    except av.error.FFmpegError as error:
        raise ValueError(
            f"'{path}' cannot be read as a sound file: {error.strerror or error}. Convert it to "
            "WAV or FLAC, or remove it."
        ) from error
    samples = np.concatenate(parts, axis=1).T if parts else np.empty((0, 1))
    seconds, loss = len(samples) / (rate or 1), None
    if failure is not None:
        loss = f"decoding failed after {seconds:.2f} s ({failure.strerror})"
    elif seconds < declared - SLACK:
        loss = f"it declares {declared:.2f} s, and {seconds:.2f} s could be read"
    return np.asarray(samples, np.float32), int(rate or 0), loss


def _seconds(container, stream):
    """Return the length that a file declares, or 0."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1e6
