"""A test of whether one model is better than another on the same subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import permutation_test
from sklearn.utils import check_random_state

from ._bootstrap import bootstrap_interval, check_resampling, checked_groups, plain_array

__all__ = ["PairedTest", "paired_test"]


class PairedTest(NamedTuple):
    """The difference between two models, as :func:`paired_test` returns it.

    Attributes
    ----------
    difference : float
        Score of the first model minus that of the second.
    low, high : float
        The ends of the interval of the difference.
    p_value : float
        Two-sided, of the hypothesis that the two models are interchangeable.
    n_subjects : int
        How many subjects stand behind it.

    Examples
    --------
    >>> from skheart.metrics import PairedTest
    >>> PairedTest(0.05, 0.01, 0.09, 0.02, 120).p_value
    0.02
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_subjects: int


def paired_test(
    metric,
    y_true,
    y_pred_a,
    y_pred_b,
    *,
    groups=None,
    confidence=0.95,
    n_resamples=2000,
    method="percentile",
    random_state=None,
):
    """Compare two models on the same subjects: difference, interval and p-value.

    The p-value is that of a permutation test [1]_: where it makes no difference which model a
    prediction comes from, the predictions of a whole subject may be swapped between the two
    models. With few subjects all swaps are tried, and the p-value is exact; else `n_resamples` of
    them, drawn at random, and it is at least 2 / (n_resamples + 1). The interval is a paired
    bootstrap: subjects are drawn as in :func:`bootstrap_interval`, both models on the same ones.
    Neither holds the spread between trainings of a model.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_pred)` returns a number.
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred_a, y_pred_b : array-like of shape (n_samples,) or (n_samples, n_classes)
        Of either model what `metric` takes: predicted labels, scores or probabilities.
    groups : array-like of shape (n_samples,), default=None
        The subject of each row. None: every row is a subject of its own.
    confidence : float, default=0.95
        Probability that the interval is to hold the difference, above 0 and below 1.
    n_resamples : int, default=2000
        Number of resamples, and of swaps, at least 1.
    method : {"percentile", "bca"}, default="percentile"
        Kind of the interval, as in :func:`bootstrap_interval`.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    result : PairedTest
        Named tuple of `difference` (a - b), `low`, `high`, `p_value` and `n_subjects`.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two subjects, or a parameter is out of range.

    References
    ----------
    .. [1] P. Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", Springer, 2005,
       chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.metrics import paired_test, uar
    >>> y_true = np.repeat(["absent", "present"], 50)
    >>> better = np.where(np.arange(100) % 10 == 0, "present", y_true)
    >>> worse = np.where(np.arange(100) % 3 == 0, "present", y_true)
    >>> subjects = np.arange(100) // 2
    >>> result = paired_test(uar, y_true, better, worse, groups=subjects, random_state=0)
    >>> print(f"{result.difference:.2f}, of {result.n_subjects} subjects")
    0.12, of 50 subjects
    >>> result.low > 0, result.p_value < 0.01
    (True, True)
    """
    check_resampling(metric, confidence, n_resamples, method)
    y_true, a, b = (plain_array(y) for y in (y_true, y_pred_a, y_pred_b))
    groups = checked_groups(groups, y_true=y_true, y_pred_a=a, y_pred_b=b)
    if a.shape != b.shape or (a.dtype.kind in "US") != (b.dtype.kind in "US"):
        raise ValueError(
            f"y_pred_a ({a.dtype}, shape {a.shape}) and y_pred_b ({b.dtype}, shape {b.shape}) "
            "cannot be swapped: both must be labels, or both scores or probabilities."
        )
    random_state = check_random_state(random_state)

    def difference(truth, rows):
        return metric(truth, a[rows]) - metric(truth, b[rows])

    interval = bootstrap_interval(
        difference,
        y_true,
        np.arange(len(y_true)),
        groups=groups,
        confidence=confidence,
        n_resamples=n_resamples,
        method=method,
        random_state=random_state,
    )
    subjects, subject_of_row = np.unique(groups, return_inverse=True)

    def of_swapped(first, second):
        swap = (first > second)[subject_of_row]
        swap = swap.reshape(-1, *[1] * (a.ndim - 1))
        return metric(y_true, np.where(swap, b, a)) - metric(y_true, np.where(swap, a, b))

    # One pair (0, 1) per subject: where a permutation turns it round, the models are swapped.
    pairs = np.zeros(len(subjects)), np.ones(len(subjects))
    outcome = permutation_test(
        pairs,
        of_swapped,
        permutation_type="samples",
        n_resamples=n_resamples,
        random_state=np.random.default_rng(random_state.randint(2**31 - 1)),
    )
    return PairedTest(*interval, float(outcome.pvalue), len(subjects))
