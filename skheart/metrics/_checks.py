"""Checks of labels, scores and weights that the metrics share."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

__all__ = [
    "checked_labels",
    "is_text",
    "labels_of",
    "positive_label",
    "probability_matrix",
    "row_weights",
]

# Of PhysioNet 2016 (-1 and 1, or booleans), and of CirCor's murmurs and outcomes.
POSITIVE = (1, "Present", "Abnormal")


def labels_of(values, name):
    """Return one class label per row as a 1-D array, or say why it is none."""
    values = np.asarray(values)
    if values.size == 0:
        raise ValueError(f"{name} is empty: at least one label is needed.")
    if values.ndim == 1 and values.dtype.kind in "biuSU":
        return values  # always labels; asking would take most of the time of a score
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity: every row needs a label.")
    kind = type_of_target(values, input_name=name)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{name} holds a {kind} target: one class label per row is needed. "
            "Pass labels, as `predict` returns them, not scores or indicator columns."
        )
    return column_or_1d(values)


def is_text(labels):
    return labels.dtype.kind in "US" or isinstance(labels.flat[0], str)


def row_weights(sample_weight, n_rows):
    weights = column_or_1d(sample_weight, dtype=np.float64)
    if len(weights) != n_rows:
        raise ValueError(
            f"sample_weight has {len(weights)} values and y_true {n_rows}: one per row is needed."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            "sample_weight must be finite and not negative, with at least one weight above 0."
        )
    return weights


def checked_labels(y_true, y_pred):
    """Both as arrays of one label per row, all text or all numbers."""
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = labels_of(y_true, "y_true"), labels_of(y_pred, "y_pred")
    if is_text(y_true) != is_text(y_pred):
        raise ValueError(
            f"y_true holds {y_true.dtype} and y_pred {y_pred.dtype} labels: both must be text "
            "or both numbers. Predict with the labels that the classifier was fitted on."
        )
    return y_true, y_pred


def positive_label(pos_label, known):
    """The positive class: the one that is given, or the only one that is known to mean ill."""
    if pos_label is not None:
        if len(known) and isinstance(pos_label, str) != is_text(known):
            raise ValueError(
                f"pos_label={pos_label!r} is not of the type of the labels "
                f"{known[:5].tolist()}. Give one of them."
            )
        return pos_label
    found = [label for label in POSITIVE if label in known.tolist()]
    # A 1 beside a 2 is one class of several, not the ill one.
    if len(found) == 1 and (is_text(known) or {-1, 0, 1}.issuperset(known.tolist())):
        return found[0]
    raise ValueError(
        "pos_label=None takes 1 (of -1, 0 and 1), True, 'Present' or 'Abnormal', and the labels "
        f"are {known[:5].tolist()}. Name the positive class, as in pos_label={known[-1].item()!r}."
    )


def probability_matrix(y_true, y_proba, labels):
    """Codes of the true classes, probabilities (n_samples, n_classes) and the classes."""
    check_consistent_length(y_true, y_proba)
    y_true = labels_of(y_true, "y_true")
    labels = np.unique(y_true) if labels is None else np.asarray(labels)
    y_proba = np.asarray(y_proba, dtype=float)
    if y_proba.ndim == 1 or y_proba.shape[1:] == (1,):
        y_proba = np.column_stack([1 - y_proba.ravel(), y_proba.ravel()])
    if y_proba.ndim != 2 or y_proba.shape[1] != len(labels):
        raise ValueError(
            f"y_proba has shape {y_proba.shape} and there are {len(labels)} classes, "
            f"{labels[:5].tolist()}: one column per class is needed. Name the classes of the "
            "columns with labels=classifier.classes_."
        )
    if not ((y_proba >= 0) & (y_proba <= 1 + 1e-6)).all():
        raise ValueError(
            "y_proba must hold probabilities, from 0 to 1 and no NaN. "
            "Pass what `predict_proba` returns, not `decision_function`."
        )
    is_label = y_true[:, np.newaxis] == labels
    if not is_label.any(axis=1).all():
        strange = y_true[~is_label.any(axis=1)].tolist()[0]
        raise ValueError(f"y_true holds {strange!r}, which is not in labels={labels.tolist()}.")
    return is_label.argmax(axis=1), y_proba, labels
