"""Subject-wise cross-validation, hold-out and tables of results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.parallel import Parallel, delayed

from .._utils.parallel import progress
from .._utils.splits import check_subjects_per_class, subject_folds, validation_split
from .._utils.validation import check_groups
from ..metrics import Interval, bootstrap_interval, uar
from ._predict import first_rows, predict_with_probabilities, probability_columns

__all__ = [
    "SubjectEvaluation",
    "evaluate_by_subject",
    "evaluate_predictions",
    "hold_out_by_subject",
]


@dataclass(frozen=True, eq=False)
class SubjectEvaluation:
    """Predictions on recordings of subjects that the model has not seen, and their UAR.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_recordings,)
        True and predicted labels, in the order of the recordings.
    y_proba : ndarray of shape (n_recordings, n_classes) or None
        Class probabilities; None without `predict_proba`.
    classes : ndarray of shape (n_classes,)
        Labels of the columns of `y_proba`, sorted.
    groups : ndarray of shape (n_recordings,)
        The subject of each recording.
    fold : ndarray of int of shape (n_recordings,)
        The fold in which each recording was predicted; 0 for a single test set.
    uar : Interval
        Unweighted average recall with its 95% confidence interval, resampled by subject. Both ends
        are NaN if there is only one subject.

    Examples
    --------
    >>> from skheart.evaluation import evaluate_predictions
    >>> y_true = ["ill", "ill", "well", "well", "well", "well"]
    >>> y_pred = ["ill", "well", "well", "well", "well", "ill"]
    >>> result = evaluate_predictions(y_true, y_pred, groups=[1, 2, 3, 3, 4, 5], random_state=0)
    >>> result.n_subjects, result.uar.estimate
    (5, 0.625)
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    y_proba: np.ndarray | None
    classes: np.ndarray
    groups: np.ndarray
    fold: np.ndarray
    uar: Interval

    @property
    def n_recordings(self):
        """Number of recordings."""
        return len(self.y_true)

    @property
    def n_subjects(self):
        """Number of subjects."""
        return len(np.unique(self.groups))

    def to_frame(self, paths=None):
        """Return the predictions as a DataFrame, one row per recording.

        Parameters
        ----------
        paths : sequence of str, default=None
            Values of the column `path`.

        Returns
        -------
        frame : DataFrame
            Columns `path` (if given), `subject`, `fold`, `label`, `predicted` and one
            `p_<class>` per class.
        """
        import pandas as pd

        columns = {} if paths is None else {"path": [str(path) for path in paths]}
        columns.update(
            subject=self.groups, fold=self.fold, label=self.y_true, predicted=self.y_pred
        )
        if self.y_proba is not None:
            names = probability_columns(self.classes)
            columns.update(zip(names, self.y_proba.T, strict=True))
        return pd.DataFrame(columns)


def evaluate_by_subject(
    estimator,
    X,
    y,
    groups,
    *,
    cv=5,
    random_state=None,
    n_jobs=None,
    verbose=0,
    params=None,
    patients=None,
    name=None,
):
    """Cross-validate subject-wise and score all recordings or patients together.

    Each recording is predicted once, by a model fitted on other subjects. The UAR is computed from
    all predictions together, not averaged over folds, which may lack a rare class. Its confidence
    interval resamples subjects and does not include the variation between trainings.

    Parameters
    ----------
    estimator : classifier
        Cloned for each fold. With a classifier of skheart, the features of a fold are computed
        once for both labels and probabilities.
    X : array-like or list of length n
        Recordings or features, as `estimator` expects them.
    y : array-like of shape (n,)
        Labels.
    groups : array-like of shape (n,)
        The subject of each recording.
    cv : int or cross-validation splitter, default=5
        An int is the number of folds of a shuffled `StratifiedGroupKFold`. A splitter must put
        each recording in one test set and keep subjects apart.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the confidence interval.
    n_jobs : int, default=None
        Number of parallel jobs. None means 1 and -1 all processors.
    verbose : int, default=0
        1 shows a progress bar on standard error.
    params : dict, default=None
        Arguments of `estimator.fit`, such as `{"groups": groups}`; those with one value per
        recording are indexed by fold.
    patients : array-like of shape (n,), default=None
        The patient of each recording, to predict patients instead of recordings. `estimator` must
        be a :class:`skheart.PatientClassifier`, and `X` must contain the patients for `fit`. The
        result has one row per patient, in the order of their first recordings.
    name : str, default=None
        Title of the progress bar; None means the class of the classifier.

    Returns
    -------
    result : SubjectEvaluation
        Out-of-fold predictions, and the UAR with its confidence interval.

    Raises
    ------
    ValueError
        If a class has fewer subjects than folds, a splitter puts a subject on both sides or does
        not test each recording once, or a patient has several labels or subjects.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skheart.evaluation import evaluate_by_subject, results_table
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat(np.arange(40), 3)
    >>> y = np.where(subjects % 2, "murmur", "none")
    >>> X = rng.normal(size=(120, 5)) + (y == "murmur")[:, np.newaxis]
    >>> result = evaluate_by_subject(LogisticRegression(), X, y, subjects, random_state=0)
    >>> print(results_table({"logistic": result}))
    model       UAR          95% CI subjects recordings
    logistic  0.867  [0.808, 0.925]       40        120
    """
    check_consistent_length(X, y, groups)
    y, groups = column_or_1d(y), check_groups(groups)
    if patients is None:
        rows = np.arange(len(y))
    else:
        check_consistent_length(y, patients)
        patients = check_groups(patients)
        rows = first_rows(patients, label=y, subject=groups)
    random_state = check_random_state(random_state)
    folds = subject_folds(y, groups, cv, random_state)
    outcomes = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_predict)(clone(estimator), X, y, train, test, params or {}, patients)
        for train, test in folds
    )
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    name = type(last).__name__ if name is None else name
    y_pred, y_proba, fold = [], [], np.empty(len(y), dtype=int)
    with progress(len(folds), name, verbose, unit="fold") as advance:
        for number, (labels, probabilities) in enumerate(outcomes):
            fold[folds[number][1]] = number
            y_pred.append(labels)
            y_proba.append(probabilities)
            advance(1)
    order = np.argsort(np.concatenate([test for _, test in folds]))[rows]
    return evaluate_predictions(
        y[rows],
        np.concatenate(y_pred)[order],
        None if y_proba[0] is None else np.concatenate(y_proba)[order],
        classes=np.unique(y),
        groups=groups[rows],
        fold=fold[rows],
        random_state=random_state,
    )


def evaluate_predictions(
    y_true, y_pred, y_proba=None, *, classes=None, groups=None, fold=None, random_state=None
):
    """Score existing predictions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,)
        True and predicted labels.
    y_proba : array-like of shape (n, n_classes), default=None
        Class probabilities.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `y_proba`; None means the sorted labels.
    groups : array-like of shape (n,), default=None
        The subject of each recording. None: every recording is a subject of its own.
    fold : array-like of int of shape (n,), default=None
        The fold of each recording; None means 0 for all.
    random_state : int, RandomState instance or None, default=None
        Seed of the confidence interval.

    Returns
    -------
    result : SubjectEvaluation
        The predictions, and the UAR with its confidence interval.

    Examples
    --------
    >>> from skheart.evaluation import evaluate_predictions
    >>> result = evaluate_predictions([0, 0, 1, 1], [0, 0, 1, 0], random_state=0)
    >>> result.uar.estimate
    0.75
    """
    check_consistent_length(y_true, y_pred, y_proba, groups, fold)
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    groups = np.arange(len(y_true)) if groups is None else check_groups(groups)
    if len(np.unique(groups)) > 1:
        interval = bootstrap_interval(uar, y_true, y_pred, groups=groups, random_state=random_state)
    else:
        interval = Interval(uar(y_true, y_pred), np.nan, np.nan)
    return SubjectEvaluation(
        y_true=y_true,
        y_pred=y_pred,
        y_proba=None if y_proba is None else np.asarray(y_proba),
        classes=np.union1d(y_true, y_pred) if classes is None else np.asarray(classes),
        groups=groups,
        fold=np.zeros(len(y_true), dtype=int) if fold is None else np.asarray(fold),
        uar=interval,
    )


def hold_out_by_subject(y, groups, *, test_size=0.2, random_state=None):
    """Split recordings into a training and a test set, stratified, subjects apart.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels.
    groups : array-like of shape (n,)
        The subject of each recording.
    test_size : float, default=0.2
        Proportion of the recordings in the test set, in (0, 1), to the nearest 1/20; it may differ
        slightly because subjects stay whole.
    random_state : int, RandomState instance or None, default=None
        Seed of the split.

    Returns
    -------
    train, test : ndarray of int
        Sorted indices of the recordings.

    Raises
    ------
    ValueError
        If there are too few subjects for every class to be on both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.evaluation import hold_out_by_subject
    >>> subjects = np.repeat(np.arange(20), 2)
    >>> train, test = hold_out_by_subject(subjects % 2, subjects, test_size=0.2, random_state=0)
    >>> len(train), len(test), np.intersect1d(subjects[train], subjects[test]).size
    (32, 8, 0)
    """
    check_consistent_length(y, groups)
    y, groups = column_or_1d(y), check_groups(groups)
    if not 0 < test_size < 1:
        raise ValueError(
            f"test_size must be in (0, 1). Got {test_size!r}. For a fifth of the recordings pass "
            "0.2."
        )
    check_subjects_per_class(y, groups, 2, "a hold-out needs one on each side")
    code = np.unique(y, return_inverse=True)[1]
    subject = np.unique(groups, return_inverse=True)[1]
    seed = check_random_state(random_state).randint(2**31 - 1)
    try:
        train, test = validation_split(code, subject, test_size, seed)
        complete = len(np.unique(code[test])) == code.max() + 1
    except ValueError:  # the message below fits better
        complete = False
    if not complete:
        raise ValueError(
            f"test_size={test_size} of {subject.max() + 1} subjects leaves a class without a "
            "recording on one side. Use a larger test_size or more subjects, or cross-validate."
        )
    return train, test


def _fit_and_predict(estimator, X, y, train, test, params, patients):
    params = {
        name: _safe_indexing(value, train)
        if hasattr(value, "__len__") and len(value) == len(y)
        else value
        for name, value in params.items()
    }
    estimator.fit(_safe_indexing(X, train), y[train], **params)
    X_test = _safe_indexing(X, test)
    if patients is None:
        return predict_with_probabilities(estimator, X_test)
    found = estimator.predict_patients(X_test, patients[test])
    row = np.searchsorted(found.patients, patients[test])
    return found.labels[row], found.probabilities[row]
