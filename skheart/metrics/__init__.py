"""Scores of heart sound classification, confidence intervals and paired tests by subject.

In: true labels and predicted labels, scores or probabilities. Out: numbers and named tuples.
Every score is a function `metric(y_true, y_pred)`, and has a scorer (:func:`get_scorer`).

Files, in reading order: `_validation` (checks of the input), `_recall` (UAR, sensitivity,
specificity), `_challenges` (scores of the PhysioNet challenges), `_calibration`, `_scorers`,
`_bootstrap` (intervals) and `_paired` (comparison of two models).
May import NumPy, SciPy and scikit-learn, and `skheart._utils`.
"""

from ._bootstrap import Interval, bootstrap_interval
from ._calibration import expected_calibration_error
from ._challenges import circor_cost, circor_weighted_accuracy, physionet2016_macc
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
from ._validation import check_labels as check_labels  # for skheart.evaluation
from ._validation import resolve_pos_label as resolve_pos_label

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
