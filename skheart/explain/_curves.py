"""Deletion and insertion: what becomes of the probability when cells go, or come, in an order."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import softmax
from scipy.stats import wilcoxon

__all__ = ["curves", "deletion_and_insertion", "keeping_by_net"]

# Shares of the cells that are changed: finer where most happens.
SHARES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
N_RANDOM = 3


def deletion_and_insertion(keeping, shape, maps, cell, numbers, share, rng):
    """Rows of the table: area between a map's curve and those of the same map shifted.

    Parameters
    ----------
    keeping : function
        As for `curves`, of each recording by its number.
    shape : (int, int)
        As for `curves`.
    maps : list of ndarray
        The map of each recording.
    cell : (int, int)
        As for `curves`.
    numbers : list of int
        Whose probability: the class of each recording.
    share : object
        Makes rows of the table, see `explain_checks`.
    rng : RandomState
        Draws the shifts.

    Returns
    -------
    list of tuple
    """
    gains = {"deletion": [], "insertion": []}
    for row, (own, number) in enumerate(zip(maps, numbers, strict=True)):
        orders = [own] + [_shifted(own, rng) for _ in range(N_RANDOM)]
        areas = np.array(
            [curves(partial(keeping, row), shape, order, cell, number) for order in orders]
        )
        areas = trapezoid(areas, SHARES, axis=2)
        by_chance = areas[1:].mean(axis=0)
        gains["deletion"].append(by_chance[0] - areas[0, 0])
        gains["insertion"].append(areas[0, 1] - by_chance[1])
    rows = []
    for check, values in gains.items():
        values = np.array(values)
        per_subject = share.by_subject(values)
        p = wilcoxon(per_subject, alternative="greater").pvalue if per_subject.any() else np.nan
        rows.append(share.row(check, "area gained on shifted maps", "all", values, float(p)))
    return rows


def keeping_by_net(clf, features):
    """How the probabilities of a net change with what is kept of a spectrogram.

    Parameters
    ----------
    clf : AttentionClassifier
        Fitted.
    features : ndarray of shape (n, n_frames, n_mels)
        The recordings; 0 is the training mean.

    Returns
    -------
    keeping : function
        Of the number of a recording and of masks (m, n_frames, n_mels); what they leave out is
        replaced by the training mean. It returns probabilities (m, n_classes).
    """

    def keeping(row, kept):
        changed = np.where(kept, features[row], 0)
        return softmax(clf._logits(changed.astype(np.float32)), axis=1)

    return keeping


def curves(keeping, shape, order, cell, number):
    """Probability of a class at each of `SHARES`, for deletion and for insertion.

    Parameters
    ----------
    keeping : function
        Of masks (m, *shape); it returns probabilities (m, n_classes) without what they leave out.
    shape : (int, int)
        Frames and mel bins, or whatever the cells are made of.
    order : ndarray of shape (n_times, n_frequencies)
        Cells go, or come, from the largest value on.
    cell : (int, int)
        Frames and mel bins of a cell.
    number : int
        Of the class.

    Returns
    -------
    ndarray of shape (2, len(SHARES))
    """
    ranks = np.empty(order.size, int)
    ranks[np.argsort(-order, axis=None, kind="stable")] = np.arange(order.size)
    ranks = ranks.reshape(order.shape).repeat(cell[0], axis=0).repeat(cell[1], axis=1)
    # What pooling leaves over goes last.
    fine = np.full(shape, order.size - 1)
    fine[: ranks.shape[0], : ranks.shape[1]] = ranks
    changed = fine[None] < np.round(SHARES * order.size)[:, None, None]
    return keeping(np.concatenate([~changed, changed]))[:, number].reshape(2, -1)


def _shifted(maps, rng):
    """The map shifted circularly in time and frequency: as smooth, but elsewhere."""
    shift = [rng.randint(size) if size > 1 else 0 for size in maps.shape]
    if not any(shift):
        shift[0] = maps.shape[0] // 2
    return np.roll(maps, shift, axis=(0, 1))
