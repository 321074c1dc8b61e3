"""Explanations of patients whose recordings are joined."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from ..audio import is_path
from ..patients import PatientClassifier
from ..patients._recordings import join_recordings, recordings_of_patients

__all__ = ["as_patients", "joined_patients"]


def joined_patients(estimator, X, groups):
    """The joined recordings of each patient, and of which they are made.

    Parameters
    ----------
    estimator : PatientClassifier
        Fitted, with ``join=True``.
    X : DataFrame, list, array
        As `PatientClassifier.predict_patients` takes them.
    groups : array-like or None
        Likewise.

    Returns
    -------
    joined : list of ndarray
        One for each patient.
    patients : ndarray
        Who they are.
    contents : list of str
        What was joined, as a sentence.

    Raises
    ------
    TypeError
        If the estimator does not join recordings.
    """
    if not isinstance(estimator, PatientClassifier) or not estimator.join:
        raise TypeError(
            "by_patient=True explains the joined recordings of a patient, as "
            f"PatientClassifier(join=True) predicts them. Got {estimator!r:.80}: leave it out, and "
            "each recording is explained by itself."
        )
    given = recordings_of_patients(X, groups)
    patients, patient = np.unique(given.patient, return_inverse=True)
    n = len(patient)
    alone = join_recordings(given.recordings, np.arange(n), n, estimator.sr)
    joined, contents = [], []
    for number in range(len(patients)):
        rows = np.flatnonzero(patient == number)
        starts = np.cumsum([0, *(len(alone[row]) for row in rows[:-1])]) / estimator.sr
        names = [
            f"{_name(given.recordings[row], row)} (from {start:.1f} s)"
            for row, start in zip(rows, starts, strict=True)
        ]
        contents.append(f"Joined: {', '.join(names)}.")
        joined.append(np.concatenate([alone[row] for row in rows]))
    return joined, patients, contents


def as_patients(explanations, estimator, patients, contents):
    """Explanations of joined recordings as those of patients, with the label that they get.

    Parameters
    ----------
    explanations : list of Explanation
        One for each patient.
    estimator : PatientClassifier
        Whose weights decide the label.
    patients : ndarray
        Who they are.
    contents : list of str
        What was joined.

    Returns
    -------
    list of Explanation
    """
    weights = estimator.decision_weight_
    weighed = np.ptp(weights) > 0
    said = ", ".join(
        f"{label} {weight / weights.min():.2g}"
        for label, weight in zip(estimator.classes_, weights, strict=True)
    )
    notes = [f"The label is the class with the largest probability times weight ({said})."]
    notes = notes if weighed else []
    if estimator.calibrator_ is not None:
        notes = ["The model's calibrator, which changes probabilities and label, comes after this."]
    return [
        replace(
            one,
            recording=f"patient {patient}",
            label=estimator.classes_[(one.probabilities * weights).argmax()],
            notes=(content, *notes),
        )
        for one, patient, content in zip(explanations, patients, contents, strict=True)
    ]


def _name(recording, row):
    return os.path.basename(recording) if is_path(recording) else f"recording {row}"
