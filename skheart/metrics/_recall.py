"""Recall, in the forms that the field reports."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_curve
from sklearn.utils import check_consistent_length

from ._checks import checked_labels, is_text, labels_of, positive_label, row_weights

__all__ = ["sensitivity", "sensitivity_at_specificity", "specificity", "uar"]


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
    y_true, y_pred = checked_labels(y_true, y_pred)
    weights = None if sample_weight is None else row_weights(sample_weight, len(y_true))
    _, code = np.unique(y_true, return_inverse=True)
    hit = (y_true == y_pred).astype(float)
    support = np.bincount(code, weights)
    recalled = np.bincount(code, hit if weights is None else hit * weights)
    seen = support > 0
    return float(np.mean(recalled[seen] / support[seen]))


def sensitivity(y_true, y_pred, *, pos_label=None, sample_weight=None):
    """Sensitivity: the share of the positive recordings that are predicted as positive.

    With more than two classes the positive one is set against the rest. Equals
    :func:`sklearn.metrics.recall_score` of the positive class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same type.
    pos_label : str, int or bool, default=None
        The positive class. None takes the one of 1, True, "Present" and "Abnormal" that occurs.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, not negative.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is positive.

    Raises
    ------
    ValueError
        If no label is known to be the positive one, or if labels or weights are not valid.

    Warns
    -----
    UndefinedMetricWarning
        If no row of `y_true` is positive.

    Examples
    --------
    >>> from skheart.metrics import sensitivity
    >>> y_true = ["Present", "Present", "Absent", "Absent", "Unknown"]
    >>> sensitivity(y_true, ["Present", "Unknown", "Absent", "Present", "Unknown"])
    0.5
    """
    y_true, y_pred, positive, weights = _against_the_rest(y_true, y_pred, pos_label, sample_weight)
    return _share(y_pred == positive, weights * (y_true == positive), "sensitivity", "positive")


def specificity(y_true, y_pred, *, pos_label=None, sample_weight=None):
    """Specificity: the share of the negative recordings that are not predicted as positive.

    Negative is every class but `pos_label`; with more than two classes it does not matter which
    of the others is predicted.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.
    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same type.
    pos_label : str, int or bool, default=None
        The positive class. None takes the one of 1, True, "Present" and "Abnormal" that occurs.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, not negative.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is negative.

    Raises
    ------
    ValueError
        If no label is known to be the positive one, or if labels or weights are not valid.

    Warns
    -----
    UndefinedMetricWarning
        If every row of `y_true` is positive.

    Examples
    --------
    >>> from skheart.metrics import specificity
    >>> y_true = ["Present", "Present", "Absent", "Absent", "Unknown"]
    >>> y_pred = ["Present", "Unknown", "Unknown", "Present", "Unknown"]
    >>> round(specificity(y_true, y_pred), 4)  # of the last three, two are not called Present
    0.6667
    """
    y_true, y_pred, positive, weights = _against_the_rest(y_true, y_pred, pos_label, sample_weight)
    return _share(y_pred != positive, weights * (y_true != positive), "specificity", "negative")


def sensitivity_at_specificity(
    y_true, y_score, *, specificity=0.9, pos_label=None, labels=None, sample_weight=None
):
    """Sensitivity at a given specificity: the highest that any threshold reaches.

    Of the thresholds between the scores that keep the specificity at or above the given one, the
    one with the highest sensitivity, without interpolation between points of the ROC curve.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_score : array-like of shape (n_samples,) or (n_samples, n_classes)
        Scores or probabilities: of the positive class, or one column per class, of which that of
        the positive class is taken.
    specificity : float, default=0.9
        The specificity to keep, from 0 to 1.
    pos_label : str, int or bool, default=None
        The positive class. None takes the one of 1, True, "Present" and "Abnormal" that occurs.
    labels : array-like of shape (n_classes,), default=None
        Classes of the columns of `y_score`; None takes those of `y_true`, sorted.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, not negative.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is positive or none is negative.

    Raises
    ------
    ValueError
        If `specificity` is not from 0 to 1, or scores and labels do not fit together.

    Warns
    -----
    UndefinedMetricWarning
        If `y_true` has positive or negative rows only.

    Examples
    --------
    >>> from skheart.metrics import sensitivity_at_specificity
    >>> y_true = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> y_score = [0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9]
    >>> sensitivity_at_specificity(y_true, y_score, specificity=1.0)  # the threshold is 0.8
    0.5
    >>> sensitivity_at_specificity(y_true, y_score, specificity=0.75)  # one false alarm of four
    1.0
    """
    if not 0 <= specificity <= 1:
        raise ValueError(
            f"specificity must be from 0 to 1, got {specificity!r}. For 90 % pass 0.9."
        )
    check_consistent_length(y_true, y_score)
    y_true, y_score = labels_of(y_true, "y_true"), np.asarray(y_score, dtype=float)
    labels = np.unique(y_true) if labels is None else np.asarray(labels)
    pos_label = positive_label(pos_label, labels)
    if y_score.ndim == 2:
        y_score = y_score[:, _column(pos_label, labels, y_score.shape)]
    weights = None if sample_weight is None else row_weights(sample_weight, len(y_true))
    positive = y_true == pos_label
    for own, word in ((positive, "positive"), (~positive, "negative")):
        if not (own if weights is None else own * weights).any():
            return _undefined("sensitivity_at_specificity", word)
    false_alarms, hits, _ = roc_curve(
        positive, y_score, sample_weight=weights, drop_intermediate=False
    )
    # A rounding error of 1 - specificity shall not cost a whole threshold.
    return float(hits[false_alarms <= 1 - specificity + 1e-12].max())


def _column(pos_label, labels, shape):
    found = np.flatnonzero(labels == pos_label)
    if shape[1] != len(labels) or len(found) != 1:
        raise ValueError(
            f"y_score has {shape[1]} columns, for the classes {labels[:5].tolist()}, of which "
            f"{pos_label!r} must be one. Name the classes of the columns with "
            "labels=classifier.classes_."
        )
    return found[0]


def _against_the_rest(y_true, y_pred, pos_label, sample_weight):
    y_true, y_pred = checked_labels(y_true, y_pred)
    weights = np.ones(len(y_true))
    if sample_weight is not None:
        weights = row_weights(sample_weight, len(y_true))
    if pos_label is None or isinstance(pos_label, str) != is_text(y_true):
        pos_label = positive_label(pos_label, np.union1d(y_true, y_pred))
    return y_true, y_pred, pos_label, weights


def _share(hit, weights, name, word):
    return float(np.average(hit, weights=weights)) if weights.any() else _undefined(name, word)


def _undefined(name, word):
    warnings.warn(f"{name} is nan: y_true has no {word} row.", UndefinedMetricWarning, stacklevel=3)
    return float("nan")
