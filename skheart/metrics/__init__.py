"""Scores of the field, and intervals and tests that count subjects rather than recordings.

Each score is a function `metric(y_true, y_pred)`; the scorers of the same names go into
`scoring=` of scikit-learn, by :func:`get_scorer` or as they are.
"""

from ._bootstrap import Interval, bootstrap_interval
from ._calibration import expected_calibration_error
from ._challenges import circor_cost, circor_weighted_accuracy, physionet2016_macc
from ._checks import checked_labels, positive_label
from ._paired import PairedTest, paired_test
from ._recall import sensitivity, sensitivity_at_specificity, specificity, uar
from ._scorers import (
    SCORERS,
    circor_weighted_accuracy_scorer,
    get_scorer,
    neg_circor_cost_scorer,
    neg_expected_calibration_error_scorer,
    physionet2016_macc_scorer,
    sensitivity_at_specificity_scorer,
    sensitivity_scorer,
    specificity_scorer,
    uar_scorer,
)

__all__ = [
    "SCORERS",
    "Interval",
    "PairedTest",
    "bootstrap_interval",
    "circor_cost",
    "circor_weighted_accuracy",
    "circor_weighted_accuracy_scorer",
    "expected_calibration_error",
    "get_scorer",
    "neg_circor_cost_scorer",
    "neg_expected_calibration_error_scorer",
    "paired_test",
    "physionet2016_macc",
    "physionet2016_macc_scorer",
    "sensitivity",
    "sensitivity_at_specificity",
    "sensitivity_at_specificity_scorer",
    "sensitivity_scorer",
    "specificity",
    "specificity_scorer",
    "uar",
    "uar_scorer",
]
