"""Unweighted average recall, sensitivity and specificity."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import roc_curve
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, validate_params

from ._validation import check_label_array, check_labels, check_weights, resolve_pos_label

__all__ = ["sensitivity", "sensitivity_at_specificity", "specificity", "uar"]


def uar(y_true, y_pred, *, sample_weight=None):
    """Unweighted average recall (UAR): mean of the recalls of the classes in `y_true`.

    Equals balanced accuracy over the classes of `y_true`, as computed by
    :func:`sklearn.metrics.balanced_accuracy_score`. A class that is only predicted lowers the
    recall of the others, but its own recall is not part of the mean. (The macro average of
    :func:`sklearn.metrics.recall_score` counts it as 0.) UAR does not depend on the class
    proportions; chance level is one over the number of classes.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.
    y_pred : array-like of shape (n_samples,)
        Predicted labels of the same type.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row. A class with a total weight of 0 counts as absent.

    Returns
    -------
    score : float
        From 0 to 1, higher is better.

    Raises
    ------
    ValueError
        If there are no rows, the lengths differ, the labels are continuous, multilabel or a mix of
        text and numbers, or the weights are negative, not finite or all 0.

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
    y_true, y_pred = check_labels(y_true, y_pred)
    weights = check_weights(sample_weight, y_true)
    _, code = np.unique(y_true, return_inverse=True)
    support = np.bincount(code, weights)
    correct = np.bincount(code, weights * (y_true == y_pred))
    present = support > 0
    return float(np.mean(correct[present] / support[present]))


def sensitivity(y_true, y_pred, *, pos_label=None, sample_weight=None):
    """Sensitivity (recall of the positive class).

    With more than two classes, the positive class is compared with all others.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.
    y_pred : array-like of shape (n_samples,)
        Predicted labels of the same type.
    pos_label : str, int or bool, default=None
        The positive class. None: 1, True, "Present" or "Abnormal", whichever occurs.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is positive.

    Raises
    ------
    ValueError
        If the positive class is unknown, or labels or weights are invalid.

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
    y_true, y_pred, positive, weights = _check_one_vs_rest(y_true, y_pred, pos_label, sample_weight)
    return _proportion(
        y_pred == positive, weights * (y_true == positive), "sensitivity", "positive"
    )


def specificity(y_true, y_pred, *, pos_label=None, sample_weight=None):
    """Specificity (proportion of negative recordings that are not predicted as positive).

    All classes other than `pos_label` are negative. With more than two classes it does not matter
    which of them is predicted.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels: strings, integers or booleans.
    y_pred : array-like of shape (n_samples,)
        Predicted labels of the same type.
    pos_label : str, int or bool, default=None
        The positive class. None: 1, True, "Present" or "Abnormal", whichever occurs.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is negative.

    Raises
    ------
    ValueError
        If the positive class is unknown, or labels or weights are invalid.

    Warns
    -----
    UndefinedMetricWarning
        If every row of `y_true` is positive.

    Examples
    --------
    >>> from skheart.metrics import specificity
    >>> y_true = ["Present", "Present", "Absent", "Absent", "Unknown"]
    >>> y_pred = ["Present", "Unknown", "Unknown", "Present", "Unknown"]
    >>> round(specificity(y_true, y_pred), 4)  # two of the last three
    0.6667
    """
    y_true, y_pred, positive, weights = _check_one_vs_rest(y_true, y_pred, pos_label, sample_weight)
    return _proportion(
        y_pred != positive, weights * (y_true != positive), "specificity", "negative"
    )


@validate_params(
    {"specificity": [Interval(Real, 0, 1, closed="both")]}, prefer_skip_nested_validation=True
)
def sensitivity_at_specificity(
    y_true, y_score, *, specificity=0.9, pos_label=None, labels=None, sample_weight=None
):
    """Highest sensitivity of any threshold that keeps a given specificity.

    Only thresholds between the scores are considered: the ROC curve is not interpolated.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_score : array-like of shape (n_samples,) or (n_samples, n_classes)
        Scores or probabilities of the positive class, or one column per class, from which the
        column of the positive class is taken.
    specificity : float, default=0.9
        Lowest specificity, from 0 to 1.
    pos_label : str, int or bool, default=None
        The positive class. None: 1, True, "Present" or "Abnormal", whichever occurs.
    labels : array-like of shape (n_classes,), default=None
        Classes of the columns of `y_score`. None: the sorted classes of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row.

    Returns
    -------
    score : float
        From 0 to 1, higher is better; nan if no row is positive or none is negative.

    Raises
    ------
    ValueError
        If `specificity` is out of range, or `y_score` does not fit `y_true` and `labels`.

    Warns
    -----
    UndefinedMetricWarning
        If `y_true` has only positive or only negative rows.

    Examples
    --------
    >>> from skheart.metrics import sensitivity_at_specificity
    >>> y_true = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> y_score = [0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9]
    >>> sensitivity_at_specificity(y_true, y_score, specificity=1.0)  # the threshold is 0.8
    0.5
    >>> sensitivity_at_specificity(y_true, y_score, specificity=0.75)  # one false positive
    1.0
    """
    check_consistent_length(y_true, y_score)
    y_true, y_score = check_label_array(y_true, "y_true"), np.asarray(y_score, dtype=float)
    labels = np.unique(y_true) if labels is None else np.asarray(labels)
    pos_label = resolve_pos_label(pos_label, labels)
    if y_score.ndim == 2:
        column = np.flatnonzero(labels == pos_label)
        if y_score.shape[1] != len(labels) or len(column) != 1:
            raise ValueError(
                f"y_score has {y_score.shape[1]} columns for the classes {labels[:5].tolist()}, "
                f"which must contain pos_label={pos_label!r} once. Name the classes of the columns "
                "with labels=classifier.classes_."
            )
        y_score = y_score[:, column[0]]
    weights = check_weights(sample_weight, y_true)
    positive = y_true == pos_label
    for selected, word in ((positive, "positive"), (~positive, "negative")):
        if not weights[selected].any():
            return _undefined("sensitivity_at_specificity", word)
    false_positive_rate, true_positive_rate, _ = roc_curve(
        positive, y_score, sample_weight=sample_weight, drop_intermediate=False
    )
    # The tolerance is for rounding errors of 1 - specificity.
    return float(true_positive_rate[false_positive_rate <= 1 - specificity + 1e-12].max())


def _check_one_vs_rest(y_true, y_pred, pos_label, sample_weight):
    y_true, y_pred = check_labels(y_true, y_pred)
    if pos_label is None:
        pos_label = resolve_pos_label(None, np.union1d(y_true, y_pred))
    else:
        pos_label = resolve_pos_label(pos_label, y_true)
    return y_true, y_pred, pos_label, check_weights(sample_weight, y_true)


def _proportion(hit, weights, name, word):
    return float(np.average(hit, weights=weights)) if weights.any() else _undefined(name, word)


def _undefined(name, word):
    warnings.warn(f"{name} is nan: y_true has no {word} row.", UndefinedMetricWarning, stacklevel=4)
    return float("nan")
