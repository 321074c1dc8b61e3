"""Saliency to compare the attention with: integrated gradients and occlusion."""

from __future__ import annotations

from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch

from ..nets import torch_settings

__all__ = ["OPTIONS", "integrated_gradients", "occlusion"]

OPTIONS = {"integrated_gradients": ("n_steps",), "occlusion": ("window",)}


def integrated_gradients(clf, features, n_steps=32):
    """Gradients integrated on the straight way from the training mean; see `explain`.

    Returns
    -------
    logits, base : ndarray of shape (n, n_classes)
    heads : list of (None, None, ndarray of shape (n_classes, n_frames, n_mels))
    cell : (1, 1)
    """
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
    n_classes = len(clf.classes_)
    heads = []
    n_threads = clf._n_threads(features.shape[1])  # as in training: small nets are slower on many
    # cuDNN has no gradient of a recurrent net that predicts.
    with torch_settings(device, n_threads, in_chunks=False), _without_cudnn(clf):
        for row in features:
            x = torch.from_numpy(np.array(row, np.float32))[None].to(device)
            maps = [
                method.attribute(x, target=k, n_steps=n_steps, internal_batch_size=4)
                for k in range(n_classes)
            ]
            maps = torch.cat(maps).float().cpu().numpy()
            heads.append((None, None, maps))
    logits = clf._logits(features)
    base = clf._logits(np.zeros((1, *features.shape[1:]), np.float32))
    return logits, np.repeat(base, len(logits), axis=0), heads, (1, 1)


@contextmanager
def _without_cudnn(clf):
    # torch.backends.cudnn.flags would set the precision too, which is the user's.
    before = torch.backends.cudnn.enabled
    try:
        torch.backends.cudnn.enabled = before and not hasattr(clf, "cell")
        yield
    finally:
        torch.backends.cudnn.enabled = before


def occlusion(clf, features, window=None):
    """By how much each logit falls when a window becomes the training mean; see `explain`.

    Windows lie side by side and cover everything but what is left over at the ends. The falls do
    not add up to the logit; `base` holds what is missing.

    Returns
    -------
    logits, base : ndarray of shape (n, n_classes)
    heads : list of (None, None, ndarray of shape (n_classes, n_windows, n_windows))
    cell : (int, int)
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
    heads = []
    for row, logit in zip(features, logits, strict=True):
        covered = _covered(np.asarray(row, np.float32), cell, grid)
        falls = logit - np.concatenate([clf._logits(part) for part in covered])
        heads.append((None, None, falls.T.reshape(-1, *grid).astype(np.float32)))
    base = logits - np.array([head[2].sum((1, 2)) for head in heads])
    return logits, base, heads, cell


def _covered(row, cell, grid, size=32):
    """Copies of a recording with one window after the other covered, `size` at a time."""
    corners = [(t * cell[0], m * cell[1]) for t, m in np.ndindex(*grid)]
    for first in range(0, len(corners), size):
        some = corners[first : first + size]
        part = np.repeat(row[None], len(some), axis=0)
        for copy, (t, m) in zip(part, some, strict=True):
            copy[t : t + cell[0], m : m + cell[1]] = 0
        yield part
