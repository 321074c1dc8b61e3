"""Recordings of different lengths in one batch, so that padding affects no result."""

from __future__ import annotations

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = [
    "count_valid_frames",
    "crop_padding",
    "masked_conv_norm_pool",
    "pooled_lengths",
    "run_bidirectional",
    "valid_frames",
]


def count_valid_frames(x):
    """Count the frames of each recording, (n,), without the NaN padding at its end."""
    return (~x[:, :, 0].isnan()).sum(1)


def crop_padding(x):
    """Crop a batch to its longest recording; return it and its lengths, None if all are equal."""
    lengths = count_valid_frames(x)
    shortest, longest = lengths.min().item(), lengths.max().item()
    return x[:, :longest].contiguous(), None if shortest == longest else lengths


def valid_frames(lengths, n_frames):
    """Mask of the frames before the end of each recording, bool of shape (n, n_frames)."""
    return torch.arange(n_frames, device=lengths.device) < lengths[:, None]


def masked_conv_norm_pool(x, lengths, conv, norm, sizes):
    """Compute relu(max_pool(norm(conv(x)))) as if each recording were alone.

    x, of shape (n, channels, time, mel), is 0 in the padding, and `lengths` are the time cells of
    each recording. `conv` has no bias and padding "same". In training, the batch statistics of
    `norm` are those of the valid cells. Pools of `sizes` (time, mel) are cut to the map of each
    recording. Returns the result and its lengths.
    """
    z = conv(x).permute(0, 2, 3, 1)
    valid = valid_frames(lengths, z.shape[1])
    cells = z[valid]  # (valid time cells, mel, channels)
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
    filled = torch.zeros_like(z)  # after ReLU, no maximum is below 0
    filled[valid] = normed.to(z.dtype).view_as(cells)
    pool = min(sizes[0], z.shape[1]), min(sizes[1], z.shape[2])
    y = functional.relu(functional.max_pool2d(filled.permute(0, 3, 1, 2), pool))
    lengths = pooled_lengths(lengths, sizes[0])
    return y.masked_fill(~valid_frames(lengths, y.shape[2])[:, None, :, None], 0), lengths


def pooled_lengths(lengths, size):
    """Time cells after pooling; a recording shorter than the pool keeps one."""
    return (lengths // size).clamp(min=1)


def run_bidirectional(layers, x, lengths):
    """Run bidirectional LSTM or GRU layers, backwards from the end of each recording.

    Takes x of shape (n, time, features) and the length of each recording; returns
    (n, time, outputs).
    """
    h = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    for layer in layers:
        h, _ = layer(h)
    return pad_packed_sequence(h, batch_first=True, total_length=x.shape[1])[0]
