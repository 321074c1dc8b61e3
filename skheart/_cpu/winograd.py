"""Convolution with kernels of 3 x 3 in 16 multiplications for four cells, where it takes 36.

Winograd's algorithm F(2 x 2, 3 x 3) for the result and for its gradients: the same numbers, up to
rounding. Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["POOLS", "convolve", "convolve_pool", "gradients", "is_faster", "transform_weight"]

POOLS = ((2, 2), (1, 2))
# Tiles multiplied at once, at least: with their products they stay in a core's own cache.
MIN_TILES = 96
# Pairs of channels from which on the multiplications outweigh the making of tiles; measured.
MIN_PAIRS = 64 * 128
MATRIX = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))


def is_faster(weight):
    """Whether a convolution on the CPU with this weight is faster this way."""
    large = weight.shape[0] * weight.shape[1] >= MIN_PAIRS
    return large and weight.shape[2:] == (3, 3) and weight.dtype == torch.float32


def transform_weight(weight):
    """Transform a weight (out_channels, in_channels, 3, 3) for the other functions."""
    matrix = torch.tensor(MATRIX)
    kernel = torch.einsum("jk,ocki,li->jlco", matrix, weight, matrix)
    return kernel.reshape(16, *kernel.shape[2:]).contiguous()


def convolve(x, kernel, out):
    """Write ``conv2d(x, weight, padding="same")`` to `out`.

    Parameters
    ----------
    x : Tensor of shape (n, in_channels, time, mel)
        Channels last.
    kernel : Tensor of shape (16, in_channels, out_channels)
        What `transform_weight` returned.
    out : Tensor of shape (n, out_channels, time, mel)
        Channels last.
    """
    from . import winograd_loops as loops  # importing numba takes half a second

    for i, first, tiles in _input_tiles(x, kernel, [(size + 1) // 2 for size in x.shape[2:]]):
        loops.join_tiles(torch.bmm(tiles, kernel).numpy(), first, _cells(out[i]))


def convolve_pool(x, kernel, bias, pool):
    """Compute ``relu(max_pool2d(conv2d(x, weight, bias, padding="same"), pool))``.

    Parameters
    ----------
    x, kernel : Tensor
        As for `convolve`.
    bias : Tensor of shape (out_channels,)
        Added before the ReLU.
    pool : (int, int)
        Size of the max-pooling in (time, mel), one of `POOLS`.

    Returns
    -------
    Tensor of shape (n, out_channels, time // pool[0], mel // 2), channels last
    """
    from . import winograd_loops as loops

    n_times, n_mels = x.shape[2:]
    shape = len(x), kernel.shape[2], n_times // pool[0], n_mels // 2
    y = torch.empty(shape, memory_format=torch.channels_last)
    n_tiles = (n_times // 2 if pool[0] == 2 else (n_times + 1) // 2), n_mels // 2
    for i, first, tiles in _input_tiles(x, kernel, n_tiles):
        products = torch.bmm(tiles, kernel)
        loops.pool_tiles(products.numpy(), first, pool[0], bias.numpy(), _cells(y[i]))
    return y


def gradients(grad, x, kernel, x_grad=None):
    """Compute the gradients of `convolve`.

    Parameters
    ----------
    grad : Tensor of shape (n, out_channels, time, mel)
        Gradient of the result, channels last.
    x, kernel : Tensor
        As for `convolve`.
    x_grad : Tensor or None, default=None
        Takes the gradient of x, if given.

    Returns
    -------
    Tensor of shape (out_channels, in_channels, 3, 3)
        Gradient of the weight.
    """
    from . import winograd_loops as loops

    n_tiles = [(size + 1) // 2 for size in x.shape[2:]]
    total = torch.zeros(kernel.shape)
    border = torch.zeros(len(x), 2 * n_tiles[0] + 2, 2 * n_tiles[1] + 2, x.shape[1])
    for i, first, tiles in _input_tiles(x, kernel, n_tiles):
        products = torch.empty(16, tiles.shape[1], kernel.shape[2])
        loops.gradient_tiles(_cells(grad[i]), first, products.numpy())
        total.baddbmm_(tiles.transpose(1, 2), products)
        if x_grad is not None:
            back = torch.bmm(products, kernel.transpose(1, 2))
            loops.add_tiles(back.numpy(), first, border[i].numpy())
    if x_grad is not None:
        x_grad.copy_(border[:, 1:, 1:][:, : x.shape[2], : x.shape[3]].permute(0, 3, 1, 2))
    matrix = torch.tensor(MATRIX)
    total = total.reshape(4, 4, *total.shape[1:])
    return torch.einsum("jk,jlco,li->ocki", matrix, total, matrix)


def _input_tiles(x, kernel, n_tiles):
    """Yield blocks of tiles: number of the recording, number of the first tile, and tiles.

    `n_tiles` in time and mel are those of a recording.
    """
    from . import winograd_loops as loops

    n_times, n_mels = n_tiles
    total = n_times * n_mels
    n_in, n_out = kernel.shape[1:]
    size = max(MIN_TILES, 2 * n_in * n_out // (n_in + n_out))  # twice the memory of the kernel
    size = -(-total // -(-total // size)) if total else 1
    border = 0, 0, 1, 2 * n_mels + 1 - x.shape[3], 1, 2 * n_times + 1 - x.shape[2]
    for i in range(len(x)):
        padded = functional.pad(x[i].permute(1, 2, 0), border).numpy()
        for first in range(0, total, size):
            tiles = torch.empty(16, min(size, total - first), n_in)
            loops.input_tiles(padded, first, tiles.numpy())
            yield i, first, tiles


def _cells(recording):
    """A view of the map of a recording as an array (time, mel, channels)."""
    return recording.permute(1, 2, 0).numpy()
