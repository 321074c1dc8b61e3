"""Reduce the channels of a recording to one."""

from __future__ import annotations

import numbers
import warnings

import numpy as np

from ._warnings import RecordingWarning

__all__ = ["check_channel", "to_mono"]

SILENT = 1e-3  # of the level of the loudest channel: 60 dB below it
AGREE = 0.5  # correlation with the loudest channel from which on channels are averaged


def check_channel(channel):
    """Raise if `channel` is neither None nor the number of a channel."""
    if channel is not None and (
        isinstance(channel, bool) or not isinstance(channel, numbers.Integral) or channel < 0
    ):
        raise ValueError(
            f"channel must be None or an int of at least 0 (the first channel). Got {channel!r} "
            "instead."
        )


def to_mono(samples, channel, name):
    """Return one channel of samples of shape (n_times, n_channels), or their mean.

    With ``channel=None``, channels more than 60 dB below the loudest are left out. The others are
    averaged if each has a correlation of at least 0.5 with the loudest; otherwise the mean could
    cancel, and the loudest channel is returned with a warning.
    """
    n_channels = samples.shape[1]
    if channel is not None:
        if channel >= n_channels:
            raise ValueError(
                f"{name} has {n_channels} channel(s), and channel={channel} does not exist. "
                f"Channels count from 0: set channel to at most {n_channels - 1}, or to None."
            )
        return samples[:, channel]
    first = samples[:, 0]
    if n_channels == 1 or (samples == first[:, None]).all():
        return first
    centred = samples - samples.mean(axis=0, dtype=np.float64)
    products = centred.T @ centred
    energy = products.diagonal()
    loudest = int(energy.argmax())
    kept = np.flatnonzero(energy > SILENT**2 * energy[loudest])
    if len(kept) <= 1:
        return samples[:, loudest]
    correlation = products[loudest, kept] / np.sqrt(energy[loudest] * energy[kept])
    if correlation.min() >= AGREE:
        return samples[:, kept].mean(axis=1)
    warnings.warn(
        f"{name} has channels that differ (lowest correlation with the loudest channel "
        f"{correlation.min():.2f}), so their mean could cancel. The loudest, channel {loudest} of "
        f"{n_channels}, is used. To choose another, pass the result of "
        "skheart.audio.read_recording(path, channel=...) instead of the path.",
        RecordingWarning,
        stacklevel=3,
    )
    return samples[:, loudest]
