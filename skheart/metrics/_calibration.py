"""How far probabilities are from frequencies."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from ._checks import probability_matrix, row_weights

__all__ = ["expected_calibration_error"]


def expected_calibration_error(
    y_true,
    y_proba,
    *,
    labels=None,
    n_bins=10,
    strategy="uniform",
    average="top-label",
    sample_weight=None,
):
    """Expected calibration error (ECE): mean distance of confidence and frequency over bins.

    Recordings are put into bins by their probability; in each bin the mean probability is
    compared with the share that is right, and the absolute differences are averaged by the number
    of recordings [1]_. It depends on the bins: state them with the number.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Class probabilities; one column is the probability of the second class.
    labels : array-like of shape (n_classes,), default=None
        Classes of the columns; None takes those of `y_true`, sorted.
    n_bins : int, default=10
        Number of bins, at least 1.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width from 0 to 1, open below and closed above; or of equal mass, at the
        quantiles of the probabilities (equal probabilities share a bin, so there may be fewer).
    average : {"top-label", "macro"} or None, default="top-label"
        "top-label": the probability of the predicted class against whether it is right. None:
        for each class its probability against whether it is the true one [2]_. "macro": the mean
        of these.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row, not negative.

    Returns
    -------
    error : float or ndarray of shape (n_classes,)
        From 0 (calibrated) to 1; one per class with `average=None`.

    Raises
    ------
    ValueError
        If `y_proba` holds no probabilities or not one column per class, or a parameter is out of
        range.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
       networks", ICML, pp. 1321-1330, 2017.
    .. [2] M. Kull et al., "Beyond temperature scaling: obtaining well-calibrated multi-class
       probabilities with Dirichlet calibration", NeurIPS, pp. 12316-12326, 2019.

    Examples
    --------
    >>> from skheart.metrics import expected_calibration_error
    >>> y_true = ["ill", "ill", "well", "well", "well"]
    >>> y_proba = [[0.9, 0.1], [0.4, 0.6], [0.1, 0.9], [0.4, 0.6], [0.4, 0.6]]
    >>> # (0.5, 0.6]: 2 of 3 right at 0.6; (0.8, 0.9]: 2 of 2 at 0.9
    >>> round(expected_calibration_error(y_true, y_proba), 4)  # 3/5 * |2/3 - .6| + 2/5 * .1
    0.08
    """
    code, y_proba, _ = probability_matrix(y_true, y_proba, labels)
    if not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be an integer of at least 1, got {n_bins!r}.")
    if strategy not in ("uniform", "quantile"):
        raise ValueError(
            "strategy must be 'uniform' (equal width) or 'quantile' (equal mass), got "
            f"{strategy!r}."
        )
    if average not in ("top-label", "macro", None):
        raise ValueError(f"average must be 'top-label', 'macro' or None, got {average!r}.")
    weights = np.ones(len(code)) if sample_weight is None else row_weights(sample_weight, len(code))
    if average == "top-label":
        confidence, right = y_proba.max(axis=1), y_proba.argmax(axis=1) == code
        return _error(confidence, right, weights, n_bins, strategy)
    errors = np.array(
        [_error(p, code == k, weights, n_bins, strategy) for k, p in enumerate(y_proba.T)]
    )
    return errors if average is None else float(errors.mean())


def _error(confidence, right, weights, n_bins, strategy):
    confidence = np.round(confidence, 12)  # a softmax's 0.6 may be a hair above the edge
    inner = np.arange(1, n_bins) / n_bins
    if strategy == "quantile":
        inner = np.unique(np.quantile(confidence, inner))
    bins = np.searchsorted(inner, confidence, side="left")  # an edge belongs to the bin below it
    gap = np.bincount(bins, weights * (confidence - right))
    return float(np.abs(gap).sum() / weights.sum())
