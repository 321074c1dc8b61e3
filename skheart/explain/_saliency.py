"""Attribution methods to compare attention with: integrated gradients and occlusion.

Both return logits and base, each (n, n_classes), a list of contributions
(n_classes, n_times, n_frequencies), and the size of a cell in frames and mel bins.
"""

from __future__ import annotations

from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch

from ..nets import torch_settings

__all__ = ["OPTIONS", "integrated_gradients", "occlusion"]

OPTIONS = {"integrated_gradients": ("n_steps",), "occlusion": ("window",)}


def integrated_gradients(clf, features, n_steps=32):
    """Integrate gradients from the training mean to each recording; see `explain`."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise ImportError(
            'method="integrated_gradients" needs captum: pip install "skheart[explain]"'
        ) from error
    if not isinstance(n_steps, Integral) or n_steps < 1:
        raise ValueError(f"n_steps={n_steps!r} must be a whole number of at least 1.")
    module = clf.net_.module_.eval()
    device = next(module.parameters()).device
    method = IntegratedGradients(module)
    contributions = []
    n_threads = clf._n_threads(features.shape[1])  # small networks are slower on many threads
    with torch_settings(device, n_threads, in_chunks=False), _without_cudnn(clf):
        for row in features:
            x = torch.from_numpy(np.array(row, np.float32))[None].to(device)
            maps = [
                method.attribute(x, target=k, n_steps=n_steps, internal_batch_size=4)
                for k in range(len(clf.classes_))
            ]
            contributions.append(torch.cat(maps).float().cpu().numpy())
    logits = clf._logits(features)
    base = clf._logits(np.zeros((1, *features.shape[1:]), np.float32))
    return logits, np.repeat(base, len(logits), axis=0), contributions, (1, 1)


@contextmanager
def _without_cudnn(clf):
    """Disable cuDNN for recurrent networks, of which it has no gradient in evaluation mode."""
    # torch.backends.cudnn.flags would also change the precision that the user has set.
    before = torch.backends.cudnn.enabled
    try:
        torch.backends.cudnn.enabled = before and not hasattr(clf, "cell")
        yield
    finally:
        torch.backends.cudnn.enabled = before


def occlusion(clf, features, window=None):
    """Measure the drop of each logit if a window is set to the training mean; see `explain`.

    The windows do not overlap and cover all but a remainder at the ends. The drops do not add up
    to the logit; `base` holds the difference.
    """
    shape = features.shape[1:]
    cell = (min(8, shape[0]), max(1, shape[1] // 4)) if window is None else window
    cell = tuple(cell) if hasattr(cell, "__len__") else (cell,)
    whole = len(cell) == 2 and all(isinstance(size, Integral) for size in cell)
    if not whole or not all(1 <= size <= limit for size, limit in zip(cell, shape, strict=True)):
        raise ValueError(
            f"window={window!r} must be two whole numbers, frames and mel bins, from (1, 1) to "
            f"{shape}."
        )
    grid = shape[0] // cell[0], shape[1] // cell[1]
    logits = clf._logits(features)
    contributions = []
    for row, logit in zip(features, logits, strict=True):
        batches = _occluded_batches(np.asarray(row, np.float32), cell, grid)
        drops = logit - np.concatenate([clf._logits(batch) for batch in batches])
        contributions.append(drops.T.reshape(-1, *grid).astype(np.float32))
    base = logits - np.array([maps.sum((1, 2)) for maps in contributions])
    return logits, base, contributions, cell


def _occluded_batches(row, cell, grid, size=32):
    """Yield batches of copies of a recording, each copy with another window set to 0."""
    corners = [(t * cell[0], m * cell[1]) for t, m in np.ndindex(*grid)]
    for first in range(0, len(corners), size):
        some = corners[first : first + size]
        batch = np.repeat(row[None], len(some), axis=0)
        for copy, (t, m) in zip(batch, some, strict=True):
            copy[t : t + cell[0], m : m + cell[1]] = 0
        yield batch
