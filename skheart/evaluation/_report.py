"""Scores by class and by subgroup, each with its interval and the number of its subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_consistent_length, check_random_state

from .._utils.tables import aligned
from .._utils.validation import check_groups
from ..metrics import (
    bootstrap_interval,
    check_labels,
    circor_cost,
    circor_weighted_accuracy,
    expected_calibration_error,
    physionet2016_macc,
    resolve_pos_label,
    sensitivity,
    sensitivity_at_specificity,
    specificity,
    uar,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoreReport", "report"]


def _roc_auc(y_true, y_proba, *, labels):
    """Mean over the classes of y_true of the AUC of each against the rest."""
    areas = []
    for label, column in zip(labels, y_proba.T, strict=True):
        own = y_true == label
        n = np.count_nonzero(own)
        if n:  # by ranks: sklearn's roc_auc_score takes 50 times as long, for every resample
            above = rankdata(column)[own].sum() - n * (n + 1) / 2
            areas.append(above / (n * (len(own) - n)))
    return np.mean(areas)


NEED_POSITIVE = {"sensitivity": sensitivity, "specificity": specificity}
OF_LABELS = {
    "circor_cost": circor_cost,
    "circor_weighted_accuracy": circor_weighted_accuracy,
    "physionet2016_macc": physionet2016_macc,
    "uar": uar,
}
OF_PROBABILITIES = {
    "expected_calibration_error": expected_calibration_error,
    "roc_auc": _roc_auc,
    "sensitivity_at_specificity": sensitivity_at_specificity,
}


@dataclass(frozen=True, eq=False)
class ScoreReport:
    """Scores of all recordings, of each class and of each subgroup, as :func:`report` gives them.

    `str` of it is aligned text, and :class:`skheart.plot.ScoreDisplay` draws it.

    Parameters
    ----------
    frame : DataFrame
        One row per score: `by` ("all", "class" or a name given as `by`), `value` (the class or
        the subgroup), `metric`, `score`, `low` and `high` (ends of the interval), `n_subjects`
        and `n_recordings` behind the score, `note` (why something is nan or to be doubted).
    confidence : float
        Of the intervals.

    Examples
    --------
    >>> from skheart.evaluation import report
    >>> y_true = ["ill", "ill", "well", "well", "well", "well"]
    >>> y_pred = ["ill", "well", "well", "well", "well", "ill"]
    >>> scores = report(y_true, y_pred, random_state=0)
    >>> scores.frame.query("by == 'class' and metric == 'recall'").score.tolist()
    [0.5, 0.75]
    """

    frame: pd.DataFrame
    confidence: float

    def __str__(self):
        interval = f"{100 * self.confidence:g} % interval"
        rows = [["by", "value", "metric", "score", interval, "subjects", "recordings", "note"]]
        for row in self.frame.itertuples():
            score, low, high = (_number(x) for x in (row.score, row.low, row.high))
            ends = "-" if np.isnan(row.low) else f"[{low}, {high}]"
            counts = [str(row.n_subjects), str(row.n_recordings)]
            rows.append([row.by, row.value, row.metric, score, ends, *counts, row.note])
        return aligned(rows, n_left=5, last_left=True)


def _number(x):
    return "-" if np.isnan(x) else f"{x:.3f}" if abs(x) < 100 else f"{x:.0f}"


def report(
    y_true,
    y_pred=None,
    y_proba=None,
    *,
    groups=None,
    by=None,
    metrics=None,
    classes=None,
    confidence=0.95,
    n_resamples=2000,
    method="percentile",
    random_state=None,
):
    """Score predictions as a whole, by class, and by subgroup such as site, sex or age.

    Every score has an interval that resamples subjects, and says how many subjects and recordings
    stand behind it.

    Parameters
    ----------
    y_true : array-like of shape (n,), or SubjectEvaluation
        True labels; or what :func:`evaluate_by_subject` and :func:`evaluate_predictions` return,
        which holds predictions, probabilities, subjects and classes too.
    y_pred : array-like of shape (n,), default=None
        Predicted labels; None only with a SubjectEvaluation.
    y_proba : array-like of shape (n, n_classes), default=None
        Class probabilities, for metrics that need them.
    groups : array-like of shape (n,), default=None
        The subject of each recording. None: every recording is a subject of its own.
    by : dict of str to array-like of shape (n,), or DataFrame, default=None
        Subgroups: for each name a category per recording. Ages in years are no categories; cut
        them into classes. What is missing becomes the subgroup "(missing)".
    metrics : sequence of str, or dict, default=None
        Names of :mod:`skheart.metrics` ("uar", "sensitivity", "specificity",
        "circor_weighted_accuracy", "circor_cost", "physionet2016_macc";
        "expected_calibration_error" and "sensitivity_at_specificity", which need `y_proba`) or
        "roc_auc", the mean over classes of one against the rest. As a dict, by any name: a
        function `metric(y_true, y_pred)`, or `(function, "predict_proba")` for one of
        probabilities. None is ["uar"].
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None takes the labels that occur, sorted.
    confidence : float, default=0.95
        Of the intervals, above 0 and below 1.
    n_resamples : int, default=2000
        Number of resamples of each interval.
    method : {"percentile", "bca"}, default="percentile"
        Kind of the intervals, as in :func:`skheart.metrics.bootstrap_interval`.
    random_state : int, RandomState instance or None, default=None
        Seed of the intervals.

    Returns
    -------
    report : ScoreReport
        With the metrics of all recordings, recall and precision of each class, and the metrics of
        each subgroup. A recall is backed by the recordings of its class, a precision by those
        predicted as it. A subgroup of one class has no score, one of one subject no interval;
        both are nan, and `note` says so.

    Raises
    ------
    ValueError
        If lengths differ, a metric is not known or needs `y_proba`, or `by` holds numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.evaluation import report
    >>> subjects = np.repeat(np.arange(20), 2)
    >>> y_true = np.where(subjects % 2, "ill", "well")
    >>> y_pred = np.where(np.arange(40) % 8 == 1, "ill", y_true)
    >>> sex = np.where(subjects < 10, "female", "male")
    >>> print(report(y_true, y_pred, groups=subjects, by={"sex": sex}, random_state=0))
    by     value   metric     score  95 % interval   subjects  recordings  note
    all    all     uar        0.875  [0.800, 0.950]        20          40
    class  ill     recall     1.000  [1.000, 1.000]        10          20
    class  ill     precision  0.800  [0.714, 0.909]        15          25
    class  well    recall     0.750  [0.600, 0.900]        10          20
    class  well    precision  1.000  [1.000, 1.000]        10          15
    sex    female  uar        0.850  [0.750, 0.950]        10          20
    sex    male    uar        0.900  [0.800, 1.000]        10          20
    """
    import pandas as pd

    if y_pred is None:
        y_true, y_pred, y_proba, groups, classes = _taken_apart(y_true, groups)
    check_consistent_length(y_true, y_pred, y_proba, groups)
    y_true, y_pred = check_labels(y_true, y_pred)
    groups = np.arange(len(y_true)) if groups is None else check_groups(groups)
    classes = np.union1d(y_true, y_pred) if classes is None else np.asarray(classes)
    table = _Table(
        y_true,
        y_pred,
        None if y_proba is None else np.asarray(y_proba),
        groups,
        classes,
        {"confidence": confidence, "n_resamples": n_resamples, "method": method},
        check_random_state(random_state),
    )
    functions = _resolved(metrics, classes, y_proba)
    subgroups = [(name, *_categories(name, values, len(y_true))) for name, values in _items(by)]
    everything = np.ones(len(y_true), dtype=bool)
    rows = table.subgroup("all", "all", everything, functions)
    rows += [row for label in classes for row in table.of_class(label)]
    for name, categories, code in subgroups:
        for number, category in enumerate(categories):
            rows += table.subgroup(name, category, code == number, functions)
    return ScoreReport(pd.DataFrame(rows), confidence)


@dataclass(frozen=True)
class _Table:
    """What the rows are made of."""

    y_true: np.ndarray
    y_pred: np.ndarray
    y_proba: np.ndarray | None
    groups: np.ndarray
    classes: np.ndarray
    options: dict
    random_state: np.random.RandomState

    def subgroup(self, by, value, rows, functions):
        """One row of the table for each metric, of some of the recordings."""
        found = np.unique(self.y_true[rows])
        expected = np.unique(self.y_true)
        notes = self._doubts(rows, found)
        absent = [str(label) for label in np.setdiff1d(expected, found)]
        if len(found) == 1:
            notes = [f"one class, {found[0]}: no score", *notes]
        elif absent:
            notes = [f"without {', '.join(absent)}", *notes]
        table = []
        for name, (function, of_probabilities) in functions.items():
            given = self.y_proba if of_probabilities else self.y_pred
            scores = (np.nan,) * 3
            if len(found) > 1:
                scores = self._interval(function, rows, given)
            table.append(self._row(by, value, name, scores, rows, notes))
        return table

    def of_class(self, label):
        """Recall and precision of a class."""
        true, called = self.y_true == label, self.y_pred == label
        everything = np.ones(len(true), dtype=bool)
        for name, backed_by, function, word in (
            ("recall", true, _recall, "no recording"),
            ("precision", called, _precision, "never predicted"),
        ):
            scores, notes = (np.nan,) * 3, [word]
            if backed_by.any():
                # All of the others are resampled too, since a precision depends on them.
                scores = self._interval(partial(function, label=label), everything, self.y_pred)
                notes = self._doubts(true, [label]) if name == "recall" else []
                if np.isfinite(scores[0]) and np.isnan(scores[1]) and not notes:
                    notes = ["not predicted in some resamples: no interval"]
            yield self._row("class", str(label), name, scores, backed_by, notes)

    def _doubts(self, rows, found):
        """What is to be said of an interval over few subjects."""
        if len(np.unique(self.groups[rows])) == 1:
            return ["one subject: no interval"]
        alone = [
            str(label)
            for label in found
            if len(np.unique(self.groups[rows & (self.y_true == label)])) == 1
        ]
        return [f"one subject in {', '.join(alone)}: interval too narrow"] if alone else []

    def _interval(self, function, rows, given):
        y_true, given, groups = self.y_true[rows], given[rows], self.groups[rows]
        seed = self.random_state.randint(2**31 - 1)
        with warnings.catch_warnings():
            # Said in the notes.
            warnings.filterwarnings("ignore", "Only one subject in class")
            warnings.filterwarnings("ignore", category=UndefinedMetricWarning)
            if len(np.unique(groups)) == 1:
                return function(y_true, given), np.nan, np.nan
            return bootstrap_interval(
                function, y_true, given, groups=groups, random_state=seed, **self.options
            )

    def _row(self, by, value, metric, scores, rows, notes):
        return {
            "by": by,
            "value": value,
            "metric": metric,
            **dict(zip(("score", "low", "high"), map(float, scores), strict=True)),
            "n_subjects": len(np.unique(self.groups[rows])),
            "n_recordings": int(rows.sum()),
            "note": "; ".join(notes),
        }


def _recall(y_true, y_pred, label):
    own = y_true == label
    return np.mean(y_pred[own] == label)


def _precision(y_true, y_pred, label):
    called = y_pred == label
    return np.mean(y_true[called] == label) if called.any() else np.nan


def _taken_apart(result, groups):
    names = ("y_true", "y_pred", "y_proba", "groups", "classes")
    if not all(hasattr(result, name) for name in names):
        raise ValueError(
            f"y_pred is missing: report takes y_true and y_pred, or a SubjectEvaluation alone; got "
            f"only {type(result).__name__}."
        )
    y_true, y_pred, y_proba, own, classes = (getattr(result, name) for name in names)
    return y_true, y_pred, y_proba, own if groups is None else groups, classes


def _resolved(metrics, classes, y_proba):
    """{name: (function, whether it takes probabilities)}."""
    metrics = ["uar"] if metrics is None else [metrics] if isinstance(metrics, str) else metrics
    if not hasattr(metrics, "items"):
        metrics = {name: name for name in metrics}
    resolved = {}
    for name, metric in metrics.items():
        function, of_probabilities = metric, False
        if isinstance(metric, tuple):
            function, kind = metric
            of_probabilities = kind == "predict_proba"
        elif metric in OF_PROBABILITIES:
            function, of_probabilities = partial(OF_PROBABILITIES[metric], labels=classes), True
            if metric == "sensitivity_at_specificity":
                function = partial(function, pos_label=resolve_pos_label(None, classes))
        elif metric in NEED_POSITIVE:
            function = partial(NEED_POSITIVE[metric], pos_label=resolve_pos_label(None, classes))
        elif isinstance(metric, str):
            function = OF_LABELS.get(metric)
        if not callable(function):
            known = ", ".join(sorted({*OF_LABELS, *OF_PROBABILITIES, *NEED_POSITIVE}))
            raise ValueError(
                f"metrics holds {metric!r}, which is not known. Take one of {known}, or give a "
                "function: metrics={'f1': function}."
            )
        if of_probabilities and y_proba is None:
            raise ValueError(
                f"The metric {name!r} needs probabilities: give y_proba, from `predict_proba`."
            )
        resolved[name] = function, of_probabilities
    return resolved


def _items(by):
    return () if by is None else by.items()


def _categories(name, values, n_rows):
    """Names of the subgroups in order, and the number of that of each recording."""
    import pandas as pd

    if len(values) != n_rows:
        raise ValueError(
            f"by[{name!r}] has {len(values)} values and y_true {n_rows}: one per recording is "
            "needed."
        )
    given = pd.Series(values)
    if pd.api.types.is_numeric_dtype(given) and not pd.api.types.is_bool_dtype(given):
        raise ValueError(
            f"by[{name!r}] holds numbers, such as {given.iloc[0]}, and subgroups are categories. "
            f"Cut them into classes, as in pandas.cut({name}, [0, 1, 12, 18, 120]); numbers that "
            "are names make text of, as in map(str, ...)."
        )
    found = pd.Categorical(given)
    code, used = found.codes.copy(), np.unique(found.codes[found.codes >= 0])
    names = [str(found.categories[number]) for number in used]
    code = np.where(code < 0, len(used), np.searchsorted(used, code))
    return [*names, *(["(missing)"] if (found.codes < 0).any() else [])], code
