"""Convolution with kernels of 3 x 3 in 16 products for four cells, where it takes 36 otherwise.

Winograd's algorithm F(2 x 2, 3 x 3), for its result and for its gradients: the same numbers, up to
rounding. Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["as_array", "convolve", "convolve_pool", "gradients", "spread", "suits"]

# Tiles multiplied at once, at least: with their products they stay in a core's own cache.
TILES = 96
# Pairs of channels from which on the products outweigh the making of tiles; measured.
PAIRS = {torch.float32: 64 * 128, torch.bfloat16: 128 * 256}
KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))


def suits(weight):
    """Whether a convolution on the CPU with this weight is faster this way."""
    n_pairs = weight.shape[0] * weight.shape[1]
    large = n_pairs >= PAIRS.get(weight.dtype, float("inf"))
    return large and weight.shape[2:] == (3, 3) and weight.device.type == "cpu"


def spread(weight):
    """The weight (out_channels, in_channels, 3, 3) as `convolve` takes it."""
    matrix = torch.tensor(KERNEL)
    kernel = torch.einsum("jk,ocki,li->jlco", matrix, weight.float(), matrix)
    return kernel.reshape(16, *kernel.shape[2:]).to(weight.dtype).contiguous()


def convolve(x, kernel):
    """``conv2d(x, weight, padding="same")``.

    Parameters
    ----------
    x : Tensor of shape (n, in_channels, time, mel)
        Channels last.
    kernel : Tensor of shape (16, in_channels, out_channels)
        What `spread` gave.

    Returns
    -------
    Tensor of shape (n, out_channels, time, mel), channels last
    """
    from . import winograd_kernels as kernels

    z = _empty(x, kernel, x.shape[2:])
    for i, first, tiles in _input_tiles(x, kernel, *_half(x, up=True)):
        kernels.join_tiles(as_array(torch.bmm(tiles, kernel)), first, _cells(z[i]))
    return z


def convolve_pool(x, kernel, bias):
    """``relu(max_pool2d(conv2d(x, weight, bias, padding="same"), 2))``; the rest as `convolve`."""
    from . import winograd_kernels as kernels

    bias = bias.float().numpy()
    y = _empty(x, kernel, _half(x))
    for i, first, tiles in _input_tiles(x, kernel, *_half(x)):
        kernels.pool_tiles(as_array(torch.bmm(tiles, kernel)), first, bias, _cells(y[i]))
    return y


def gradients(grad, x, kernel, x_grad=None):
    """Gradients of `convolve`, in float32.

    Parameters
    ----------
    grad : Tensor of shape (n, out_channels, time, mel)
        Gradient of the result, channels last.
    x, kernel : Tensor
        What `convolve` took.
    x_grad : Tensor or None, default=None
        Takes the gradient of x, where that is asked for.

    Returns
    -------
    Tensor of shape (out_channels, in_channels, 3, 3)
        Gradient of the weight.
    """
    from . import winograd_kernels as kernels

    n_times, n_mels = _half(x, up=True)
    total = torch.zeros(kernel.shape)
    border = torch.zeros(len(x), 2 * n_times + 2, 2 * n_mels + 2, x.shape[1])
    for i, first, tiles in _input_tiles(x, kernel, n_times, n_mels):
        products = torch.empty(16, tiles.shape[1], kernel.shape[2])
        kernels.gradient_tiles(_cells(grad[i]), first, products.numpy())
        total.baddbmm_(tiles.transpose(1, 2), products)
        if x_grad is not None:
            back = torch.bmm(products, kernel.transpose(1, 2))
            kernels.add_tiles(back.numpy(), first, border[i].numpy())
    if x_grad is not None:
        x_grad.copy_(border[:, 1:, 1:][:, : x.shape[2], : x.shape[3]].permute(0, 3, 1, 2))
    matrix = torch.tensor(KERNEL)
    total = total.reshape(4, 4, *total.shape[1:])
    return torch.einsum("jk,jlco,li->ocki", matrix, total, matrix)


def _input_tiles(x, kernel, n_times, n_mels):
    """Blocks of tiles of each recording: its number, that of the first tile, and the tiles."""
    from . import winograd_kernels as kernels

    n_tiles = n_times * n_mels
    n_in, n_out = kernel.shape[1:]
    size = max(TILES, 2 * n_in * n_out // (n_in + n_out))  # twice the memory of the kernel
    size = -(-n_tiles // -(-n_tiles // size)) if n_tiles else 1
    border = 0, 0, 1, 2 * n_mels + 1 - x.shape[3], 1, 2 * n_times + 1 - x.shape[2]
    for i in range(len(x)):
        padded = functional.pad(x[i].permute(1, 2, 0), border)
        for first in range(0, n_tiles, size):
            tiles = torch.empty(16, min(size, n_tiles - first), n_in, dtype=x.dtype)
            kernels.input_tiles(as_array(padded), first, as_array(tiles))
            yield i, first, tiles


def _half(x, up=False):
    return [(size + up) // 2 for size in x.shape[2:]]


def _empty(x, kernel, size):
    shape = (len(x), kernel.shape[2], *size)
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last)


def _cells(maps):
    """A map of one recording as an array (time, mel, channels)."""
    return as_array(maps.permute(1, 2, 0))


def as_array(cells):
    """An array of the same memory; bfloat16 as its bits."""
    if cells.dtype == torch.bfloat16:
        return cells.view(torch.int16).numpy().view("uint16")
    return cells.numpy()
