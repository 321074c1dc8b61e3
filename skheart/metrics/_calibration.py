"""Calibration of class probabilities."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._validation import check_probabilities, check_weights

__all__ = ["expected_calibration_error"]


@validate_params(
    {
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"uniform", "quantile"})],
        "average": [StrOptions({"top-label", "macro"}), None],
    },
    prefer_skip_nested_validation=True,
)
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
    """Expected calibration error (ECE): mean gap between confidence and accuracy over bins.

    Recordings are binned by probability. In each bin the mean probability is compared with the
    proportion of correct predictions, and the absolute differences are averaged, weighted by the
    size of the bins [1]_. The value depends on the bins: report them along with it.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    y_proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Class probabilities. A single column is the probability of the second class.
    labels : array-like of shape (n_classes,), default=None
        Classes of the columns. None: the sorted classes of `y_true`.
    n_bins : int, default=10
        Number of bins, at least 1.
    strategy : {"uniform", "quantile"}, default="uniform"
        "uniform": bins of equal width from 0 to 1, open below and closed above. "quantile": bins
        with equally many recordings; equal probabilities share a bin, so there may be fewer bins.
    average : {"top-label", "macro"} or None, default="top-label"
        "top-label": compare the probability of the predicted class with the accuracy. None: for
        each class, compare its probability with its frequency [2]_. "macro": mean over classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weight of each row.

    Returns
    -------
    error : float or ndarray of shape (n_classes,)
        From 0 (calibrated) to 1; one value per class with `average=None`.

    Raises
    ------
    ValueError
        If `y_proba` does not contain probabilities with one column per class, or a parameter is
        out of range.

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
    code, y_proba = check_probabilities(y_true, y_proba, labels)
    weights = check_weights(sample_weight, code)
    if average == "top-label":
        confidence, correct = y_proba.max(axis=1), y_proba.argmax(axis=1) == code
        return _calibration_error(confidence, correct, weights, n_bins, strategy)
    errors = np.array(
        [
            _calibration_error(p, code == k, weights, n_bins, strategy)
            for k, p in enumerate(y_proba.T)
        ]
    )
    return errors if average is None else float(errors.mean())


def _calibration_error(confidence, correct, weights, n_bins, strategy):
    confidence = np.round(confidence, 12)  # rounding errors must not cross the edge of a bin
    inner = np.arange(1, n_bins) / n_bins
    if strategy == "quantile":
        inner = np.unique(np.quantile(confidence, inner))
    bins = np.searchsorted(inner, confidence, side="left")  # an edge belongs to the bin below it
    gap = np.bincount(bins, weights * (confidence - correct))
    return float(np.abs(gap).sum() / weights.sum())
