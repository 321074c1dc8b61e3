"""Predictions for patients, and scores that count every patient once."""

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
        Who, sorted.
    labels : ndarray of shape (n_patients,)
        The predicted label of each.
    probabilities : ndarray of shape (n_patients, n_classes)
        In the order of `classes_`.
    n_recordings : ndarray of int of shape (n_patients,)
        How many recordings stand behind each.
    """

    patients: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    n_recordings: np.ndarray


class patient_scorer:
    """Make a scorer that counts every patient once.

    Parameters
    ----------
    metric : callable
        ``metric(y_true, y_pred)`` with one label for each patient, such as
        :func:`skheart.metrics.uar`; with ``response="predict_proba"``, ``metric(y_true, y_proba)``.
    response : {"predict", "predict_proba"}, default="predict"
        What the metric is given.
    greater_is_better : bool, default=True
        False turns the sign, as for a cost.

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
            Fitted; or a search over one.
        X : DataFrame, list, array
            Recordings with their patients, as for `PatientClassifier.fit`.
        y : array-like of shape (n_recordings,)
            Label of the patient of each recording.
        groups : array-like of shape (n_recordings,), default=None
            The patient of each recording, where X does not say it.

        Returns
        -------
        score : float
        """
        estimator = getattr(estimator, "best_estimator_", estimator)
        predictions = estimator.predict_patients(X, groups)
        patient = recordings_of_patients(X, groups).patient
        at = np.searchsorted(predictions.patients, patient)
        y = np.asarray(y)
        y_true = np.empty(len(predictions.patients), dtype=y.dtype)
        y_true[at] = y
        differs = np.flatnonzero(y_true[at] != y)
        if len(differs):
            raise ValueError(
                f"Patient {patient[differs[0]]} has the labels {np.unique(y[at == at[differs[0]]])}"
                f" (and {len(np.unique(at[differs])) - 1} more patients have several): a score by "
                "patient needs one. Pass the visit as the patient, and the person as the subject."
            )
        answer = predictions.labels if self.response == "predict" else predictions.probabilities
        score = self.metric(y_true, answer)
        return score if self.greater_is_better else -score
