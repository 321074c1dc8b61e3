"""Scores of the command: of recordings, and of patients where a model predicts these."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from tqdm import tqdm

from .._utils.splits import subject_folds
from ..evaluation import (
    class_table,
    evaluate_predictions,
    predict_in_chunks,
    predict_patients_in_chunks,
    results_table,
)
from ._console import readable
from ._models import predicts_patients

__all__ = ["check_labels", "cross_validate_patients", "patients_table", "print_scores", "score"]


def score(args, model, paths, target, subjects, patients):
    """Evaluation on the recordings that can be read, and the number of those that cannot.

    A model that predicts patients is scored by patient, any other by recording.
    """
    by_patient = predicts_patients(model)
    if by_patient:
        check_labels(target, patients)
        rows = predict_patients_in_chunks(model, paths, patients)
    else:
        rows = predict_in_chunks(model, paths)
    rows = list(readable(args, paths, rows))
    n_failed = len(paths) - len(rows)
    if by_patient:
        rows = _one_of_each(rows, patients)
    return _evaluation(rows, model.classes_, target, subjects, 0), n_failed


def print_scores(name, result, by_patient):
    """Print the tables of a result."""
    unit = "patients" if by_patient else "recordings"
    tables = results_table({name: result}, unit=unit), class_table(result, unit=unit)
    print(*tables, sep="\n\n")


def patients_table(paths, patients, subjects):
    """What `PatientClassifier.fit` takes, with folds that keep subjects apart."""
    import pandas as pd

    return pd.DataFrame({"path": list(paths), "patient": patients, "subject": subjects})


def cross_validate_patients(
    model, paths, y, patients, subjects, *, cv, random_state, verbose=0, name=None
):
    """Cross-validate a PatientClassifier with subjects kept apart, and score all patients together.

    Parameters
    ----------
    model : PatientClassifier
        Cloned for each fold.
    paths, y, patients, subjects : sequences of length n_recordings
        Recordings, and the label, the patient and the subject of each.
    cv : int or cross-validation splitter
        As for `evaluate_by_subject`.
    random_state : int, RandomState instance or None
        Seed of the folds and of the interval.
    verbose : int, default=0
        1 shows progress by fold on standard error.
    name : str, default=None
        Title of the progress.

    Returns
    -------
    result : SubjectEvaluation
        One row for each patient, in the order of their first recordings.
    """
    check_labels(y, patients)
    table = patients_table(paths, patients, subjects)
    random_state = check_random_state(random_state)
    folds = subject_folds(y, subjects, cv, random_state)
    rows, fold = [], np.empty(len(y), dtype=int)
    for number, (train, test) in enumerate(
        tqdm(folds, desc=name, unit="fold", disable=not verbose, leave=True)
    ):
        fitted = clone(model).fit(table.iloc[train], y[train])
        for index, *answer, error in predict_patients_in_chunks(
            fitted, list(table["path"].iloc[test]), patients[test]
        ):
            if error is not None:
                raise error
            rows.append((test[index], *answer, None))
        fold[test] = number
    rows = _one_of_each(rows, patients)
    return _evaluation(rows, np.unique(y), y, subjects, random_state, fold)


def check_labels(y, patients):
    """Refuse a patient with several labels."""
    label_of = {}
    for label, patient in zip(y, patients, strict=True):
        if label_of.setdefault(patient, label) != label:
            raise ValueError(
                f"the patient {patient} has the labels {label_of[patient]} and {label}, and a "
                "score by patient needs one: name the visits in a column patient, and the people "
                "in a column subject"
            )


def _one_of_each(rows, patients):
    """A row for each patient: that of the first recording."""
    first = {}
    for row in sorted(rows, key=lambda row: row[0]):
        first.setdefault(patients[row[0]], row)
    return list(first.values())


def _evaluation(rows, classes, target, subjects, random_state, fold=None):
    index, labels, probabilities, _ = zip(*rows, strict=True)
    index = list(index)
    return evaluate_predictions(
        target[index],
        np.array(labels),
        np.array(probabilities),
        classes=classes,
        groups=subjects[index],
        fold=None if fold is None else fold[index],
        random_state=random_state,
    )
