"""Recordings of unlike length in one batch: what is past the end of one has no part in anything."""

from __future__ import annotations

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = [
    "aligned_right",
    "both_ways",
    "conv_norm_pool",
    "frames_there",
    "n_frames_of",
    "pooled",
    "trimmed",
]


def n_frames_of(x):
    """Frames of each recording of a batch, (n,): those at its end that are NaN are not there."""
    return (~x[:, :, 0].isnan()).sum(1)


def trimmed(x):
    """A batch cut to its longest recording, and its lengths; None where all are equally long."""
    lengths = n_frames_of(x)
    shortest, longest = lengths.min().item(), lengths.max().item()
    return x[:, :longest].contiguous(), None if shortest == longest else lengths


def frames_there(lengths, n_frames):
    """Whether each frame is within its recording, bool of shape (n, n_frames)."""
    return torch.arange(n_frames, device=lengths.device) < lengths[:, None]


def conv_norm_pool(x, lengths, conv, norm, sizes):
    """relu(max_pool(norm(conv(x)))), each recording as if it were alone.

    Parameters
    ----------
    x : Tensor of shape (n, channels, time, mel)
        0 past the end of a recording, as a convolution pads its edges.
    lengths : Tensor of int of shape (n,)
        Time cells of each recording.
    conv : Conv2d
        Without bias, padding "same".
    norm : BatchNorm2d
        In training, its moments are of the cells that are there.
    sizes : (int, int)
        Size of the max-pooling in (time, mel), cut to the map of each recording.

    Returns
    -------
    y : Tensor of shape (n, out_channels, time // sizes[0], mel // sizes[1])
        0 past the end of a recording.
    lengths : Tensor of int of shape (n,)
        Its time cells.
    """
    z = conv(x).permute(0, 2, 3, 1)
    there = frames_there(lengths, z.shape[1])
    cells = z[there]  # (cells of time, mel, channels)
    normed = functional.batch_norm(
        cells.flatten(0, 1).to(norm.weight.dtype),  # float32 where the maps are bfloat16
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        norm.momentum,
        norm.eps,
    )
    if norm.training:
        norm.num_batches_tracked += 1
    filled = torch.zeros_like(z)  # which ReLU makes the least that a pool can give
    filled[there] = normed.to(z.dtype).view_as(cells)
    pool = min(sizes[0], z.shape[1]), min(sizes[1], z.shape[2])
    y = functional.relu(functional.max_pool2d(filled.permute(0, 3, 1, 2), pool))
    lengths = pooled(lengths, sizes[0])
    return y.masked_fill(~frames_there(lengths, y.shape[2])[:, None, :, None], 0), lengths


def pooled(lengths, size):
    """Time cells after a pooling that is cut to recordings shorter than it."""
    return (lengths // size).clamp(min=1)


def both_ways(layers, x, lengths):
    """Bidirectional layers of torch, the backward direction from the end of each recording.

    Parameters
    ----------
    layers : iterable of LSTM or GRU
        With batch_first.
    x : Tensor of shape (n, time, features)
        The sequences.
    lengths : Tensor of int of shape (n,)
        Of each.

    Returns
    -------
    Tensor of shape (n, time, outputs)
    """
    h = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    for layer in layers:
        h, _ = layer(h)
    return pad_packed_sequence(h, batch_first=True, total_length=x.shape[1])[0]


def aligned_right(x, lengths, *, back=False):
    """Sequences (time, n, features) turned so that all end, or with `back` begin, together."""
    missing = len(x) - lengths
    steps = torch.arange(len(x), device=x.device)[:, None]
    steps = (steps + missing if back else steps - missing) % len(x)
    return x[steps, torch.arange(x.shape[1], device=x.device)]
