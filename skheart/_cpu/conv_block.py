"""Training step of a convolution, batch normalisation, max-pooling and ReLU on the CPU.

Pooling comes before the normalisation, which is increasing where its weight is positive (elsewhere
the sign is moved to the convolution), so that all but the moments is computed on the pooled map.
The output of the convolution is kept for the gradient, and overwritten by it.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from . import winograd
from .chunks import LAST, borrow, chunk_slices, give_back, in_chunks

__all__ = ["channels_last", "conv_norm_pool"]

# Channels from which on the compiled loops are faster than torch; measured.
MIN_CHANNELS = 32

aten = torch.ops.aten


def conv_norm_pool(x, conv, norm, pool, *, compiled=False):
    """Compute relu(norm(max_pool(conv(x)))) in training mode, and update the running moments.

    The same numbers as with the pooling after the normalisation.

    Parameters
    ----------
    x : Tensor of shape (n, channels, time, mel), float32 or bfloat16
        On the CPU. The feature maps have its type; moments, weights and their gradients are
        float32.
    conv : Conv2d
        Without bias, padding "same".
    norm : BatchNorm2d
        In training mode.
    pool : (int, int)
        Size of the max-pooling in (time, mel), not above that of x.
    compiled : bool, default=False
        Use the compiled loops for layers that are wide enough.

    Returns
    -------
    Tensor of shape (n, out_channels, time // pool[0], mel // pool[1])
    """
    even = [1 - size % 2 for size in conv.kernel_size]
    if any(even):  # as "same" does: what is left over goes to the end
        x = functional.pad(x, (0, even[1], 0, even[0]))
    padding = [(size - 1) // 2 for size in conv.kernel_size]
    compiled = compiled and conv.out_channels >= MIN_CHANNELS
    y, mean, variance = _ConvNormPool.apply(
        x, conv.weight, norm.weight, norm.bias, norm.eps, pool, padding, compiled
    )
    with torch.no_grad():
        count = y.shape[0] * (x.shape[2] - even[0]) * (x.shape[3] - even[1])
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
    return y


class _ConvNormPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, gamma, beta, eps, pool, padding, compiled):
        x = channels_last(x)
        sign = torch.where(gamma < 0, -1.0, 1.0)
        signed = channels_last((weight * sign[:, None, None, None]).to(x.dtype))
        pool_map, map_gradient = _compiled_steps() if compiled else (_pool_map, _map_gradient)
        kernel = None
        if compiled and winograd.is_faster(signed):
            kernel = winograd.transform_weight(signed)
        size = [x.shape[2 + k] + 2 * padding[k] - weight.shape[2 + k] + 1 for k in range(2)]
        z = borrow((len(x), len(weight), *size), x.dtype)
        slices = chunk_slices(len(x), z[0].nbytes)

        def convolve(rows):
            if kernel is not None:
                winograd.convolve(x[rows], kernel, z[rows])
            else:
                z[rows] = functional.conv2d(x[rows], signed, padding=padding)
            return pool_map(z[rows], pool)

        pooled, moments = zip(*in_chunks(convolve, slices), strict=True)
        mean, variance = _merge_moments(moments, [z[rows, 0].numel() for rows in slices])
        mean, variance = mean.float(), variance.float()
        norm = gamma.detach().abs(), beta.detach(), mean, variance
        y = torch.empty((len(x), *pooled[0][0].shape[1:]), dtype=x.dtype, memory_format=LAST)

        def normalise(chunk):
            rows, (largest, _) = chunk
            y[rows] = functional.batch_norm(largest, mean, variance, *norm[:2], eps=eps)

        in_chunks(normalise, list(zip(slices, pooled, strict=True)))
        y.relu_()
        ctx.save_for_backward(x, signed, sign, y)
        ctx.maps = z, list(zip(slices, pooled, strict=True))
        ctx.settings = pool, padding, norm, eps, kernel, map_gradient
        mean = mean * sign
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad, *_):
        if ctx.maps is None:
            raise RuntimeError("The gradient of a training step can be taken once only.")
        x, signed, sign, y = ctx.saved_tensors
        (z, chunks), ctx.maps = ctx.maps, None
        pool, padding, (gamma, _, mean, variance), eps, kernel, map_gradient = ctx.settings
        grad = grad.contiguous(memory_format=LAST)

        def pass_norm(chunk):
            rows, (largest, _) = chunk
            passed = aten.threshold_backward(grad[rows], y[rows], 0)  # by ReLU
            return aten.native_batch_norm_backward(
                passed, largest, gamma, mean, variance, None, None, False, eps, [True] * 3
            )

        passed, gamma_grads, beta_grads = zip(*in_chunks(pass_norm, chunks), strict=True)
        gamma_grad, beta_grad = sum(gamma_grads), sum(beta_grads)
        count = z[:, 0].numel()
        rate = (variance + eps).rsqrt()
        slope = -gamma * rate**2 * gamma_grad / count
        offset = -gamma * rate * beta_grad / count - slope * mean
        x_grad = torch.empty_like(x) if ctx.needs_input_grad[0] else None

        def go_back(job):
            (rows, largest), passed = job
            map_gradient(z[rows], pool, largest, passed, slope, offset)
            if kernel is not None:
                into_x = None if x_grad is None else x_grad[rows]
                return winograd.gradients(z[rows], x[rows], kernel, into_x)
            into_x, into_weight, _ = aten.convolution_backward(
                z[rows], x[rows], signed, None, [1, 1], padding, [1, 1], False, [0, 0], 1,
                [x_grad is not None, True, False],
            )  # fmt: skip
            if x_grad is not None:
                x_grad[rows] = into_x
            return into_weight.float()

        weight_grad = sum(in_chunks(go_back, list(zip(chunks, passed, strict=True))))
        give_back(z)
        weight_grad = weight_grad * sign[:, None, None, None]
        return x_grad, weight_grad, gamma_grad * sign, beta_grad, None, None, None, None


def _pool_map(z, pool):
    """Maximum of each pool with its place, and mean and variance of each channel."""
    mean, variance = torch.batch_norm_update_stats(z, None, None, 0.0)
    largest = aten.max_pool2d_with_indices(z, pool, pool)
    return largest, (mean.double(), variance.double())


def _map_gradient(z, pool, largest, passed, slope, offset):
    """Overwrite z by slope * z + offset, plus `passed` at the maximum of each pool."""
    at_largest = aten.max_pool2d_with_indices_backward(
        passed, z, pool, pool, [0, 0], [1, 1], False, largest[1]
    )
    slope, offset = (_per_channel(v).to(z.dtype) for v in (slope, offset))
    torch.addcmul(offset, z, slope, out=z).add_(at_largest)


def _compiled_steps():
    """`_pool_map` and `_map_gradient` by compiled loops."""
    from . import pool_loops as loops  # importing numba takes half a second

    def pool_map(z, pool):
        n, channels, n_times, n_mels = z.shape
        shape = n, channels, n_times // pool[0], n_mels // pool[1]
        largest = torch.empty(shape, dtype=z.dtype, memory_format=LAST)
        moments = torch.zeros(2, channels, dtype=torch.float64)
        loops.pool_map(_as_array(z), pool, _as_array(largest), moments.numpy())
        return (largest, None), tuple(moments)

    def map_gradient(z, pool, largest, passed, slope, offset):
        factors = slope.float().numpy(), offset.float().numpy()
        arrays = (_as_array(maps) for maps in (largest[0], passed))
        loops.map_gradient(_as_array(z), pool, *arrays, *factors)

    return pool_map, map_gradient


def channels_last(maps):
    """Maps with the channels innermost, in their strides too where there is one channel.

    Their strides are how a convolution tells its format: with those of torch, one input channel
    made the first layer ten times as slow.
    """
    maps = maps.contiguous(memory_format=LAST)
    n_channels, height, width = maps.shape[1:]
    strides = (n_channels * height * width, 1, n_channels * width, n_channels)
    return maps.as_strided(maps.shape, strides, maps.storage_offset())


def _per_channel(values):
    return values[:, None, None]


def _as_array(maps):
    """A view of maps as an array (n, time, mel, channels); bfloat16 as its bits."""
    cells = maps.permute(0, 2, 3, 1)
    if cells.dtype == torch.bfloat16:
        return cells.view(torch.int16).numpy().view("uint16")
    return cells.numpy()


def _merge_moments(moments, counts):
    """Mean and variance of each channel from those of the chunks."""
    means, variances = (torch.stack(values) for values in zip(*moments, strict=True))
    shares = torch.tensor(counts, dtype=torch.float64)[:, None] / sum(counts)
    mean = (shares * means).sum(0)
    return mean, (shares * (variances + (means - mean) ** 2)).sum(0)
