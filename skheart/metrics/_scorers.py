"""The metrics as scorers, for `scoring=` of scikit-learn."""

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
    """Scores `predict_proba` with the classes of its columns.

    scikit-learn's own scorers cut two columns to the one of `classes_[1]`, which is "Normal" of
    CirCor's outcomes, and tell the metric no classes; a fold without one of them would fail.
    """

    def __init__(self, metric, sign):
        self.metric = metric
        self.sign = sign

    def __call__(self, estimator, X, y_true, sample_weight=None):
        proba = estimator.predict_proba(X)
        score = self.metric(y_true, proba, labels=estimator.classes_, sample_weight=sample_weight)
        return self.sign * score

    def __repr__(self):
        return f"skheart scorer of {self.metric.__name__}, times {self.sign}"


uar_scorer = make_scorer(uar)
"""Scorer of :func:`uar`, for `scoring=` in :func:`sklearn.model_selection.cross_validate`."""

sensitivity_scorer = make_scorer(sensitivity)
"""Scorer of :func:`sensitivity`."""

specificity_scorer = make_scorer(specificity)
"""Scorer of :func:`specificity`."""

physionet2016_macc_scorer = make_scorer(physionet2016_macc)
"""Scorer of :func:`physionet2016_macc`, in its plain form."""

circor_weighted_accuracy_scorer = make_scorer(circor_weighted_accuracy)
"""Scorer of :func:`circor_weighted_accuracy`, of murmurs and of outcomes."""

neg_circor_cost_scorer = make_scorer(circor_cost, greater_is_better=False)
"""Scorer of minus :func:`circor_cost`: greater is better."""

sensitivity_at_specificity_scorer = _ProbabilityScorer(sensitivity_at_specificity, 1)
"""Scorer of :func:`sensitivity_at_specificity`, at a specificity of 0.9."""

neg_expected_calibration_error_scorer = _ProbabilityScorer(expected_calibration_error, -1)
"""Scorer of minus :func:`expected_calibration_error`, with ten equal bins: greater is better."""

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
"""The scorers by name, which :func:`get_scorer` takes besides scikit-learn's names."""


def get_scorer(name):
    """Return a scorer by its name, of :data:`SCORERS` or of scikit-learn.

    Parameters
    ----------
    name : str or callable
        A key of `SCORERS`, a name that :func:`sklearn.metrics.get_scorer` knows, or a scorer, which
        is returned as it is.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y)` returns a number; greater is better.

    Raises
    ------
    ValueError
        If the name is not known.

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
                f"scoring={name!r} is not known. Take one of {', '.join(SCORERS)}, or a name of "
                "sklearn.metrics.get_scorer_names()."
            )
    return sklearn_scorer(name)
