"""Places at which recordings sound alike: anchors found in the sound, and what is around them."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA

__all__ = ["RATE", "alike", "anchors", "common_rate", "describe"]

RATE = 1000  # Hz: heart sounds and murmurs lie below 500 Hz, whatever rate they were stored at.
HALF = 250  # samples described on either side of an anchor
_REACH = 150  # samples over which an anchor is the loudest place
_FRAME, _HOP = 100, 50
_BANDS = np.array([20, 50, 80, 120, 170, 230, 300, 400])  # Hz; soxr's filter sets in above
_RADIUS = 2.0  # between descriptions (natural logarithms of energies) of one sound
_NEAREST = 128  # look-alikes of a place at most, so that memory is bounded
_SILENT = 1e-7  # amplitude of full scale; a step of 24 bits is 1.2e-7


def common_rate(samples, rate):
    """The first difference of a recording at 1 kHz, float32, largest magnitude 1.

    The difference takes out offsets, and weighs the noise between heart sounds, by which two
    beats of one heart differ, more than their common low frequencies.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind in "iu":  # an unsigned offset goes with the difference
        samples = samples / float(np.iinfo(samples.dtype).max)
    samples = np.asarray(samples, dtype=np.float64)
    peak = np.abs(samples - samples[0]).max()
    if not peak > _SILENT:
        return np.zeros(round(len(samples) * RATE / rate), dtype=np.float32)
    samples = ((samples - samples[0]) / peak).astype(np.float32)
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE, quality="HQ")
    difference = np.diff(samples, prepend=samples[:1])
    largest = np.abs(difference).max(initial=0)
    return difference / largest if largest > 0 else difference


def anchors(signal):
    """Samples at which the smoothed energy is the largest far and wide.

    They are found from the sound around them alone: in a part of a recording, however it was cut
    out, they are the same ones.
    """
    energy = gaussian_filter1d(signal.astype(np.float64) ** 2, 8, mode="constant", truncate=4)
    top = maximum_filter1d(energy, 2 * _REACH + 1, mode="constant")
    return np.flatnonzero((energy == top) & (energy > 1e-12))


def describe(signal, places):
    """Logarithmic band energies around each place, (n_places, n_values) float32, without gain."""
    padded = np.pad(signal, HALF)  # a copy ends where the original does, so zeros fit too
    around = sliding_window_view(padded, 2 * HALF)[places]
    frames = sliding_window_view(around, _FRAME, axis=1)[:, ::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=2)) ** 2
    edges = _BANDS * _FRAME // RATE
    bands = np.add.reduceat(power[:, :, : edges[-1]], edges[:-1], axis=2).reshape(len(places), -1)
    level = bands.mean(axis=1, keepdims=True)
    # A floor of 30 dB below the mean: what is fainter changes with rounding.
    return np.log(bands / level + 1e-3).astype(np.float32)


def alike(descriptions, owner):
    """Pairs of places of different recordings that sound alike, (n_pairs, 2), each once."""
    if len(descriptions) < 2:
        return np.empty((0, 2), dtype=np.intp)
    # A tree is quick in few dimensions; the distance in all of them decides.
    n_components = min(12, *descriptions.shape)
    points = PCA(n_components, svd_solver="full").fit_transform(descriptions)
    tree = cKDTree(points)
    found = []
    for start in range(0, len(points), 4096):
        stop = min(start + 4096, len(points))
        # Points found are never nearer than their projections, so that none is missed.
        _, near = tree.query(points[start:stop], k=_NEAREST, distance_upper_bound=_RADIUS)
        here, column = np.nonzero(near < len(points))
        there = near[here, column]
        pairs = np.sort(np.column_stack([here + start, there]), axis=1)
        pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
        apart = descriptions[pairs[:, 0]] - descriptions[pairs[:, 1]]
        found.append(pairs[np.square(apart).sum(axis=1) < _RADIUS**2])
    return np.unique(np.concatenate(found), axis=0)
