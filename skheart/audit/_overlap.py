"""Whether two recordings hold the same samples, and from when to when."""

from __future__ import annotations

import numpy as np

__all__ = ["shared_runs"]

_BLOCK = 200  # samples of which each must agree: a loud click cannot answer for the rest
_ALIKE = 0.9  # correlation of two blocks of one sound, coarsely rounded or compressed
_SAME = 0.95  # correlation of a whole run
_SLACK = 6  # samples that a lag told by anchors may be off
_FINE = 16  # steps of a lag in a sample
_AROUND = 1000  # samples on either side of an anchor by which the lag is made exact
_VARIETY = 40  # least number of samples, and of frequencies, that carry the energy of a run


def shared_runs(a, b, lag, at, least):
    """The runs of samples that two signals share at a lag.

    Parameters
    ----------
    a, b : ndarray
        Signals at the common rate.
    lag : int
        Place in `a` less place in `b` of the same sound, to within a few samples.
    at : int
        A place in `a` where they were found to be alike.
    least : int
        Length that a run must have, in samples.

    Returns
    -------
    runs : list of (int, int, float, float)
        First and last (exclusive) sample in `a`, the lag to a fraction of a sample, and the
        correlation; the longest run first.
    """
    lag = _exact_lag(a, b, lag, at)
    whole = int(np.round(lag))
    start, stop = max(0, whole), min(len(a), len(b) + whole)
    if stop - start < _BLOCK:
        return []
    x = a[start:stop].astype(np.float64)
    y = _moved(b[start - whole : stop - whole].astype(np.float64), lag - whole)
    runs = []
    for first, last in _agreeing(x, y):
        one, other = x[first:last], y[first:last]
        if last - first >= least and abs(_correlation(one, other)) >= _SAME and _varied(one):
            runs.append((start + first, start + last, lag, abs(_correlation(one, other))))
    return sorted(runs, key=lambda run: run[0] - run[1])


def _exact_lag(a, b, lag, at):
    """The lag of the largest correlation near an anchor, to a fraction of a sample."""
    low, high = max(0, at - _AROUND, lag), min(len(a), at + _AROUND, len(b) + lag)
    if high - low < _BLOCK:
        return float(lag)
    size = 2 * (high - low)  # twice as long: what is moved out of one end does not come in again
    one, other = np.fft.rfft([a[low:high], b[low - lag : high - lag]], size)
    # A longer spectrum gives steps finer than a sample.
    products = np.abs(np.fft.irfft(one * other.conj(), _FINE * size))
    steps = np.arange(-_FINE * _SLACK, _FINE * _SLACK + 1)
    return lag + steps[np.argmax(products[steps])] / _FINE


def _moved(signal, samples):
    """A signal later by a fraction of a sample."""
    if abs(samples) < 0.01:
        return signal
    spectrum = np.fft.rfft(signal)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(signal)) * samples)
    return np.fft.irfft(spectrum * turn, len(signal))


def _agreeing(x, y):
    """First and last sample of each row of blocks that agree, in shape and in gain."""
    n_blocks = -(-len(x) // _BLOCK)
    edges = np.minimum(np.arange(n_blocks + 1) * _BLOCK, len(x))
    sums = [np.add.reduceat(values, edges[:-1]) for values in (x * x, y * y, x * y)]
    xx, yy, xy = sums
    quiet = 1e-8 * xx.max(initial=0) >= xx, 1e-8 * yy.max(initial=0) >= yy
    silent = quiet[0] & quiet[1]
    heard = ~quiet[0] & ~quiet[1]
    agrees = np.zeros(n_blocks, dtype=bool)
    agrees[heard] = np.abs(xy[heard]) >= _ALIKE * np.sqrt(xx[heard] * yy[heard])
    # The gain of a copy is one number: blocks of another gain are no part of it.
    gain = np.divide(xy, xx, out=np.zeros(n_blocks), where=heard)
    if agrees.any():
        middle = np.median(gain[agrees])
        agrees[heard] &= np.abs(gain[heard] - middle) <= 0.25 * abs(middle)
    # Silence on both sides goes along with what it lies between, but makes no run.
    steps = np.diff(np.concatenate([[0], (agrees | silent).astype(int), [0]]))
    for first, last in zip(np.flatnonzero(steps > 0), np.flatnonzero(steps < 0), strict=True):
        inside = first + np.flatnonzero(agrees[first:last])
        if len(inside):
            yield edges[inside[0]], edges[inside[-1] + 1]


def _correlation(x, y):
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def _varied(x):
    """Whether a sound can be told from others: no pure tone, no clicks in silence."""
    level = np.sqrt(np.add.reduceat(x * x, np.arange(0, len(x), _BLOCK)))
    x = x / np.repeat(np.maximum(level, 1e-4 * level.max()), _BLOCK)[: len(x)]
    return all(
        energy.sum() ** 2 >= _VARIETY * (energy * energy).sum()
        for energy in (x * x, np.abs(np.fft.rfft(x)) ** 2)
    )
