"""Compiled loops over the output of a convolution: moments, max-pooling and their gradient.

Each loop reads the map once. Maps are (n, time, mel, channels), with the channels in the vector
lanes, and float32, or bfloat16 as its bits in uint16.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from .compiled import compiled

__all__ = ["map_gradient", "pool_map"]


@compiled
def pool_map(z, pool, largest, moments):
    """Take the maximum of each pool, and mean and variance of each channel (float64)."""
    n, n_times, n_mels, n_channels = z.shape
    time, mel = pool
    first = z[0, 0, 0]  # differences from it lose no digits where the mean is far from zero
    sums = np.zeros((2, n_channels), np.float32)
    for i in range(n):
        for t in range(n_times):
            sums[:] = 0
            p = t // time
            for q in range(n_mels):
                cell, o = z[i, t, q], q // mel
                for c in range(n_channels):
                    value = widen(cell[c]) - widen(first[c])
                    sums[0, c] += value
                    sums[1, c] += value * value
                if p >= largest.shape[1] or o >= largest.shape[2]:
                    continue
                best = largest[i, p, o]
                if t % time == 0 and q % mel == 0:
                    for c in range(n_channels):
                        best[c] = cell[c]
                else:
                    for c in range(n_channels):
                        best[c] = cell[c] if widen(cell[c]) > widen(best[c]) else best[c]
            for c in range(n_channels):
                moments[0, c] += sums[0, c]
                moments[1, c] += sums[1, c]
    count = n * n_times * n_mels
    for c in range(n_channels):
        difference = moments[0, c] / count
        moments[0, c] = widen(first[c]) + difference
        moments[1, c] = max(moments[1, c] / count - difference * difference, 0.0)


@compiled
def map_gradient(z, pool, largest, passed, slope, offset):
    """Overwrite z by slope * z + offset, plus `passed` at the first maximum of each pool."""
    n, n_times, n_mels, n_channels = z.shape
    time, mel = pool
    zero = np.float32(0)
    left = np.zeros(n_channels, np.float32)  # of a pool whose maximum is not found yet
    for i in range(n):
        for p in range(-(-n_times // time)):
            for o in range(-(-n_mels // mel)):
                pooled = p < largest.shape[1] and o < largest.shape[2]
                best = largest[i, p, o] if pooled else largest[0, 0, 0]
                for c in range(n_channels):
                    left[c] = widen(passed[i, p, o, c]) if pooled else zero
                for t in range(p * time, min(p * time + time, n_times)):
                    for q in range(o * mel, min(o * mel + mel, n_mels)):
                        cell = z[i, t, q]
                        for c in range(n_channels):
                            found = cell[c] == best[c]
                            value = slope[c] * widen(cell[c]) + offset[c]
                            cell[c] = narrow(cell[c], value + (left[c] if found else zero))
                            left[c] = zero if found else left[c]


def widen(value):
    """float32 of a float32, or of the bits of a bfloat16."""
    return _widen(value) if isinstance(value, np.uint16) else value


def narrow(element, value):
    """A float32 in the type of `element`, rounded to nearest even."""
    return _round(element, value) if isinstance(element, np.uint16) else np.float32(value)


def _widen(value):
    return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)


def _round(element, value):
    bits = np.float32(value).view(np.uint32)
    odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
    bits = np.uint32(bits + np.uint32(np.uint32(0x7FFF) + odd))
    return np.uint16(bits >> np.uint32(16))


@overload(widen)
def _compile_widen(value):
    return _widen if value == types.uint16 else lambda value: value


@overload(narrow)
def _compile_narrow(element, value):
    return _round if element == types.uint16 else lambda element, value: np.float32(value)
