"""Validate y, sample_weight and groups."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from .containers import known_container

__all__ = ["check_groups", "check_labels", "check_targets"]


def check_targets(X, y, sample_weight, groups):
    """Return validated y, sample_weight and groups, as arrays of len(X) or None."""
    y = check_labels(y)
    check_classification_targets(y)
    y = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=y.dtype.kind == "f")
    check_consistent_length(X, y)
    if groups is not None:
        groups = check_groups(groups)
        if len(groups) != len(X):
            raise ValueError(
                f"X has {len(X)} recordings and groups has {len(groups)} entries, but they must "
                "have the same length. If a pipeline has a sampler, remove it and set "
                "oversample=True, which balances the training part in the classifier."
            )
    if sample_weight is not None:
        n_weights = np.asarray(sample_weight).size
        if n_weights not in (1, len(X)):
            raise ValueError(
                f"X has {len(X)} recordings and sample_weight has {n_weights} entries, but they "
                "must have the same length. If a pipeline has a sampler, remove it and set "
                "oversample=True or class_weight='balanced'."
            )
        if not np.asarray(sample_weight).any():
            raise ValueError(
                "sample_weight is zero for all recordings. Give some a positive weight."
            )
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return y, sample_weight, groups


def check_labels(y):
    """Return labels as a 1-D array of a plain type; an error names the row and the remedy."""
    y = known_container(y, "y")
    shape = np.asarray(y).shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape} instead. If it has a column "
            "for each class, pass classes[y.argmax(axis=1)]."
        )
    missing = [] if y is None else _missing(np.asarray(y, dtype=object).ravel())
    if len(missing):
        raise ValueError(
            f"Input y contains NaN or None: {len(missing)} recordings have no label, the first "
            f"in row {missing[0]}. Label every recording, or remove these."
        )
    is_extension = hasattr(y, "to_numpy") and not isinstance(getattr(y, "dtype", None), np.dtype)
    if len(shape) == 1 and is_extension:  # of pandas, among others
        y = y.to_numpy()
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "T":  # NumPy's StringDType
        return np.array(y.tolist())
    return y.astype(_common_type(y)) if y.dtype.kind == "O" else y


def _common_type(labels):
    """Return the NumPy type of objects that are all numbers, or object for strings."""
    for kind, dtype in (((bool, np.bool_), bool), (Integral, np.int64), (Real, np.float64)):
        found = [isinstance(label, kind) for label in labels]
        if all(found):
            return dtype
    odd = next((row for row, label in enumerate(labels) if type(label) is not type(labels[0])), 0)
    if odd and not all(isinstance(label, str) for label in labels):
        raise ValueError(
            f"y mixes labels of several types: {labels[0]!r} in row 0 is of type "
            f"{type(labels[0]).__name__}, and {labels[odd]!r} in row {odd} of type "
            f"{type(labels[odd]).__name__}. Convert them to one type, for example with "
            "y.astype(str)."
        )
    return object


def check_groups(groups):
    """Return groups as an array; raise if a subject is missing."""
    groups = known_container(groups, "groups")
    # As objects: an array of strings would turn missing values into "nan".
    missing = _missing(np.asarray(groups, dtype=object))
    if len(missing):
        raise ValueError(
            f"groups has no subject for {len(missing)} recordings, the first in row {missing[0]}. "
            "Give every recording a subject, or remove these."
        )
    groups = np.asarray(groups)
    return column_or_1d(groups.astype(str) if groups.dtype == object else groups)


def _missing(values):
    from pandas import isna  # slow to import, and not needed to predict

    return np.flatnonzero(isna(values))
