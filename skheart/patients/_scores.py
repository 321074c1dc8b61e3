"""Predictions for patients, and a scorer that counts every patient once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._recordings import recordings_of_patients

__all__ = ["PatientPredictions", "patient_scorer"]


class PatientPredictions(NamedTuple):
    """Predictions for patients.

    Attributes
    ----------
    patients : ndarray of shape (n_patients,)
        The patients, sorted.
    labels : ndarray of shape (n_patients,)
        Predicted label of each patient.
    probabilities : ndarray of shape (n_patients, n_classes)
        Class probabilities, in the order of `classes_`.
    n_recordings : ndarray of int of shape (n_patients,)
        Number of recordings of each patient, without those that were left out.
    skipped : list of (path, reason)
        Recordings that could not be read and were left out, see `on_error` of `PatientClassifier`.
    """

    patients: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    n_recordings: np.ndarray
    skipped: list | tuple = ()


class patient_scorer:
    """Make a scorer that counts every patient once.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred)`` with one label per patient, such as :func:`skheart.metrics.uar`;
        with ``response="predict_proba"``, ``metric(y_true, y_proba)``.
    response : {"predict", "predict_proba"}, default="predict"
        What is passed to the metric.
    greater_is_better : bool, default=True
        False for a loss or cost; the scorer then returns its negative.

    Examples
    --------
    >>> from skheart import uar
    >>> from skheart.patients import patient_scorer
    >>> scorer = patient_scorer(uar)  # cross_validate(model, X, y, scoring=scorer)
    """

    def __init__(self, metric, *, response="predict", greater_is_better=True):
        if response not in ("predict", "predict_proba"):
            raise ValueError(f"response={response!r} must be 'predict' or 'predict_proba'.")
        self.metric = metric
        self.response = response
        self.greater_is_better = greater_is_better

    def __repr__(self):
        return f"patient_scorer({getattr(self.metric, '__name__', self.metric)})"

    def __call__(self, estimator, X, y, groups=None):
        """Score a fitted `PatientClassifier`.

        Parameters
        ----------
        estimator : PatientClassifier
            Fitted; or a fitted search over one.
        X : DataFrame, list, array
            Recordings with their patients, as for `PatientClassifier.fit`.
        y : array-like of shape (n_recordings,)
            Label of the patient of each recording.
        groups : array-like of shape (n_recordings,), default=None
            Patient of each recording, if X does not name them.

        Returns
        -------
        score : float
        """
        estimator = getattr(estimator, "best_estimator_", estimator)
        predictions = estimator.predict_patients(X, groups)
        patient = recordings_of_patients(X, groups).patient
        _, first, at = np.unique(patient, return_index=True, return_inverse=True)
        y = np.asarray(y)
        y_true = y[first]
        differs = np.flatnonzero(y_true[at] != y)
        if len(differs):
            raise ValueError(
                f"Patient {patient[differs[0]]} has the labels {np.unique(y[at == at[differs[0]]])}"
                f" (and {len(np.unique(at[differs])) - 1} more patients have several). A score by "
                "patient needs one label: pass visits as patients, and persons as subjects."
            )
        answer = predictions.labels if self.response == "predict" else predictions.probabilities
        score = self.metric(y_true, answer)
        return score if self.greater_is_better else -score
