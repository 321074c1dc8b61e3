"""Explanations by a `PatientClassifier`: of joined recordings, with the label that it decides."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from ..patients import PatientClassifier, join_recordings, log_odds, recordings_of_patients
from ._ensembles import log_probabilities
from ._estimators import CannotExplain
from ._explanation import describe_recording

__all__ = ["apply_decision", "extract_recordings", "join_by_patient"]


def join_by_patient(estimator, X, groups):
    """Join the recordings of each patient, as ``PatientClassifier(join=True)`` does.

    Returns the joined recordings, sorted by patient, and for each a dict of the `recording` and
    `notes` of its `Explanation`. Raises `CannotExplain` if the estimator does not join recordings.
    """
    if not isinstance(estimator, PatientClassifier) or not estimator.join:
        raise CannotExplain(
            "estimator",
            estimator,
            "does not join the recordings of a patient, which by_patient=True requires. Leave "
            "by_patient out, or use PatientClassifier(join=True).",
        )
    given = recordings_of_patients(X, groups)
    patients, patient = np.unique(given.patient, return_inverse=True)
    n = len(patient)
    alone = join_recordings(given.recordings, np.arange(n), n, estimator.sr)
    joined, changes = [], []
    for number, name in enumerate(patients):
        rows = np.flatnonzero(patient == number)
        starts = np.cumsum([0, *(len(alone[row]) for row in rows[:-1])]) / estimator.sr
        contents = [
            os.path.basename(describe_recording(given.recordings[row], row))
            + f" (from {start:.1f} s)"
            for row, start in zip(rows, starts, strict=True)
        ]
        joined.append(np.concatenate([alone[row] for row in rows]))
        notes = (f"Joined: {', '.join(contents)}.",)
        changes.append({"recording": f"patient {name}", "notes": notes})
    return joined, changes


def extract_recordings(X):
    """Return the recordings of a table with patients; other input is returned unchanged."""
    columns = set(map(str, getattr(X, "columns", ())))
    return recordings_of_patients(X).recordings if columns & {"patient", "subject"} else X


def apply_decision(explanations, estimator):
    """Replace each label by the decision of a `PatientClassifier`, and note how it was made.

    Calibration and decision weights act on the probabilities of a patient. Explanations of other
    estimators are returned unchanged, as are those of a network in a vote, which have its own
    label.
    """
    if not isinstance(estimator, PatientClassifier) or estimator.level != "patient":
        return explanations
    if explanations[0].part is not None and explanations[0].scale == "logit":
        return explanations
    probabilities = np.array([one.probabilities for one in explanations])
    notes = [()] * len(explanations)
    if estimator.calibrator_ is not None:
        log_proba = np.array([log_probabilities(one) for one in explanations])
        probabilities = estimator.calibrator_.predict_proba(log_odds(log_proba))
        shown = [_format_by_class(estimator, row) for row in probabilities]
        notes = [(f"Calibrated probabilities: {values}.",) for values in shown]
    weights = estimator.decision_weight_
    if np.ptp(weights) > 0:
        shown = _format_by_class(estimator, weights / weights.min())
        rule = (
            f"The label is the class with the largest product of probability and weight ({shown})."
        )
        notes = [(*note, rule) for note in notes]
    labels = estimator.classes_[(probabilities * weights).argmax(axis=1)]
    return [
        replace(one, label=label, notes=(*one.notes, *note))
        for one, label, note in zip(explanations, labels, notes, strict=True)
    ]


def _format_by_class(estimator, values):
    pairs = zip(estimator.classes_, values, strict=True)
    return ", ".join(f"{label} {value:.3g}" for label, value in pairs)
