"""Predictions of a fitted model: labels and probabilities at once, many recordings in pieces."""

from __future__ import annotations

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = [
    "in_order",
    "predict_in_chunks",
    "predict_patients_in_chunks",
    "predict_with_probabilities",
    "probability_columns",
]


def probability_columns(classes):
    """Names of the probability columns in every table that skheart writes."""
    return [f"p_{label}" for label in classes]


def predict_with_probabilities(estimator, X):
    """Labels and class probabilities (None without `predict_proba`) for X.

    With a classifier of skheart, features and logits are computed once for both: its label is the
    most probable class. Another classifier may choose its label otherwise, and is asked twice.
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
    """Yield (index, label, probabilities, error) for every path, a few recordings at a time.

    One recording that fails does not lose the others: its label and probabilities are None and
    its error says why. The error of the others is None.
    """
    check_is_fitted(estimator)  # or every recording would be blamed for it
    for start in range(0, len(paths), chunk_size):
        chunk = [str(path) for path in paths[start : start + chunk_size]]
        try:
            rows = _predict_rows(estimator, chunk)
        except (MemoryError, OSError, ValueError):
            rows = [_predict_one(estimator, path) for path in chunk]
        for offset, row in enumerate(rows):
            yield (start + offset, *row)


def _predict_rows(estimator, paths):
    labels, probabilities = predict_with_probabilities(estimator, paths)
    if probabilities is None:
        probabilities = [None] * len(labels)
    return [(*row, None) for row in zip(labels, probabilities, strict=True)]


def _predict_one(estimator, path):
    try:
        return _predict_rows(estimator, [path])[0]
    except (OSError, ValueError) as error:
        return None, None, error
    except MemoryError:
        return None, None, ValueError(f"'{path}' is too long for the memory of this machine.")


def predict_patients_in_chunks(model, paths, patients, *, chunk_size=16):
    """Yield (index, label, probabilities, error) for every path, a few whole patients at a time.

    All recordings of a patient have the label and the probabilities of the patient, from those of
    them that can be read. The others have an error, as from `predict_in_chunks`. Patients come in
    the order of their first recordings, so that indices may jump: see `in_order`.

    Parameters
    ----------
    model : PatientClassifier
        Fitted.
    paths : sequence of str
        Recordings.
    patients : sequence
        The patient of each.
    chunk_size : int, default=16
        Recordings at once, or a few more to complete a patient.
    """
    check_is_fitted(model)
    rows_of = {}
    for row, patient in enumerate(patients):
        rows_of.setdefault(patient, []).append(row)
    chunk, n_rows = [], 0
    for rows in rows_of.values():
        if chunk and n_rows + len(rows) > chunk_size:
            yield from _predict_patients(model, paths, chunk)
            chunk, n_rows = [], 0
        chunk.append(rows)
        n_rows += len(rows)
    if chunk:
        yield from _predict_patients(model, paths, chunk)


def in_order(rows):
    """Tuples that begin with an index from 0 on, each as soon as all before it have come."""
    waiting, following = {}, 0
    for row in rows:
        waiting[row[0]] = row
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _predict_patients(model, paths, chunk):
    """Rows of some patients, each a list of indices; one that fails does not lose the others."""
    try:
        return _ask_patients(model, paths, chunk)
    except (MemoryError, OSError, ValueError):
        return [row for rows in chunk for row in _predict_patient(model, paths, rows)]


def _ask_patients(model, paths, chunk):
    numbers = [number for number, rows in enumerate(chunk) for _ in rows]
    rows = [row for rows in chunk for row in rows]
    found = model.predict_patients([str(paths[row]) for row in rows], numbers)
    answers = list(zip(found.labels, found.probabilities, strict=True))
    return [(row, *answers[number], None) for row, number in zip(rows, numbers, strict=True)]


def _predict_patient(model, paths, rows):
    """Rows of one patient: each recording is tried by itself, and those that fail left out."""
    alone = [_answers(model, paths, [row])[0] for row in rows]
    good = [row for row, *_, error in alone if error is None]
    if len(rows) == 1 or not good:
        return alone
    failed = [answer for answer in alone if answer[-1] is not None]
    return failed + _answers(model, paths, good)


def _answers(model, paths, rows):
    try:
        return _ask_patients(model, paths, [rows])
    except MemoryError:
        those = f"'{paths[rows[0]]}' is" if len(rows) == 1 else f"{len(rows)} recordings are"
        error = ValueError(f"{those} too long for the memory of this machine.")
    except (OSError, ValueError) as caught:
        error = caught
    return [(row, None, None, error) for row in rows]
