"""Validate labels, probabilities, weights and resampling parameters."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "RESAMPLING_CONSTRAINTS",
    "check_label_array",
    "check_labels",
    "check_probabilities",
    "check_weights",
    "resolve_pos_label",
]

RESAMPLING_CONSTRAINTS = {
    "metric": [callable],
    "confidence": [Interval(Real, 0, 1, closed="neither")],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "method": [StrOptions({"percentile", "bca"})],
    "random_state": ["random_state"],
}

# The abnormal class of PhysioNet 2016, of CirCor's murmurs and of CirCor's outcomes.
POSITIVE_LABELS = (1, "Present", "Abnormal")


def check_label_array(values, name):
    """Return a 1-D array with one class label per row."""
    values = np.asarray(values)
    if values.size == 0:
        raise ValueError(f"{name} is empty: at least one label is needed.")
    if values.ndim == 1 and values.dtype.kind in "biuSU":
        return values  # type_of_target would take most of the time of a score
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name} contains NaN or infinity: every row needs a label.")
    kind = type_of_target(values, input_name=name)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{name} is a {kind} target, but one class label per row is needed. "
            "Pass the output of `predict`, not scores or indicator columns."
        )
    return column_or_1d(values)


def check_labels(y_true, y_pred):
    """Return y_true and y_pred as 1-D arrays of equal length, both text or both numeric."""
    check_consistent_length(y_true, y_pred)
    y_true, y_pred = check_label_array(y_true, "y_true"), check_label_array(y_pred, "y_pred")
    if _is_text(y_true) != _is_text(y_pred):
        raise ValueError(
            f"y_true has dtype {y_true.dtype} and y_pred {y_pred.dtype}: both must be text or "
            "both numeric. Use the labels that the classifier was fitted on."
        )
    return y_true, y_pred


def _is_text(labels):
    return labels.dtype.kind in "US" or isinstance(labels.flat[0], str)


def check_weights(sample_weight, y_true):
    """Return one non-negative weight per row, or ones if `sample_weight` is None."""
    if sample_weight is None:
        return np.ones(len(y_true))
    if not np.any(sample_weight):
        raise ValueError("sample_weight is 0 for every row: at least one must be above 0.")
    return _check_sample_weight(sample_weight, y_true, dtype=np.float64, ensure_non_negative=True)


def resolve_pos_label(pos_label, labels):
    """Return `pos_label`, or the only label that is known to be abnormal if it is None."""
    if pos_label is not None:
        if isinstance(pos_label, str) != _is_text(labels):
            raise ValueError(
                f"pos_label={pos_label!r} and the labels {labels[:5].tolist()} have different "
                "types. Pass one of the labels."
            )
        return pos_label
    labels = np.unique(labels)
    found = [label for label in POSITIVE_LABELS if label in labels.tolist()]
    # Next to a 2, a 1 is one class of several, not the abnormal one.
    if len(found) == 1 and (_is_text(labels) or {-1, 0, 1}.issuperset(labels.tolist())):
        return found[0]
    raise ValueError(
        "pos_label=None selects 1 (among -1, 0 and 1), True, 'Present' or 'Abnormal', but the "
        f"labels are {labels[:5].tolist()}. Name the positive class, as in "
        f"pos_label={labels[-1].item()!r}."
    )


def check_probabilities(y_true, y_proba, labels):
    """Return the column index of each true class and an (n_samples, n_classes) array."""
    check_consistent_length(y_true, y_proba)
    y_true = check_label_array(y_true, "y_true")
    labels = np.unique(y_true) if labels is None else np.asarray(labels)
    y_proba = np.asarray(y_proba, dtype=float)
    if y_proba.ndim == 1 or y_proba.shape[1:] == (1,):
        y_proba = np.column_stack([1 - y_proba.ravel(), y_proba.ravel()])
    if y_proba.ndim != 2 or y_proba.shape[1] != len(labels):
        raise ValueError(
            f"y_proba has shape {y_proba.shape}, but one column for each of the {len(labels)} "
            f"classes {labels[:5].tolist()} is needed. Name the classes of the columns with "
            "labels=classifier.classes_."
        )
    if not ((y_proba >= 0) & (y_proba <= 1 + 1e-6)).all():
        raise ValueError(
            "y_proba must contain probabilities from 0 to 1 without NaN. "
            "Pass the output of `predict_proba`, not of `decision_function`."
        )
    is_label = y_true[:, np.newaxis] == labels
    known = is_label.any(axis=1)
    if not known.all():
        raise ValueError(
            f"y_true contains {y_true[~known].tolist()[0]!r}, which is not in "
            f"labels={labels.tolist()}."
        )
    return is_label.argmax(axis=1), y_proba
