"""Unweighted average recall, and intervals that count subjects rather than recordings."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.metrics import make_scorer
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import type_of_target

__all__ = ["Interval", "bootstrap_interval", "uar", "uar_scorer"]


def _labels(values, name):
    """Return one class label per row as a 1-D array, or say why it is none."""
    values = np.asarray(values)
    if values.size == 0:
        raise ValueError(f"{name} is empty: at least one label is needed.")
    if values.ndim == 1 and values.dtype.kind in "biuSU":
        return values  # always labels; asking would take most of the time of a score
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity: every row needs a label.")
    kind = type_of_target(values, input_name=name)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{name} holds a {kind} target: one class label per row is needed. "
            "Pass labels, as `predict` returns them, not scores or indicator columns."
        )
    return column_or_1d(values)


def _is_text(labels):
    return labels.dtype.kind in "US" or isinstance(labels.flat[0], str)


def _weights(sample_weight, n_rows):
    weights = column_or_1d(sample_weight, dtype=np.float64)
    if len(weights) != n_rows:
        raise ValueError(
            f"sample_weight has {len(weights)} values and y_true {n_rows}: one per row is needed."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must be finite and not negative, with at least one weight above 0."
        )
    return weights


def uar(y_true, y_pred, *, sample_weight=None):
    """Unweighted average recall: the mean over classes of the recall of each class.

    The classes are those of `y_true`. A class that is predicted and never true lowers the
    recall of the others and is not averaged itself, so that the value equals
    :func:`sklearn.metrics.balanced_accuracy_score`. (The macro average of
    :func:`sklearn.metrics.recall_score` counts such a class as a recall of 0.) The number does
    not change with the proportion of the classes; chance is one over the number of classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.

    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same type.

    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, not negative. A class whose weights are all 0 counts as absent.

    Returns
    -------
    score : float
        Between 0 and 1, higher is better.

    Raises
    ------
    ValueError
        If the lengths differ, if there are no rows, if labels are continuous, multilabel or a
        mix of text and numbers, or if the weights are negative, not finite or all 0.

    References
    ----------
    .. [1] B. Schuller, S. Steidl, A. Batliner, "The INTERSPEECH 2009 Emotion Challenge",
       Interspeech, pp. 312-315, 2009.

    Examples
    --------
    >>> from skheart.metrics import uar
    >>> y_true = ["normal", "normal", "normal", "normal", "mild", "severe"]
    >>> y_pred = ["normal", "normal", "normal", "mild", "mild", "mild"]
    >>> round(uar(y_true, y_pred), 4)  # (3/4 + 1/1 + 0/1) / 3
    0.5833
    """
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    if _is_text(y_true) != _is_text(y_pred):
        raise ValueError(
            f"y_true holds {y_true.dtype} and y_pred {y_pred.dtype} labels: both must be text "
            "or both numbers. Predict with the labels that the classifier was fitted on."
        )
    weights = None if sample_weight is None else _weights(sample_weight, len(y_true))
    _, code = np.unique(y_true, return_inverse=True)
    hit = (y_true == y_pred).astype(float)
    support = np.bincount(code, weights)
    recalled = np.bincount(code, hit if weights is None else hit * weights)
    seen = support > 0
    return float(np.mean(recalled[seen] / support[seen]))


uar_scorer = make_scorer(uar)
"""Scorer of :func:`uar`, for `scoring=` in :func:`sklearn.model_selection.cross_validate`."""


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
    random_state=None,
):
    """Confidence interval of a score, by resampling subjects.

    Recordings of one subject resemble each other, so an interval that counts recordings is too
    narrow. Here whole subjects are drawn with replacement, all recordings of a subject together,
    within each class (a subject belongs to the class of most of its recordings, to the rarer one
    if they are equally many). Every class of `y_true` is in every resample. The interval is the
    percentile interval [1]_.

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
        too narrow.

    References
    ----------
    .. [1] A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge
       University Press, 1997, sections 2.4, 3.8 and 5.3.

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
    _check_resampling(metric, confidence, n_resamples)
    # Text becomes fixed-width text: np.unique, in every metric, is slow on Python objects.
    y_true, y_pred = (_plain(y) for y in (y_true, y_pred))
    groups = np.arange(len(y_true)) if groups is None else column_or_1d(groups)
    if not len(y_true) == len(y_pred) == len(groups):
        raise ValueError(
            f"y_true has {len(y_true)} rows, y_pred {len(y_pred)} and groups {len(groups)}: "
            "one of each per recording is needed."
        )
    # The estimate comes first, so that the metric's own errors on these labels are seen as such.
    estimate = float(metric(y_true, y_pred))
    resamples = _SubjectResampler(_labels(y_true, "y_true"), groups)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    scores = np.empty(n_resamples)
    for i in range(n_resamples):
        rows = resamples.draw(rng)
        scores[i] = metric(y_true[rows], y_pred[rows])
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high))


def _plain(y):
    y = np.asarray(y)
    if y.ndim == 0 or len(y) == 0:
        raise ValueError("y_true and y_pred must hold at least one row each.")
    if y.dtype == object and all(isinstance(value, str) for value in y.flat):
        y = y.astype(str)
    return y


def _check_resampling(metric, confidence, n_resamples):
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
        self.holders_to_keep = [
            np.flatnonzero(rows_of[:, k]) for k in set(range(len(labels))) - set(majority)
        ]
        self.all_rows = np.arange(len(y_true))

    def draw(self, rng):
        while True:
            drawn = [s[rng.integers(0, len(s), len(s))] for s in self.strata]
            times = np.bincount(np.concatenate(drawn), minlength=self.n_subjects)
            if all(times[holders].any() for holders in self.holders_to_keep):
                return np.repeat(self.all_rows, times[self.subject_of_row])
