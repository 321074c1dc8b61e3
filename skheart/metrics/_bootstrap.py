"""Confidence intervals that resample subjects instead of recordings."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import validate_params

from ._validation import RESAMPLING_CONSTRAINTS, check_label_array

__all__ = ["Interval", "as_array", "bootstrap_interval"]


class Interval(NamedTuple):
    """Score with a confidence interval, returned by :func:`bootstrap_interval`.

    Attributes
    ----------
    estimate : float
        Score of all rows.
    low, high : float
        Ends of the confidence interval.
    """

    estimate: float
    low: float
    high: float


@validate_params(RESAMPLING_CONSTRAINTS, prefer_skip_nested_validation=False)
def bootstrap_interval(
    metric,
    y_true,
    y_pred,
    *,
    groups=None,
    confidence=0.95,
    n_resamples=2000,
    method="percentile",
    random_state=None,
):
    """Bootstrap confidence interval of a score, resampling whole subjects.

    Recordings of the same subject are correlated, so an interval that resamples recordings is too
    narrow. Here subjects are drawn with replacement, each with all of its recordings, and
    separately for each class (stratified cluster bootstrap [1]_). A subject belongs to the class
    of most of its recordings, or to the rarer class in a tie. If a class is the majority of no
    subject, the strata are the combinations of classes that subjects have, so that every resample
    contains every class. The draws and the interval are those of :func:`scipy.stats.bootstrap`.

    Parameters
    ----------
    metric : callable
        Function `metric(y_true, y_pred)` that returns a number: :func:`uar` or any score function
        of scikit-learn.
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predicted labels, scores or probabilities, whichever `metric` takes.
    groups : array-like of shape (n_samples,), default=None
        Subject of each row. None: every row is a different subject.
    confidence : float, default=0.95
        Confidence level, above 0 and below 1.
    n_resamples : int, default=2000
        Number of resamples, at least 1.
    method : {"percentile", "bca"}, default="percentile"
        "percentile": quantiles of the resampled scores. "bca": bias-corrected and accelerated
        interval [2]_, which is closer to the stated confidence for skewed scores and needs one
        more evaluation per subject. Where BCa is not defined, for instance because the score lies
        outside all resamples, a warning is given and the percentile interval is returned.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. None uses NumPy's global generator, as in scikit-learn.

    Returns
    -------
    interval : Interval
        Named tuple of `estimate` (score of all rows), `low` and `high`.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two subjects, or a parameter is out of range.

    Warns
    -----
    UserWarning
        If a class has only one subject: the interval is then too narrow, because this subject is
        in every resample. With `method="bca"`, also if the percentile interval is returned.

    References
    ----------
    .. [1] A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge
       University Press, 1997, sections 2.4, 3.8 and 5.3.
    .. [2] B. Efron, "Better bootstrap confidence intervals", Journal of the American Statistical
       Association 82(397), pp. 171-185, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.metrics import bootstrap_interval, uar
    >>> y_true = np.repeat(["absent", "present"], 50)
    >>> y_pred = np.where(np.arange(100) % 5 == 0, "present", y_true)
    >>> subjects = np.arange(100) // 2
    >>> interval = bootstrap_interval(uar, y_true, y_pred, groups=subjects, random_state=0)
    >>> print("{:.2f} [{:.2f}, {:.2f}]".format(*interval))
    0.90 [0.85, 0.95]
    """
    random_state = check_random_state(random_state)
    y_true, y_pred = as_array(y_true), as_array(y_pred)
    groups = np.arange(len(y_true)) if groups is None else column_or_1d(groups)
    check_consistent_length(y_true, y_pred, groups)
    # Score all rows first, so that errors of the metric are not raised inside the bootstrap.
    estimate = float(metric(y_true, y_pred))
    subject_of_row, strata = _stratify_subjects(check_label_array(y_true, "y_true"), groups)
    # SciPy refuses samples of one observation, which need no draws: they are in every resample.
    single = [subjects for subjects in strata if len(subjects) == 1]
    drawn_from = [subjects for subjects in strata if len(subjects) > 1]
    if not drawn_from:
        return Interval(estimate, estimate, estimate)
    all_rows, n_subjects = np.arange(len(y_true)), sum(map(len, strata))

    def score(*drawn):
        times = np.bincount(np.concatenate([*drawn, *single]), minlength=n_subjects)
        rows = np.repeat(all_rows, times[subject_of_row])
        return float(metric(y_true[rows], y_pred[rows]))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="scipy")  # about BCa, see below
        result = bootstrap(
            drawn_from,
            score,
            vectorized=False,
            n_resamples=n_resamples,
            batch=100,  # limits the memory; larger batches are not faster
            confidence_level=confidence,
            method=method,
            random_state=np.random.default_rng(random_state.randint(2**31 - 1)),
        )
    low, high = result.confidence_interval
    if not low < high:  # SciPy's BCa is nan, reversed or empty where it is not defined
        levels = (1 - confidence) / 2, (1 + confidence) / 2
        low, high = np.quantile(result.bootstrap_distribution, levels)
        if low < high:
            warnings.warn(
                f"The BCa interval is not defined for the score {estimate:.4g} of these "
                "subjects. The percentile interval is returned instead.",
                stacklevel=3,
            )
    return Interval(estimate, float(low), float(high))


def as_array(y):
    """Return a non-empty array; text gets a fixed-width dtype, which np.unique sorts faster."""
    y = np.asarray(y)
    if y.ndim == 0 or len(y) == 0:
        raise ValueError("y_true and y_pred must be arrays with at least one row each.")
    if y.dtype == object and all(isinstance(value, str) for value in y.flat):
        y = y.astype(str)
    return y


def _stratify_subjects(y_true, groups):
    """Return the subject index of each row, and the subject indices of each stratum."""
    labels = np.unique(y_true)
    subjects, subject_of_row = np.unique(groups, return_inverse=True)
    if len(subjects) < 2:
        raise ValueError(
            "groups contains only 1 subject, but an interval needs at least two. Pass the subject "
            "of each row, or groups=None if every row is a different subject."
        )
    n_rows = contingency_matrix(groups, y_true)
    rarer_first = np.argsort(n_rows.sum(axis=0), kind="stable")
    stratum = labels[rarer_first[n_rows[:, rarer_first].argmax(axis=1)]].astype(str)
    if len(np.unique(stratum)) < len(labels):
        stratum = np.array([" and ".join(labels[held].astype(str)) for held in n_rows > 0])
    strata = {name: np.flatnonzero(stratum == name) for name in np.unique(stratum)}
    alone = [name for name, members in strata.items() if len(members) == 1]
    if alone:
        warnings.warn(
            f"Only one subject in class {', '.join(alone)}: it is in every resample, so the "
            "interval is too narrow. Add subjects or merge classes.",
            stacklevel=4,
        )
    return subject_of_row, list(strata.values())
