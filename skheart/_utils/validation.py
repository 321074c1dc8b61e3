"""Validate y, sample_weight and groups."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

__all__ = ["check_groups", "check_targets"]


def check_targets(X, y, sample_weight, groups):
    """Return validated y, sample_weight and groups, as arrays of len(X) or None."""
    y = column_or_1d(y, warn=True)
    missing = _missing(y)
    if len(missing):
        raise ValueError(
            f"Input y contains NaN or None: {len(missing)} recordings have no label, the first "
            f"in row {missing[0]}. Label every recording, or remove these."
        )
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
        if not np.asarray(sample_weight).any():
            raise ValueError(
                "sample_weight is zero for all recordings. Give some a positive weight."
            )
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return y, sample_weight, groups


def check_groups(groups):
    """Return groups as an array; raise if a subject is missing."""
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
