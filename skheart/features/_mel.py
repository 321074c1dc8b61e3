"""Mel filters, equal to those of `librosa.filters.mel`, whose import takes 0.3 s."""

from __future__ import annotations

import functools

import numpy as np
import scipy.sparse

__all__ = ["mel_filters"]

# Slaney's mel scale: linear up to 1000 Hz, which is 15 mel, then 27 mel for each factor of 6.4.
LINEAR_HZ = 200 / 3  # width of a mel in the linear part
CORNER_HZ = 1000.0
CORNER_MEL = CORNER_HZ / LINEAR_HZ
LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz, htk):
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    if hz < CORNER_HZ:
        return hz / LINEAR_HZ
    return CORNER_MEL + np.log(hz / CORNER_HZ) / LOG_STEP


def _mel_to_hz(mel, htk):
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    logarithmic = CORNER_HZ * np.exp(LOG_STEP * (mel - CORNER_MEL))
    return np.where(mel >= CORNER_MEL, logarithmic, LINEAR_HZ * mel)


@functools.lru_cache(maxsize=64)
def mel_filters(sr, n_fft, n_mels, fmin, fmax, htk):
    """Return triangular mel filters of equal area.

    Parameters
    ----------
    sr, n_fft, n_mels : int
        Sampling rate in Hz, samples in a frame, number of filters.
    fmin, fmax : float
        Lowest and highest frequency in Hz.
    htk : bool
        Use the mel scale of HTK rather than Slaney's.

    Returns
    -------
    filters : csr_array of shape (n_mels, 1 + n_fft // 2)
    frequencies : ndarray of shape (n_mels,)
        Their centres in Hz.

    Raises
    ------
    ValueError
        If a filter contains no FFT bin.
    """
    mels = np.linspace(_hz_to_mel(fmin, htk), _hz_to_mel(fmax, htk), n_mels + 2)
    edges = _mel_to_hz(mels, htk)
    bins = np.fft.rfftfreq(n_fft, 1.0 / sr)
    # Filters without an FFT bin strictly between their outer edges.
    first = np.searchsorted(bins, edges[:-2], side="right")
    empty = np.flatnonzero(first >= np.searchsorted(bins, edges[2:], side="left"))
    if empty.size:
        raise ValueError(
            f"{empty.size} of n_mels={n_mels} mel filters (the first is number {empty[0]}) contain "
            f"no FFT bin at sr={sr}, n_fft={n_fft}, fmin={fmin:g}, fmax={fmax:g}. Lower n_mels, or "
            "raise n_fft or the difference of fmin and fmax."
        )
    distance, width = bins - edges[:, np.newaxis], np.diff(edges)[:, np.newaxis]
    rising, falling = distance[:-2] / width[:-1], -distance[2:] / width[1:]
    filters = np.maximum(0, np.minimum(rising, falling))
    filters *= 2.0 / (edges[2:] - edges[:-2])[:, np.newaxis]
    return scipy.sparse.csr_array(filters), edges[1:-1]
