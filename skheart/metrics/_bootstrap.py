"""Intervals that count subjects rather than recordings."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn.utils import check_random_state, column_or_1d

from ._checks import labels_of

__all__ = ["Interval", "bootstrap_interval", "check_resampling", "checked_groups", "plain_array"]


class Interval(NamedTuple):
    """A score and the ends of its interval, as :func:`bootstrap_interval` returns them.

    Attributes
    ----------
    estimate : float
        The score of the data as they are.

    low, high : float
        The ends of the interval.

    Examples
    --------
    >>> from skheart.metrics import Interval
    >>> Interval(0.7, 0.6, 0.8).high
    0.8
    """

    estimate: float
    low: float
    high: float


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
    """Confidence interval of a score, by resampling subjects.

    Recordings of one subject resemble each other, so an interval that counts recordings is too
    narrow. Here whole subjects are drawn with replacement, all recordings of a subject together,
    within each class (a subject belongs to the class of most of its recordings, to the rarer one
    if they are equally many). Every class of `y_true` is in every resample. The interval is the
    percentile interval or the bias-corrected and accelerated one [1]_.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_pred)` returns a number, :func:`uar` or any score function of
        scikit-learn.

    y_true : array-like of shape (n_samples,)
        True labels.

    y_pred : array-like of shape (n_samples,) or (n_samples, n_classes)
        What `metric` takes: predicted labels, scores or probabilities.

    groups : array-like of shape (n_samples,), default=None
        The subject of each row. None: every row is a subject of its own.

    confidence : float, default=0.95
        Probability that the interval is to hold the score, above 0 and below 1.

    n_resamples : int, default=2000
        Number of resamples, at least 1.

    method : {"percentile", "bca"}, default="percentile"
        "percentile": the quantiles of the resampled scores. "bca": quantiles moved by the bias of
        the resamples and by the skewness of the score, from leaving out one subject after the
        other [2]_; closer to the stated confidence for skewed scores, and one more evaluation per
        subject. Where it is not defined (the score lies outside all resamples, or is no number
        without one of the subjects), the percentile interval is returned, with a warning. A
        subject that is the only one with a class is not left out.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws. None draws a seed from NumPy's global generator, as in scikit-learn.

    Returns
    -------
    interval : Interval
        Named tuple of `estimate` (of all rows), `low` and `high`.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two subjects, or a parameter is out of range.

    Warns
    -----
    UserWarning
        If a class has one subject only: its part of the score does not vary, so the interval is
        too narrow. With `method="bca"` also if the percentile interval is returned instead.

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
    check_resampling(metric, confidence, n_resamples, method)
    # Text becomes fixed-width text: np.unique, in every metric, is slow on Python objects.
    y_true, y_pred = (plain_array(y) for y in (y_true, y_pred))
    groups = checked_groups(groups, y_true=y_true, y_pred=y_pred)
    # The estimate comes first, so that the metric's own errors on these labels are seen as such.
    estimate = float(metric(y_true, y_pred))
    resamples = _SubjectResampler(labels_of(y_true, "y_true"), groups)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    scores = np.empty(n_resamples)
    for i in range(n_resamples):
        rows = resamples.draw(rng)
        scores[i] = metric(y_true[rows], y_pred[rows])
    levels = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    if method == "bca":
        left_out = resamples.leave_one_out(lambda rows: float(metric(y_true[rows], y_pred[rows])))
        levels = _bca_levels(levels, estimate, scores, left_out)
    low, high = np.quantile(scores, levels)
    return Interval(estimate, float(low), float(high))


def plain_array(y):
    """An array; text in it at fixed width."""
    y = np.asarray(y)
    if y.ndim == 0 or len(y) == 0:
        raise ValueError("y_true and y_pred must hold at least one row each.")
    if y.dtype == object and all(isinstance(value, str) for value in y.flat):
        y = y.astype(str)
    return y


def checked_groups(groups, **arrays):
    """The subject of each row; the arrays must be as long."""
    n_rows = {name: len(array) for name, array in arrays.items()}
    groups = np.arange(next(iter(n_rows.values()))) if groups is None else column_or_1d(groups)
    n_rows["groups"] = len(groups)
    if len(set(n_rows.values())) > 1:
        (first, rows), *others = n_rows.items()
        raise ValueError(
            f"{first} has {rows} rows, "
            + ", ".join(f"{name} {n}" for name, n in others[:-1])
            + f" and groups {len(groups)}: one of each per recording is needed."
        )
    return groups


def check_resampling(metric, confidence, n_resamples, method):
    """Refuse parameters that are out of range."""
    if not callable(metric):
        raise TypeError(
            f"metric must be a function metric(y_true, y_pred), got {metric!r}. "
            "Pass skheart.metrics.uar or a function of sklearn.metrics."
        )
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise ValueError(
            f"confidence must be a number above 0 and below 1, got {confidence!r}. "
            "For 95 % pass 0.95."
        )
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(f"n_resamples must be an integer of at least 1, got {n_resamples!r}.")
    if method not in ("percentile", "bca"):
        raise ValueError(f"method must be 'percentile' or 'bca', got {method!r}.")


def _bca_levels(levels, estimate, scores, left_out):
    """The levels of the quantiles that BCa takes, or those of the percentile interval."""
    below = np.mean(scores < estimate) + np.mean(scores == estimate) / 2
    squares = sum((part**2).sum() / len(part) ** 2 for part in left_out)
    cubes = sum((part**3).sum() / len(part) ** 3 for part in left_out)
    reason = None
    if not 0 < below < 1:
        reason = f"the score {estimate:.4g} lies outside all resamples"
    elif not np.isfinite(squares):
        reason = "the score is no number without one of the subjects"
    else:
        bias = norm.ppf(below)
        skew = cubes / (6 * squares**1.5) if squares > 0 else 0.0
        moved = bias + norm.ppf(levels)
        if (1 - skew * moved > 0).all():
            return norm.cdf(bias + moved / (1 - skew * moved))
        reason = f"the acceleration {skew:.2g} is too large for this confidence"
    warnings.warn(
        f"The BCa interval is not defined: {reason}. It is the percentile interval instead.",
        stacklevel=3,
    )
    return levels


class _SubjectResampler:
    """Draws rows: whole subjects with replacement, class by class."""

    def __init__(self, y_true, groups):
        labels, code = np.unique(y_true, return_inverse=True)
        subjects, self.subject_of_row = np.unique(groups, return_inverse=True)
        self.n_subjects = len(subjects)
        if self.n_subjects < 2:
            raise ValueError(
                f"groups holds {self.n_subjects} subject: an interval needs at least two, and "
                "dozens to mean much. Without groups every row counts as a subject."
            )
        rows_of = np.zeros((self.n_subjects, len(labels)))
        np.add.at(rows_of, (self.subject_of_row, code), 1)
        # A tie goes to the class with fewer rows, which has the more to lose.
        rarer_first = np.argsort(rows_of.sum(axis=0), kind="stable")
        majority = rarer_first[rows_of[:, rarer_first].argmax(axis=1)]
        self.strata = [np.flatnonzero(majority == k) for k in np.unique(majority)]
        alone = [str(labels[majority[s[0]]]) for s in self.strata if len(s) == 1]
        if alone:
            warnings.warn(
                f"Only one subject in class {', '.join(alone)}: the score of that class does "
                "not vary between resamples, and the interval is too narrow.",
                stacklevel=3,
            )
        # A class that is nobody's majority could vanish; every other class has its stratum.
        self.holders = [np.flatnonzero(rows_of[:, k]) for k in range(len(labels))]
        nobodys = set(range(len(labels))) - set(majority)
        self.holders_to_keep = [self.holders[k] for k in nobodys]
        self.all_rows = np.arange(len(y_true))

    def draw(self, rng):
        while True:
            drawn = [s[rng.integers(0, len(s), len(s))] for s in self.strata]
            times = np.bincount(np.concatenate(drawn), minlength=self.n_subjects)
            if all(times[holders].any() for holders in self.holders_to_keep):
                return np.repeat(self.all_rows, times[self.subject_of_row])

    def leave_one_out(self, score):
        """Influence of each subject on a score, by stratum, from leaving the subject out."""
        needed = {holders[0] for holders in self.holders if len(holders) == 1}
        influence = []
        for stratum in self.strata:
            free = [subject for subject in stratum if subject not in needed]
            left = [score(self.all_rows[self.subject_of_row != s]) for s in free]
            part = np.zeros(len(stratum))
            if left:
                part[: len(left)] = (len(stratum) - 1) * (np.mean(left) - np.array(left))
            influence.append(part)
        return influence
