"""Run the network of a fitted classifier on rows, in batches that do not depend on each other."""

from __future__ import annotations

import numpy as np
import torch

from .._cpu.chunks import in_chunks
from ..nets import torch_settings
from ._rows import read_rows

__all__ = ["check_logits", "run_batches"]


def run_batches(clf, X, collect, **params):
    """Run the network on checked X; call ``collect(first row, output)`` for each batch.

    The last batch may be longer than the rest of X. `params` are passed to the module.
    """
    net = clf.net_
    device = next(net.module_.parameters()).device
    size = clf.batch_size
    if device.type == "cpu":  # with masks, each recording at its own length
        size = 1 if clf.masked else clf._predict_batch_size()
    reduced = clf.precision == "bfloat16"
    dtype = torch.bfloat16 if reduced else torch.float32

    def predict(start):
        # All batches have the same size, since it changes the order of sums and predictions
        # must not depend on it: the last row fills up the last batch.
        rows = np.minimum(np.arange(start, start + size), len(X) - 1)
        # A value beyond float32 becomes infinite here; check_logits reports its row.
        batch = read_rows(X, rows)
        with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
            collect(start, net.infer(batch, **params))

    net.module_.eval()
    n_threads = 1 if device.type == "cuda" else clf.n_threads or torch.get_num_threads()
    with torch_settings(device, n_threads), net.module_.predicting(X.shape, dtype):
        in_chunks(predict, range(0, len(X), size))


def check_logits(logits):
    """Raise if logits are not finite; the message names the first row."""
    wrong = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"X has values too large for the network: the logits of {len(wrong)} recordings "
            f"are not finite, the first in row {wrong[0]}. Use the LogMelTransformer that the "
            "classifier was trained with."
        )
