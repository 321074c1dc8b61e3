"""Convolution, batch normalisation, max-pooling and ReLU as one step of training on the CPU.

The maximum of a pool is taken before the normalisation, which is increasing where its weight is
positive (elsewhere the sign goes into the convolution), so that all but the moments is computed on
the pooled map. The map of the convolution is kept for the gradient, and overwritten by it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from . import winograd as winograd
from .chunks import borrow, chunk_slices, give_back, in_chunks

__all__ = ["channels_last", "conv_norm_pool", "fold", "folded_conv_pool"]

LAST = torch.channels_last


def conv_norm_pool(x, conv, norm, pool):
    """relu(norm(max_pool(conv(x)))) with the batch's moments, and the running ones updated.

    The same numbers as with the pooling after the normalisation.

    Parameters
    ----------
    x : Tensor of shape (n, channels, time, mel), float32 or bfloat16
        On the CPU. The maps have its type; moments, weights and their gradients are float32.
    conv : Conv2d
        Without bias, padding "same".
    norm : BatchNorm2d
        In training mode.
    pool : (int, int)
        Size of the max-pooling in (time, mel), not above that of x.

    Returns
    -------
    Tensor of shape (n, out_channels, time // pool[0], mel // pool[1])
    """
    even = [1 - size % 2 for size in conv.kernel_size]
    if any(even):  # as "same" does: what is left over goes to the end
        x = functional.pad(x, (0, even[1], 0, even[0]))
    padding = [(size - 1) // 2 for size in conv.kernel_size]
    y, mean, variance = _ConvNormPool.apply(
        x, conv.weight, norm.weight, norm.bias, norm.eps, pool, padding
    )
    with torch.no_grad():
        count = y.shape[0] * (x.shape[2] - even[0]) * (x.shape[3] - even[1])
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
    return y


def fold(conv, norm, dtype):
    """What `folded_conv_pool` takes of norm(conv(x)) in evaluation mode, in `dtype`."""
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight = channels_last((conv.weight * scale[:, None, None, None]).to(dtype))
    bias = (norm.bias - norm.running_mean * scale).to(dtype)
    fast = winograd.suits(weight) and not torch.is_grad_enabled()
    return weight, bias, winograd.spread(weight) if fast else None


def folded_conv_pool(x, weight, bias, kernel, pool):
    """relu(max_pool(norm(conv(x)))) in evaluation mode.

    Parameters
    ----------
    x : Tensor of shape (n, channels, time, mel)
        On any device.
    weight, bias, kernel : Tensor
        What `fold` gave; kernel is None where the convolution is torch's.
    pool : (int, int)
        As for `conv_norm_pool`.

    Returns
    -------
    Tensor of shape (n, out_channels, time // pool[0], mel // pool[1])
    """
    fast = kernel is not None and not x.requires_grad
    if fast and pool == (2, 2):
        return winograd.convolve_pool(x, kernel, bias)
    if fast:
        z = winograd.convolve(x, kernel).add_(bias[:, None, None])
    else:
        z = functional.conv2d(x, weight, bias, padding="same")
    if z.device.type != "cpu" or z.requires_grad or z.dtype not in (torch.float32, torch.bfloat16):
        return functional.relu(functional.max_pool2d(z, pool))
    from . import pool_kernels as kernels

    shape = (*z.shape[:2], z.shape[2] // pool[0], z.shape[3] // pool[1])
    y = torch.empty(shape, dtype=z.dtype, memory_format=LAST)
    kernels.pool_relu(_cells(z.contiguous(memory_format=LAST)), pool, _cells(y))
    return y


class _ConvNormPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, gamma, beta, eps, pool, padding):
        from . import pool_kernels as kernels  # numba is slow to import: only to train

        x = channels_last(x)
        sign = torch.where(gamma < 0, -1.0, 1.0)
        signed = channels_last((weight * sign[:, None, None, None]).to(x.dtype))
        # In bfloat16 its gradients would be less exact than those of the plain algorithm.
        fast = winograd.suits(weight) and x.dtype == torch.float32
        kernel = winograd.spread(signed) if fast else None
        n, _, n_times, n_mels = x.shape
        n_times += 2 * padding[0] - weight.shape[2] + 1
        n_mels += 2 * padding[1] - weight.shape[3] + 1
        channels = len(weight)
        z = borrow((n, channels, n_times, n_mels), x.dtype, LAST)
        largest = borrow((n, channels, n_times // pool[0], n_mels // pool[1]), x.dtype, LAST)
        slices = chunk_slices(n, channels * n_times * n_mels * x.dtype.itemsize)

        def convolve(rows):
            if kernel is not None:
                chunk = winograd.convolve(x[rows], kernel)
            else:
                chunk = functional.conv2d(x[rows], signed, padding=padding)
            chunk = _cells(chunk.contiguous(memory_format=LAST))
            moments = np.zeros((3, channels))
            kernels.forward_map(chunk, _cells(z[rows]), pool, _cells(largest[rows]), moments)
            return moments

        mean, variance = _merge(in_chunks(convolve, slices), slices, n, n_times * n_mels)
        rate = 1 / np.sqrt(variance + eps)
        scale = gamma.detach().abs().numpy() * rate
        shift = beta.detach().numpy() - scale * mean
        factors = scale.astype(np.float32), shift.astype(np.float32)
        y = torch.empty_like(largest)

        def normalise(rows):
            kernels.normalise(_cells(largest[rows]), *factors, _cells(y[rows]))

        in_chunks(normalise, slices)
        ctx.save_for_backward(x, signed, sign)
        ctx.maps = z, largest
        ctx.settings = pool, padding, slices, factors, mean, rate, kernel
        mean, variance = (torch.from_numpy(v).float() for v in (mean * sign.numpy(), variance))
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad, *_):
        from . import pool_kernels as kernels

        if ctx.maps is None:
            raise RuntimeError("The gradient of a training step can be taken once only.")
        x, signed, sign = ctx.saved_tensors
        z, largest = ctx.maps
        ctx.maps = None
        pool, padding, slices, factors, mean, rate, kernel = ctx.settings
        grad = grad.contiguous(memory_format=LAST)
        channels = len(sign)

        def add_up(rows):
            sums = np.zeros((2, channels))
            kernels.backward_sums(_cells(largest[rows]), *factors, _cells(grad[rows]), sums)
            return sums

        beta_grad, products = sum(in_chunks(add_up, slices))
        gamma_grad = (products - mean * beta_grad) * rate
        count = z.numel() / channels
        slope = -factors[0] * rate * gamma_grad / count
        offset = -factors[0] * beta_grad / count - slope * mean
        slope, offset = slope.astype(np.float32), offset.astype(np.float32)
        x_grad = torch.empty_like(x) if ctx.needs_input_grad[0] else None

        def go_back(rows):
            maps = _cells(largest[rows]), *factors, _cells(grad[rows])
            kernels.backward_map(_cells(z[rows]), pool, *maps, slope, offset)
            if kernel is not None:
                into_x = None if x_grad is None else x_grad[rows]
                return winograd.gradients(z[rows], x[rows], kernel, into_x)
            into_x, into_weight, _ = torch.ops.aten.convolution_backward(
                z[rows], x[rows], signed, None, [1, 1], padding, [1, 1], False, [0, 0], 1,
                [x_grad is not None, True, False],
            )  # fmt: skip
            if x_grad is not None:
                x_grad[rows] = into_x
            return into_weight.float()

        weight_grad = torch.zeros_like(signed, dtype=torch.float32)
        for part in in_chunks(go_back, slices):
            weight_grad += part
        give_back(z, LAST)
        give_back(largest, LAST)
        weight_grad *= sign[:, None, None, None]
        gamma_grad, beta_grad = (
            torch.from_numpy(v).float() for v in (gamma_grad * sign.numpy(), beta_grad)
        )
        return x_grad, weight_grad, gamma_grad, beta_grad, None, None, None


def channels_last(maps):
    """Maps with the channels innermost, in their strides too where there is one channel.

    Their strides are how a convolution tells its format: with those of torch, one input channel
    made the first layer ten times as slow.
    """
    maps = maps.contiguous(memory_format=LAST)
    n_channels, height, width = maps.shape[1:]
    strides = (n_channels * height * width, 1, n_channels * width, n_channels)
    return maps.as_strided(maps.shape, strides, maps.storage_offset())


def _cells(maps):
    """A view of maps as an array (n, time, mel, channels); bfloat16 as its bits."""
    return winograd.as_array(maps.detach().permute(0, 2, 3, 1))


def _merge(moments, slices, n_rows, n_cells):
    """Mean and variance of each channel from the chunks' counts, means and squares."""
    counts = [n_cells * len(range(n_rows)[rows]) for rows in slices]
    shares = np.array(counts)[:, None] / sum(counts)
    origin, sums, squares = np.stack(moments, axis=1)
    means = sums / np.array(counts)[:, None]
    variances = squares / np.array(counts)[:, None] - means**2
    means = means + origin
    mean = (shares * means).sum(axis=0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(axis=0)
    return mean, np.maximum(variance, 0)
