"""Stretches of samples that two recordings share."""

from __future__ import annotations

import numpy as np

__all__ = ["shared_runs"]

_BLOCK = 200  # samples that must agree on their own, so that a loud click does not decide alone
_ALIKE = 0.9  # correlation of two blocks of one sound, coarsely rounded or compressed
_SAME = 0.95  # correlation of a whole run
_SLACK = 6  # samples by which a lag from fingerprints may be off
_FINE = 16  # steps of a lag per sample
_AROUND = 1000  # samples on either side of a matching place that refine the lag
_VARIETY = 40  # least number of samples, and of frequencies, that hold the energy of a run


def shared_runs(a, b, lag, place, least):
    """Find the runs of at least `least` samples that two normalised signals share.

    `lag` is the number of samples by which `b` is behind `a`, to within a few, and `place` a sample
    of `a` where the two sound alike. Each run has its first and last (exclusive) sample in `a`, the
    lag to a fraction of a sample, and the correlation.
    """
    lag = _refine_lag(a, b, lag, place)
    whole = int(np.round(lag))
    start, stop = max(0, whole), min(len(a), len(b) + whole)
    if stop - start < _BLOCK:
        return []
    x = a[start:stop].astype(np.float64)
    y = _delay(b[start - whole : stop - whole].astype(np.float64), lag - whole)
    runs = []
    for first, last in _agreeing(x, y):
        one, other = x[first:last], y[first:last]
        correlation = abs(float(one @ other / np.sqrt((one @ one) * (other @ other))))
        if last - first >= least and correlation >= _SAME and _is_varied(one):
            runs.append((start + first, start + last, lag, correlation))
    return runs


def _refine_lag(a, b, lag, place):
    """Find the lag of the largest correlation around a place, to a fraction of a sample."""
    low, high = max(0, place - _AROUND, lag), min(len(a), place + _AROUND, len(b) + lag)
    if high - low < _BLOCK:
        return float(lag)
    size = 2 * (high - low)  # padding, so that the correlation is not circular
    one, other = np.fft.rfft([a[low:high], b[low - lag : high - lag]], size)
    # A longer spectrum gives steps finer than a sample.
    products = np.abs(np.fft.irfft(one * other.conj(), _FINE * size))
    steps = np.arange(-_FINE * _SLACK, _FINE * _SLACK + 1)
    return lag + steps[np.argmax(products[steps])] / _FINE


def _delay(signal, samples):
    """Delay a signal by a fraction of a sample."""
    if abs(samples) < 0.01:
        return signal
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(len(signal)) * samples)
    return np.fft.irfft(np.fft.rfft(signal) * phase, len(signal))


def _agreeing(x, y):
    """Yield first and last sample of each row of blocks that agree in shape and gain."""
    edges = np.append(np.arange(0, len(x), _BLOCK), len(x))
    xx, yy, xy = (np.add.reduceat(values, edges[:-1]) for values in (x * x, y * y, x * y))
    x_quiet, y_quiet = (power <= 1e-8 * power.max() for power in (xx, yy))
    heard = ~x_quiet & ~y_quiet
    agrees = np.zeros(len(xx), dtype=bool)
    agrees[heard] = np.abs(xy[heard]) >= _ALIKE * np.sqrt(xx[heard] * yy[heard])
    # A copy has one gain: blocks of another gain are no part of it.
    gain = np.divide(xy, xx, out=np.zeros(len(xx)), where=heard)
    if agrees.any():
        middle = np.median(gain[agrees])
        agrees[heard] &= np.abs(gain[heard] - middle) <= 0.25 * abs(middle)
    # Silence in both continues a run, but neither begins nor ends one.
    steps = np.diff(np.concatenate([[0], (agrees | x_quiet & y_quiet).astype(int), [0]]))
    for first, last in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True):
        inside = first + np.flatnonzero(agrees[first:last])
        if len(inside):
            yield edges[inside[0]], edges[inside[-1] + 1]


def _is_varied(x):
    """Tell a sound that can be recognised from a pure tone or clicks in silence."""
    level = np.sqrt(np.add.reduceat(x * x, np.arange(0, len(x), _BLOCK)))
    x = x / np.repeat(np.maximum(level, 1e-4 * level.max()), _BLOCK)[: len(x)]
    return all(
        energy.sum() ** 2 >= _VARIETY * (energy * energy).sum()
        for energy in (x * x, np.abs(np.fft.rfft(x)) ** 2)
    )
