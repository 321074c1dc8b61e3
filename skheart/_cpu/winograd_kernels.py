"""Loops of Winograd's convolution: recordings to tiles and back, the channels in vector lanes.

A tile is four by four cells of the input or two by two of the output, and overlaps its neighbours
in the input by two. Tiles lie as ``(16, tile, channels)``, numbered along the mel bins first. A map
of one recording is ``(time, mel, channels)``, that of the input with a border of zeros: one cell
before, and after it one or two, so that tiles fill it. All is float32; maps and tiles of results,
not of gradients, may be bfloat16 as its bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .bfloat16 import OPTIONS, like, wide

__all__ = ["add_tiles", "gradient_tiles", "input_tiles", "join_tiles", "pool_tiles"]


@njit(inline="always", **OPTIONS)
def _differences(d0, d1, d2, d3, v0, v1, v2, v3):
    for c in range(len(v0)):
        a, b, e, f = wide(d0[c]), wide(d1[c]), wide(d2[c]), wide(d3[c])
        v0[c], v1[c] = like(v0[c], a - e), like(v1[c], b + e)
        v2[c], v3[c] = like(v2[c], e - b), like(v3[c], b - f)


@njit(inline="always", **OPTIONS)
def _add_differences(v0, v1, v2, v3, d0, d1, d2, d3):
    for c in range(len(v0)):
        a, b, e, f = v0[c], v1[c], v2[c], v3[c]
        d0[c] += a
        d1[c] += b - e + f
        d2[c] += b + e - a
        d3[c] -= f


@njit(inline="always", **OPTIONS)
def _sums(m0, m1, m2, m3, s0, s1):
    for c in range(len(s0)):
        b, e = wide(m1[c]), wide(m2[c])
        s0[c], s1[c] = wide(m0[c]) + b + e, b - e - wide(m3[c])


@njit(inline="always", **OPTIONS)
def _spread(s0, s1, m0, m1, m2, m3):
    for c in range(len(s0)):
        a, b = s0[c], s1[c]
        m0[c], m1[c] = a, a + b
        m2[c], m3[c] = a - b, -b


@njit(**OPTIONS)
def input_tiles(x, first, tiles):
    """Fill the tiles from number `first` on with what a map of the input gives them."""
    n_mels = (x.shape[1] - 2) // 2
    half = np.empty((4, 4, x.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        for k in range(4):
            _differences(x[t, q + k], x[t + 1, q + k], x[t + 2, q + k], x[t + 3, q + k],
                         half[0, k], half[1, k], half[2, k], half[3, k])  # fmt: skip
        for k in range(4):
            _differences(half[k, 0], half[k, 1], half[k, 2], half[k, 3], tiles[4 * k, i],
                         tiles[4 * k + 1, i], tiles[4 * k + 2, i], tiles[4 * k + 3, i])  # fmt: skip


@njit(**OPTIONS)
def add_tiles(tiles, first, x):
    """Add to the gradient of the input, in float32, what the gradients of its tiles give it."""
    n_mels = (x.shape[1] - 2) // 2
    half = np.empty((4, 4, x.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        half[:] = 0
        for k in range(4):
            _add_differences(tiles[4 * k, i], tiles[4 * k + 1, i], tiles[4 * k + 2, i],
                             tiles[4 * k + 3, i], half[k, 0], half[k, 1], half[k, 2],
                             half[k, 3])  # fmt: skip
        for k in range(4):
            _add_differences(half[0, k], half[1, k], half[2, k], half[3, k],
                             x[t, q + k], x[t + 1, q + k], x[t + 2, q + k],
                             x[t + 3, q + k])  # fmt: skip


@njit(inline="always", **OPTIONS)
def _output(tiles, i, half, cells):
    for k in range(4):
        _sums(tiles[k, i], tiles[4 + k, i], tiles[8 + k, i], tiles[12 + k, i],
              half[0, k], half[1, k])  # fmt: skip
    for k in range(2):
        _sums(half[k, 0], half[k, 1], half[k, 2], half[k, 3], cells[k, 0], cells[k, 1])


@njit(**OPTIONS)
def join_tiles(tiles, first, z):
    """Fill a map of the output from its tiles; z is (time, mel, channels), without a border."""
    n_mels = (z.shape[1] + 1) // 2
    half = np.empty((2, 4, z.shape[2]), np.float32)
    cells = np.empty((2, 2, z.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        _output(tiles, i, half, cells)
        for j in range(min(2, z.shape[0] - t)):
            for k in range(min(2, z.shape[1] - q)):
                cell, to = cells[j, k], z[t + j, q + k]
                for c in range(len(to)):
                    to[c] = like(to[c], cell[c])


@njit(**OPTIONS)
def pool_tiles(tiles, first, bias, out):
    """out = relu(max_pool(z + bias)), pooled by two and two: a tile gives one cell."""
    n_mels = out.shape[1]
    half = np.empty((2, 4, out.shape[2]), np.float32)
    cells = np.empty((2, 2, out.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        _output(tiles, i, half, cells)
        to = out[(first + i) // n_mels, (first + i) % n_mels]
        a, b, d, e = cells[0, 0], cells[0, 1], cells[1, 0], cells[1, 1]
        for c in range(len(to)):
            best = max(max(a[c], b[c]), max(d[c], e[c]))
            to[c] = like(to[c], max(best + bias[c], np.float32(0)))


@njit(**OPTIONS)
def gradient_tiles(z, first, tiles):
    """Fill tiles with the gradient of a map of the output, (time, mel, channels)."""
    n_mels = (z.shape[1] + 1) // 2
    half = np.empty((4, 2, z.shape[2]), np.float32)
    cells = np.empty((2, 2, z.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        cells[:] = 0
        for j in range(min(2, z.shape[0] - t)):
            for k in range(min(2, z.shape[1] - q)):
                cell, to = z[t + j, q + k], cells[j, k]
                for c in range(len(to)):
                    to[c] = cell[c]
        for k in range(2):
            _spread(cells[0, k], cells[1, k], half[0, k], half[1, k], half[2, k], half[3, k])
        for k in range(4):
            _spread(half[k, 0], half[k, 1], tiles[4 * k, i], tiles[4 * k + 1, i],
                    tiles[4 * k + 2, i], tiles[4 * k + 3, i])  # fmt: skip
