"""Predict labels and probabilities together, for many recordings or patients."""

from __future__ import annotations

from copy import copy

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._cpu.work import expecting
from .._utils.partial_failures import process_groups

__all__ = [
    "first_rows",
    "predict_in_chunks",
    "predict_patients_in_chunks",
    "predict_with_probabilities",
    "probability_columns",
]


def probability_columns(classes):
    """Return the names of the probability columns in the tables that skheart writes."""
    return [f"p_{label}" for label in classes]


def predict_with_probabilities(estimator, X):
    """Return labels and class probabilities (None without `predict_proba`) of X.

    The label of a classifier of skheart is the most probable class, so that features and logits
    are computed once. Another classifier may decide otherwise, and predicts twice.
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        return estimator.predict(X), None
    probabilities = estimator.predict_proba(X)
    clf = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if hasattr(clf, "net_"):
        return clf.classes_[probabilities.argmax(axis=1)], probabilities
    return estimator.predict(X), probabilities


def predict_in_chunks(estimator, paths, *, chunk_size=16):
    """Yield (row, label, probabilities, error) of each path, a few recordings at a time.

    Without an error, it is None. With one, label and probabilities are None.
    """

    def predict(chunk):
        recordings = [str(paths[row]) for (row,) in chunk]
        with expecting(len(paths)):
            labels, probabilities = predict_with_probabilities(estimator, recordings)
        return zip(
            labels, [None] * len(labels) if probabilities is None else probabilities, strict=True
        )

    check_is_fitted(estimator)  # or every recording would be reported
    for row, answer, error in process_groups(predict, paths, chunk_size=chunk_size):
        yield row, *(answer or (None, None)), error


def predict_patients_in_chunks(model, paths, patients, *, chunk_size=16):
    """Yield (row, label, probabilities, error) of each path, a few whole patients at a time.

    Recordings of a patient have the label and the probabilities of the patient, predicted from
    those that can be read; the others have an error. Patients come in the order of their first
    recordings: see `in_order`.
    """

    def predict(chunk):
        numbers = [number for number, rows in enumerate(chunk) for _ in rows]
        recordings = [str(paths[row]) for rows in chunk for row in rows]
        with expecting(len(paths)):
            found = model.predict_patients(recordings, numbers)
        return zip(found.labels, found.probabilities, strict=True)

    check_is_fitted(model)
    model = copy(model)
    model.on_error = "raise"  # every recording that cannot be read has an error below
    for row, answer, error in process_groups(predict, paths, patients, chunk_size=chunk_size):
        yield row, *(answer or (None, None)), error


def first_rows(patients, **columns):
    """Return the first row of each patient, in order.

    Parameters
    ----------
    patients : ndarray of shape (n_recordings,)
        The patient of each recording.
    **columns : ndarray of shape (n_recordings,)
        What must be the same in all recordings of a patient, such as ``label=y``.
    """
    _, first, patient = np.unique(patients, return_index=True, return_inverse=True)
    for name, values in columns.items():
        differs = np.flatnonzero(values != values[first[patient]])
        if len(differs):
            row = differs[0]
            raise ValueError(
                f"patient {patients[row]} has the {name}s {values[first[patient[row]]]} and "
                f"{values[row]}, but needs one. Pass visits as patients and people as subjects."
            )
    return np.sort(first)
