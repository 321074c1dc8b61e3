"""Prediction of a convolution, batch normalisation, max-pooling and ReLU, the first two folded."""

from __future__ import annotations

from functools import reduce

import torch
from torch.nn import functional

from . import winograd
from .conv_block import channels_last

__all__ = ["fold", "folded_conv_pool"]


def fold(conv, norm, dtype, *, compiled=False):
    """Fold a batch normalisation in evaluation mode into the convolution before it.

    Parameters
    ----------
    conv : Conv2d
        Without bias, padding "same".
    norm : BatchNorm2d
        Its running moments are used.
    dtype : torch.dtype
        In which predictions are made.
    compiled : bool, default=False
        Use the compiled convolution where it is faster.

    Returns
    -------
    weight, bias, kernel : Tensor
        Arguments of `folded_conv_pool`; kernel is None where torch convolves.
    """
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight = channels_last((conv.weight * scale[:, None, None, None]).to(dtype))
    bias = (norm.bias - norm.running_mean * scale).to(dtype)
    kernel = winograd.transform_weight(weight) if compiled and winograd.is_faster(weight) else None
    return weight, bias, kernel


def folded_conv_pool(x, weight, bias, kernel, pool):
    """Compute relu(max_pool(norm(conv(x)))) in evaluation mode.

    Parameters
    ----------
    x : Tensor of shape (n, channels, time, mel)
        On any device.
    weight, bias, kernel : Tensor
        What `fold` returned.
    pool : (int, int)
        Size of the max-pooling in (time, mel), not above that of x.

    Returns
    -------
    Tensor of shape (n, out_channels, time // pool[0], mel // pool[1])
    """
    if kernel is not None and pool in winograd.POOLS:
        return winograd.convolve_pool(x, kernel, bias, pool)
    z = functional.conv2d(x, weight, bias, padding="same")
    if z.device.type != "cpu" or z.requires_grad:
        return functional.relu(functional.max_pool2d(z, pool))
    return _max_pool(z, pool).relu_()


def _max_pool(z, pool):
    """Max-pooling without the places of the maxima, which torch finds as well."""
    for dim, size in zip((2, 3), pool, strict=True):
        whole = z.narrow(dim, 0, z.shape[dim] // size * size)
        z = reduce(torch.maximum, whole.unflatten(dim, (-1, size)).unbind(dim + 1))
    return z
