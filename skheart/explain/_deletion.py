"""Deletion and insertion curves (Petsiuk et al. 2018)."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import softmax
from scipy.stats import wilcoxon

__all__ = ["compute_curves", "deletion_and_insertion", "make_network_predictor"]

# Fractions of the cells that are changed; finer at the start, where the probability changes most.
FRACTIONS = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
N_SHIFTED = 3


def deletion_and_insertion(predict, shape, maps, cell, classes, statistics, rng):
    """Measure the area between the curves of each map and those of the same map shifted.

    `predict` takes the row of a recording and the masks of `compute_curves`. There is one map and
    one class index per recording. Returns rows of the table of `explain_checks`, which
    `statistics` makes.
    """
    gains = {"deletion": [], "insertion": []}
    for row, (own, number) in enumerate(zip(maps, classes, strict=True)):
        orders = [own] + [_shift(own, rng) for _ in range(N_SHIFTED)]
        predict_row = partial(predict, row)
        curves = [compute_curves(predict_row, shape, order, cell, number) for order in orders]
        areas = trapezoid(np.array(curves), FRACTIONS, axis=2)
        shifted = areas[1:].mean(axis=0)
        gains["deletion"].append(shifted[0] - areas[0, 0])
        gains["insertion"].append(areas[0, 1] - shifted[1])
    rows = []
    for check, values in gains.items():
        values = np.array(values)
        per_subject = statistics.mean_by_subject(values)
        p = wilcoxon(per_subject, alternative="greater").pvalue if per_subject.any() else np.nan
        rows.append(statistics.row(check, "area gained on shifted maps", "all", values, float(p)))
    return rows


def make_network_predictor(clf, features):
    """Return a function of a row and masks (m, n_frames, n_mels) that predicts probabilities.

    Where a mask is False, the features are replaced by 0, the training mean.
    """

    def predict(row, mask):
        changed = np.where(mask, features[row], 0)
        return softmax(clf._logits(changed.astype(np.float32)), axis=1)

    return predict


def compute_curves(predict, shape, order, cell, number):
    """Compute the probability of a class at each of `FRACTIONS`, for deletion and for insertion.

    `predict` takes masks (m, *shape) of what is kept and returns probabilities (m, n_classes).
    Cells, of the size `cell`, are deleted or inserted in descending order of the values of `order`.
    Returns an array of shape (2, len(FRACTIONS)).
    """
    ranks = np.empty(order.size, int)
    ranks[np.argsort(-order, axis=None, kind="stable")] = np.arange(order.size)
    ranks = ranks.reshape(order.shape).repeat(cell[0], axis=0).repeat(cell[1], axis=1)
    fine = np.full(shape, order.size - 1)  # what pooling drops comes last
    fine[: ranks.shape[0], : ranks.shape[1]] = ranks
    changed = fine[None] < np.round(FRACTIONS * order.size)[:, None, None]
    return predict(np.concatenate([~changed, changed]))[:, number].reshape(2, -1)


def _shift(maps, rng):
    """Shift a map circularly in time and frequency: equally smooth, but elsewhere."""
    shift = [rng.randint(size) if size > 1 else 0 for size in maps.shape]
    if not any(shift):
        shift[0] = maps.shape[0] // 2
    return np.roll(maps, shift, axis=(0, 1))
