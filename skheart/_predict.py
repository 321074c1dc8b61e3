"""Predictions of a fitted model: labels and probabilities at once, many recordings in pieces."""

from __future__ import annotations

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

__all__ = ["predict_in_chunks", "predict_with_probabilities", "probability_columns"]


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
