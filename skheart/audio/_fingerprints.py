"""Audio fingerprints: places where recordings sound alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["FINGERPRINT_RATE", "Fingerprint", "fingerprint", "match_fingerprints"]

FINGERPRINT_RATE = 1000  # Hz: heart sounds and murmurs lie below 500 Hz
_HALF = 250  # samples described on either side of a place
_REACH = 150  # samples on either side over which a place is the loudest
_FRAME, _HOP = 100, 50
_BANDS = np.array([20, 50, 80, 120, 170, 230, 300, 400])  # Hz; soxr's filter sets in above
_RADIUS = 2.0  # largest distance of descriptors of one sound (natural logarithms of energies)
_NEAREST = 128  # neighbours searched per place, which bounds the memory
_SILENT = 1e-7  # amplitude relative to full scale; a 24-bit step is 1.2e-7
_LAGS = 6  # lags kept per pair of recordings
_CLOSE = 8  # samples between lags that count as one


class Fingerprint(NamedTuple):
    """A normalised recording, the peaks of its energy, and a descriptor of each."""

    signal: np.ndarray  # at FINGERPRINT_RATE
    places: np.ndarray  # samples of the signal
    descriptors: np.ndarray  # (n_places, n_values)


def fingerprint(samples, rate):
    """Fingerprint a recording, independent of its rate (Hz), gain, polarity and offset."""
    signal = _normalize(samples, rate)
    places = _find_places(signal)
    return Fingerprint(signal, places, _describe(signal, places))


def match_fingerprints(fingerprints):
    """Yield pairs of recordings with places that sound alike: (i, j, candidates), i < j.

    Candidates are possible lags of recording j behind i in samples, the best supported first, each
    with a place in recording i where the two sound alike.
    """
    owner = np.repeat(np.arange(len(fingerprints)), [len(f.places) for f in fingerprints])
    places = np.concatenate([f.places for f in fingerprints])
    pairs = _find_similar(np.concatenate([f.descriptors for f in fingerprints]), owner)
    if not len(pairs):
        return
    first, second = owner[pairs].T
    place, other = places[pairs].T
    lag = place - other
    order = np.lexsort([lag, second, first])
    first, second, lag, place = (values[order] for values in (first, second, lag, place))
    change = np.flatnonzero(np.diff(first) | np.diff(second)) + 1
    for rows in np.split(np.arange(len(order)), change):
        clusters = np.split(rows, np.flatnonzero(np.diff(lag[rows]) > _CLOSE) + 1)
        clusters = sorted(clusters, key=len, reverse=True)[:_LAGS]
        middle = [cluster[len(cluster) // 2] for cluster in clusters]
        candidates = [(int(lag[row]), int(place[row])) for row in middle]
        yield int(first[rows[0]]), int(second[rows[0]]), candidates


def _normalize(samples, rate):
    """Resample to the common rate, difference, and scale to a peak of 1 (float32).

    The difference removes offsets. It also weighs the noise between heart sounds, which tells two
    beats of one heart apart, more than their common low frequencies.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind in "iu":  # the difference removes an unsigned offset
        samples = samples / float(np.iinfo(samples.dtype).max)
    samples = np.asarray(samples, dtype=np.float64)
    peak = np.abs(samples - samples[0]).max()
    if not peak > _SILENT:
        return np.zeros(round(len(samples) * FINGERPRINT_RATE / rate), dtype=np.float32)
    samples = ((samples - samples[0]) / peak).astype(np.float32)
    if rate != FINGERPRINT_RATE:
        samples = soxr.resample(samples, rate, FINGERPRINT_RATE, quality="HQ")
    difference = np.diff(samples, prepend=samples[:1])
    largest = np.abs(difference).max(initial=0)
    return difference / largest if largest > 0 else difference


def _find_places(signal):
    """Find the peaks of the smoothed energy.

    A peak depends on the sound around it alone, so a part cut out of a recording has the same ones.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d

    energy = gaussian_filter1d(signal.astype(np.float64) ** 2, 8, mode="constant", truncate=4)
    top = maximum_filter1d(energy, 2 * _REACH + 1, mode="constant")
    return np.flatnonzero((energy == top) & (energy > 1e-12))


def _describe(signal, places):
    """Compute gain-independent logarithmic band energies around each place (float32)."""
    padded = np.pad(signal, _HALF)  # a copy may end where the original does
    around = sliding_window_view(padded, 2 * _HALF)[places]
    frames = sliding_window_view(around, _FRAME, axis=1)[:, ::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=2)) ** 2
    edges = _BANDS * _FRAME // FINGERPRINT_RATE
    bands = np.add.reduceat(power[:, :, : edges[-1]], edges[:-1], axis=2)
    bands = bands.reshape(len(places), bands.shape[1] * bands.shape[2])
    level = bands.mean(axis=1, keepdims=True)
    # The floor is 30 dB below the mean: fainter energies change with rounding.
    return np.log(bands / level + 1e-3).astype(np.float32)


def _find_similar(descriptors, owner):
    """Find pairs of places in different recordings that sound alike, (n_pairs, 2), each once."""
    from scipy.spatial import cKDTree

    if len(descriptors) < 2:
        return np.empty((0, 2), dtype=np.intp)
    # A k-d tree is fast in few dimensions only. The principal components never lie farther apart
    # than the descriptors, so no pair is missed; the distance of the descriptors then decides.
    centred = descriptors - descriptors.mean(axis=0, dtype=np.float64)
    points = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -12:]
    tree = cKDTree(points)
    found = []
    for start in range(0, len(points), 4096):
        block = points[start : start + 4096]
        _, near = tree.query(block, k=_NEAREST, distance_upper_bound=_RADIUS)
        row, column = np.nonzero(near < len(points))
        pairs = np.sort(np.column_stack([row + start, near[row, column]]), axis=1)
        pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
        apart = descriptors[pairs[:, 0]] - descriptors[pairs[:, 1]]
        found.append(pairs[np.square(apart).sum(axis=1) < _RADIUS**2])
    return np.unique(np.concatenate(found), axis=0)
