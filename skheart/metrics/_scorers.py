"""Scorers for the `scoring` parameter of scikit-learn."""

from __future__ import annotations

from types import MappingProxyType

from sklearn.metrics import get_scorer as sklearn_scorer
from sklearn.metrics import get_scorer_names, make_scorer

from ._calibration import expected_calibration_error
from ._challenges import circor_cost, circor_weighted_accuracy, physionet2016_macc
from ._recall import sensitivity, sensitivity_at_specificity, specificity, uar

__all__ = [
    "SCORERS",
    "circor_weighted_accuracy_scorer",
    "get_scorer",
    "neg_circor_cost_scorer",
    "neg_expected_calibration_error_scorer",
    "physionet2016_macc_scorer",
    "sensitivity_at_specificity_scorer",
    "sensitivity_scorer",
    "specificity_scorer",
    "uar_scorer",
]


class _ProbabilityScorer:
    """Score `predict_proba` and tell the metric the classes of the columns.

    scikit-learn's own scorers do not pass the classes, so a fold without one of them would fail,
    and for two classes they pass only the column of `classes_[1]`, which is "Normal" for CirCor.
    """

    def __init__(self, metric, sign):
        self.metric = metric
        self.sign = sign

    def __call__(self, estimator, X, y_true, sample_weight=None):
        proba = estimator.predict_proba(X)
        score = self.metric(y_true, proba, labels=estimator.classes_, sample_weight=sample_weight)
        return self.sign * score

    def __repr__(self):
        sign = "-" * (self.sign < 0)
        return f"<scorer {sign}{self.metric.__name__}(y, predict_proba)>"


uar_scorer = make_scorer(uar)
sensitivity_scorer = make_scorer(sensitivity)
specificity_scorer = make_scorer(specificity)
physionet2016_macc_scorer = make_scorer(physionet2016_macc)
circor_weighted_accuracy_scorer = make_scorer(circor_weighted_accuracy)
neg_circor_cost_scorer = make_scorer(circor_cost, greater_is_better=False)
sensitivity_at_specificity_scorer = _ProbabilityScorer(sensitivity_at_specificity, 1)
neg_expected_calibration_error_scorer = _ProbabilityScorer(expected_calibration_error, -1)

SCORERS = MappingProxyType(
    {
        "circor_weighted_accuracy": circor_weighted_accuracy_scorer,
        "neg_circor_cost": neg_circor_cost_scorer,
        "neg_expected_calibration_error": neg_expected_calibration_error_scorer,
        "physionet2016_macc": physionet2016_macc_scorer,
        "sensitivity": sensitivity_scorer,
        "sensitivity_at_specificity": sensitivity_at_specificity_scorer,
        "specificity": specificity_scorer,
        "uar": uar_scorer,
    }
)
"""Scorers by name. Names that start with `neg_` are negated, so that greater is better."""


def get_scorer(name):
    """Get a scorer of :data:`SCORERS` or of scikit-learn by its name.

    Parameters
    ----------
    name : str or callable
        Key of `SCORERS`, name known to :func:`sklearn.metrics.get_scorer`, or a scorer, which is
        returned unchanged.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y)` returns a number; greater is better.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.model_selection import cross_val_score
    >>> from skheart.metrics import get_scorer
    >>> X, y = [[0.0]] * 8, ["Absent", "Absent", "Absent", "Present"] * 2
    >>> scorer = get_scorer("circor_weighted_accuracy")
    >>> cross_val_score(DummyClassifier(), X, y, cv=2, scoring=scorer).tolist()  # 3/8
    [0.375, 0.375]
    >>> get_scorer("roc_auc")
    make_scorer(roc_auc_score, response_method=('decision_function', 'predict_proba'))
    """
    if isinstance(name, str):
        if name in SCORERS:
            return SCORERS[name]
        if name not in get_scorer_names():
            raise ValueError(
                f"scoring={name!r} is unknown. Use one of {', '.join(SCORERS)}, or a name in "
                "sklearn.metrics.get_scorer_names()."
            )
    return sklearn_scorer(name)
