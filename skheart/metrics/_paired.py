"""Paired comparison of two models on the same subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import permutation_test
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import validate_params

from ._bootstrap import as_array, bootstrap_interval
from ._validation import RESAMPLING_CONSTRAINTS

__all__ = ["PairedTest", "paired_test"]


class PairedTest(NamedTuple):
    """Difference between the scores of two models, returned by :func:`paired_test`.

    Attributes
    ----------
    difference : float
        Score of the first model minus that of the second.
    low, high : float
        Ends of the confidence interval of the difference.
    p_value : float
        Two-sided p-value of the hypothesis that the two models are interchangeable.
    n_subjects : int
        Number of subjects.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_subjects: int


@validate_params(RESAMPLING_CONSTRAINTS, prefer_skip_nested_validation=False)
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
    """Compare two models on the same subjects: difference, confidence interval and p-value.

    The p-value comes from a permutation test [1]_: under the null hypothesis, all predictions of a
    subject may be swapped between the two models. With few subjects every combination of swaps is
    tried and the p-value is exact. Otherwise `n_resamples` random ones are, and the smallest
    p-value is 2 / (n_resamples + 1). The interval is a paired bootstrap, as in
    :func:`bootstrap_interval`, with both models scored on the same resamples. Neither includes the
    variation between training runs.

    Parameters
    ----------
    metric : callable
        Function `metric(y_true, y_pred)` that returns a number.
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred_a, y_pred_b : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predictions of the two models: labels, scores or probabilities, whichever `metric` takes.
    groups : array-like of shape (n_samples,), default=None
        Subject of each row. None: every row is a different subject.
    confidence : float, default=0.95
        Confidence level, above 0 and below 1.
    n_resamples : int, default=2000
        Number of resamples, and of random swaps, at least 1.
    method : {"percentile", "bca"}, default="percentile"
        Kind of interval, as in :func:`bootstrap_interval`.
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
    >>> print(f"{result.difference:.2f} ({result.n_subjects} subjects)")
    0.12 (50 subjects)
    >>> result.low > 0, result.p_value < 0.01
    (True, True)
    """
    y_true, a, b = as_array(y_true), as_array(y_pred_a), as_array(y_pred_b)
    groups = np.arange(len(y_true)) if groups is None else column_or_1d(groups)
    check_consistent_length(y_true, a, b, groups)
    if a.shape != b.shape or (a.dtype.kind in "US") != (b.dtype.kind in "US"):
        raise ValueError(
            f"y_pred_a ({a.dtype}, shape {a.shape}) and y_pred_b ({b.dtype}, shape {b.shape}) "
            "cannot be swapped: both must be labels, or both scores or probabilities."
        )
    random_state = check_random_state(random_state)
    interval = bootstrap_interval(
        lambda truth, rows: metric(truth, a[rows]) - metric(truth, b[rows]),
        y_true,
        np.arange(len(y_true)),
        groups=groups,
        confidence=confidence,
        n_resamples=n_resamples,
        method=method,
        random_state=random_state,
    )
    subjects, subject_of_row = np.unique(groups, return_inverse=True)

    def swapped_difference(first, second):
        swap = (first > second)[subject_of_row]
        swap = swap.reshape(-1, *[1] * (a.ndim - 1))
        return metric(y_true, np.where(swap, b, a)) - metric(y_true, np.where(swap, a, b))

    # Each subject is a pair (0, 1). SciPy reverses pairs, and reversed means swapped predictions.
    test = permutation_test(
        (np.zeros(len(subjects)), np.ones(len(subjects))),
        swapped_difference,
        permutation_type="samples",
        n_resamples=n_resamples,
        random_state=np.random.default_rng(random_state.randint(2**31 - 1)),
    )
    return PairedTest(*interval, float(test.pvalue), len(subjects))
