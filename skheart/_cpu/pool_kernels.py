"""Loops over the maps of a convolution: moments, max-pooling, batch normalisation and ReLU.

Every loop goes once over a map whose channels are innermost, in the vector lanes. A map is float32,
or bfloat16 as its bits in uint16; sums and what multiplies them are float32 or float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .bfloat16 import OPTIONS, like, wide

__all__ = ["backward_map", "backward_sums", "forward_map", "normalise", "pool_relu"]


@njit(**OPTIONS)
def forward_map(z, kept, pool, largest, moments):
    """Copy a map, take the moments of its channels and the maximum of each pool.

    z, kept : (n, time, mel, channels); largest: the same with pooled time and mel.
    moments : float64 (3, channels) of zeros; the first cell, and of z less it the sum and the sum
    of squares.
    """
    n, n_times, n_mels, n_channels = z.shape
    time, mel = pool
    first = z[0, 0, 0]
    sums = np.zeros((2, n_channels), np.float32)
    for i in range(n):
        for t in range(n_times):
            sums[:] = 0
            p = t // time
            for q in range(n_mels):
                cell, copy, o = z[i, t, q], kept[i, t, q], q // mel
                if p >= largest.shape[1] or o >= largest.shape[2]:
                    for c in range(n_channels):
                        value = wide(cell[c]) - wide(first[c])
                        sums[0, c] += value
                        sums[1, c] += value * value
                        copy[c] = cell[c]
                    continue
                best = largest[i, p, o]
                new = t % time == 0 and q % mel == 0
                if new:
                    for c in range(n_channels):
                        value = wide(cell[c]) - wide(first[c])
                        sums[0, c] += value
                        sums[1, c] += value * value
                        copy[c] = cell[c]
                        best[c] = cell[c]
                else:
                    for c in range(n_channels):
                        value = wide(cell[c]) - wide(first[c])
                        sums[0, c] += value
                        sums[1, c] += value * value
                        copy[c] = cell[c]
                        best[c] = cell[c] if wide(cell[c]) > wide(best[c]) else best[c]
            for c in range(n_channels):
                moments[1, c] += sums[0, c]
                moments[2, c] += sums[1, c]
    for c in range(n_channels):
        moments[0, c] = wide(first[c])


@njit(**OPTIONS)
def pool_relu(z, pool, out):
    """out = relu(max_pool(z)), (n, time, mel, channels)."""
    time, mel = pool
    n, n_times, n_mels, n_channels = out.shape
    for i in range(n):
        for p in range(n_times):
            for o in range(n_mels):
                best = out[i, p, o]
                for c in range(n_channels):
                    best[c] = 0
                for t in range(p * time, p * time + time):
                    for q in range(o * mel, o * mel + mel):
                        cell = z[i, t, q]
                        for c in range(n_channels):
                            best[c] = cell[c] if wide(cell[c]) > wide(best[c]) else best[c]


@njit(**OPTIONS)
def normalise(largest, scale, shift, out):
    """out = relu(scale * largest + shift), (n, time, mel, channels)."""
    n, n_times, n_mels, n_channels = largest.shape
    for i in range(n):
        for t in range(n_times):
            for q in range(n_mels):
                cell, to = largest[i, t, q], out[i, t, q]
                for c in range(n_channels):
                    to[c] = like(to[c], max(scale[c] * wide(cell[c]) + shift[c], np.float32(0)))


@njit(**OPTIONS)
def backward_sums(largest, scale, shift, grad, sums):
    """Sums of the gradient where ReLU let it pass, and of it times `largest`: float64 (2, ch)."""
    n, n_times, n_mels, n_channels = largest.shape
    row = np.zeros((2, n_channels), np.float32)
    for i in range(n):
        for t in range(n_times):
            row[:] = 0
            for q in range(n_mels):
                cell, g = largest[i, t, q], grad[i, t, q]
                for c in range(n_channels):
                    value = wide(cell[c])
                    d = wide(g[c]) if scale[c] * value + shift[c] > 0 else np.float32(0)
                    row[0, c] += d
                    row[1, c] += d * value
            for c in range(n_channels):
                sums[0, c] += row[0, c]
                sums[1, c] += row[1, c]


@njit(**OPTIONS)
def backward_map(z, pool, largest, scale, shift, grad, slope, offset):
    """Put the gradient of the map into z: slope * z + offset, and scale * grad at the maximum."""
    n, n_times, n_mels, n_channels = z.shape
    time, mel = pool
    zero = np.float32(0)
    for i in range(n):
        for p in range(-(-n_times // time)):
            for o in range(-(-n_mels // mel)):
                pooled = p < largest.shape[1] and o < largest.shape[2]
                open_ = np.empty(n_channels, np.float32)
                for c in range(n_channels):
                    open_[c] = zero
                if pooled:
                    for c in range(n_channels):
                        value = wide(largest[i, p, o, c])
                        live = scale[c] * value + shift[c] > 0
                        open_[c] = scale[c] * wide(grad[i, p, o, c]) if live else zero
                for t in range(p * time, min(p * time + time, n_times)):
                    for q in range(o * mel, min(o * mel + mel, n_mels)):
                        cell = z[i, t, q]
                        if pooled:
                            best = largest[i, p, o]
                            for c in range(n_channels):
                                value = wide(cell[c])
                                hit = cell[c] == best[c]
                                d = slope[c] * value + offset[c] + (open_[c] if hit else zero)
                                open_[c] = zero if hit else open_[c]
                                cell[c] = like(cell[c], d)
                        else:
                            for c in range(n_channels):
                                d = slope[c] * wide(cell[c]) + offset[c]
                                cell[c] = like(cell[c], d)
