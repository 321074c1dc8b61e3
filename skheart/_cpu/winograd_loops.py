"""Compiled loops of Winograd's convolution: recordings to tiles and back.

A tile is four by four cells of the input or two by two of the output, and overlaps its neighbours
in the input by two. Tiles lie as (16, tile, channels), numbered along the mel bins first. Maps are
(time, mel, channels), that of the input with a border of zeros: one cell before, and after it as
many as fill the tiles. Channels are in the vector lanes; all is float32.
"""

from __future__ import annotations

import numpy as np

from .compiled import compiled, inlined

__all__ = ["add_tiles", "gradient_tiles", "input_tiles", "join_tiles", "pool_tiles"]


@inlined
def _differences(a, b, c, d, w, x, y, z):
    for k in range(len(w)):
        w[k], x[k], y[k], z[k] = a[k] - c[k], b[k] + c[k], c[k] - b[k], b[k] - d[k]


@inlined
def _add_differences(a, b, c, d, w, x, y, z):
    for k in range(len(a)):
        w[k], x[k] = w[k] + a[k], x[k] + b[k] - c[k] + d[k]
        y[k], z[k] = y[k] + b[k] + c[k] - a[k], z[k] - d[k]


@inlined
def _spread(a, b, w, x, y, z):
    for k in range(len(a)):
        w[k], x[k], y[k], z[k] = a[k], a[k] + b[k], a[k] - b[k], -b[k]


@inlined
def _sums(a, b, c, d, x, y):
    for k in range(len(x)):
        x[k], y[k] = a[k] + b[k] + c[k], b[k] - c[k] - d[k]


@inlined
def _largest(a, b, c, d, bias, out):
    for k in range(len(out)):
        out[k] = max(max(max(a[k], b[k]), max(c[k], d[k])) + bias[k], np.float32(0))


@compiled
def input_tiles(x, first, tiles):
    """Fill the tiles from number `first` on."""
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


@inlined
def _output(tiles, i, half, cells):
    """The cells of tile i of the output."""
    for k in range(4):
        _sums(tiles[k, i], tiles[4 + k, i], tiles[8 + k, i], tiles[12 + k, i],
              half[0, k], half[1, k])  # fmt: skip
    for k in range(2):
        _sums(half[k, 0], half[k, 1], half[k, 2], half[k, 3], cells[k, 0], cells[k, 1])


@compiled
def join_tiles(tiles, first, z):
    """Write the map of the output."""
    n_mels = (z.shape[1] + 1) // 2
    half = np.empty((2, 4, z.shape[2]), np.float32)
    cells = np.empty((2, 2, z.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        _output(tiles, i, half, cells)
        for j in range(min(2, z.shape[0] - t)):
            for k in range(min(2, z.shape[1] - q)):
                z[t + j, q + k] = cells[j, k]


@compiled
def pool_tiles(tiles, first, pool_time, bias, out):
    """Write relu(max_pool(z + bias)), z the map of the output; pools are (pool_time, 2) cells."""
    n_mels, n_channels = out.shape[1], out.shape[2]
    half = np.empty((2, 4, n_channels), np.float32)
    cells = np.empty((2, 2, n_channels), np.float32)
    for i in range(tiles.shape[1]):
        t, q = (first + i) // n_mels, (first + i) % n_mels
        _output(tiles, i, half, cells)
        if pool_time == 2:
            _largest(cells[0, 0], cells[0, 1], cells[1, 0], cells[1, 1], bias, out[t, q])
            continue
        for k in range(min(2, len(out) - 2 * t)):
            a, b = cells[k, 0], cells[k, 1]
            _largest(a, b, a, b, bias, out[2 * t + k, q])


@compiled
def gradient_tiles(z, first, tiles):
    """Fill the tiles of the gradient of the output from number `first` on."""
    n_mels = (z.shape[1] + 1) // 2
    half = np.empty((4, 2, z.shape[2]), np.float32)
    cells = np.empty((2, 2, z.shape[2]), np.float32)
    for i in range(tiles.shape[1]):
        t, q = 2 * ((first + i) // n_mels), 2 * ((first + i) % n_mels)
        cells[:] = 0
        for j in range(min(2, z.shape[0] - t)):
            for k in range(min(2, z.shape[1] - q)):
                cells[j, k] = z[t + j, q + k]
        for k in range(2):
            _spread(cells[0, k], cells[1, k], half[0, k], half[1, k], half[2, k], half[3, k])
        for k in range(4):
            _spread(half[k, 0], half[k, 1], tiles[4 * k, i], tiles[4 * k + 1, i],
                    tiles[4 * k + 2, i], tiles[4 * k + 3, i])  # fmt: skip


@compiled
def add_tiles(tiles, first, x):
    """Add what the tiles from number `first` on give to the gradient of the input."""
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
