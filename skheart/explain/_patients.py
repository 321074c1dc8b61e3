"""Explanations by a PatientClassifier: of joined recordings, and with its label."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from ..patients import PatientClassifier, join_recordings, log_odds, recordings_of_patients
from ._explanation import recording_name
from ._members import log_probabilities

__all__ = ["as_patients", "decided", "joined_patients", "recordings_alone"]


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
            f"{os.path.basename(recording_name(given.recordings[row], row))} (from {start:.1f} s)"
            for row, start in zip(rows, starts, strict=True)
        ]
        contents.append(f"Joined: {', '.join(names)}.")
        joined.append(np.concatenate([alone[row] for row in rows]))
    return joined, patients, contents


def recordings_alone(X):
    """The recordings of a table that says whose they are, too; all else as it is."""
    columns = set(map(str, getattr(X, "columns", ())))
    return recordings_of_patients(X).recordings if columns & {"patient", "subject"} else X


def as_patients(explanations, patients, contents):
    """Explanations of joined recordings as those of patients.

    Parameters
    ----------
    explanations : list of Explanation
        One for each patient.
    patients : ndarray
        Who they are.
    contents : list of str
        What was joined.

    Returns
    -------
    list of Explanation
    """
    return [
        replace(one, recording=f"patient {patient}", notes=(content,))
        for one, patient, content in zip(explanations, patients, contents, strict=True)
    ]


def decided(explanations, estimator):
    """Explanations with the label that a PatientClassifier gives to patients, and why.

    Parameters
    ----------
    explanations : list of Explanation
        One for each patient, or for each recording as a patient of its own.
    estimator : estimator
        What was explained. All but a `PatientClassifier` of patients decide by the probabilities.

    Returns
    -------
    list of Explanation
    """
    if not isinstance(estimator, PatientClassifier) or estimator.level != "patient":
        return explanations
    if explanations[0].part is not None and explanations[0].scale == "logit":
        return explanations  # the own answer of a net in a vote
    probabilities = np.array([one.probabilities for one in explanations])
    notes = [()] * len(explanations)
    if estimator.calibrator_ is not None:
        log_proba = np.array([log_probabilities(one) for one in explanations])
        probabilities = estimator.calibrator_.predict_proba(log_odds(log_proba))
        notes = [(f"Calibrated, they are {_listed(estimator, row)}.",) for row in probabilities]
    weights = estimator.decision_weight_
    if np.ptp(weights) > 0:
        weighed = _listed(estimator, weights / weights.min())
        by_weight = f"The label is the class with the largest probability times weight ({weighed})."
        notes = [(*note, by_weight) for note in notes]
    labels = estimator.classes_[(probabilities * weights).argmax(axis=1)]
    return [
        replace(one, label=label, notes=(*one.notes, *note))
        for one, label, note in zip(explanations, labels, notes, strict=True)
    ]


def _listed(estimator, values):
    pairs = zip(estimator.classes_, values, strict=True)
    return ", ".join(f"{label} {value:.3g}" for label, value in pairs)
