"""Checks of what stands beside the recordings in `fit`: labels, weights and subjects."""

from __future__ import annotations

import numpy as np
from pandas import isna
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, column_or_1d

__all__ = ["check_groups", "check_targets"]


def check_targets(X, y, sample_weight, groups):
    """Labels, weights and subjects of checked recordings, as arrays of their length or None."""
    y = column_or_1d(y, warn=True)
    missing = np.flatnonzero(isna(y))
    if len(missing):
        raise ValueError(
            f"Input y contains NaN or None: {len(missing)} recordings have no label, the first "
            f"in row {missing[0]}. Label every recording, or leave these out."
        )
    check_classification_targets(y)
    y = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=y.dtype.kind == "f")
    check_consistent_length(X, y)
    if groups is not None:
        groups = check_groups(groups)
        if len(groups) != len(X):
            raise ValueError(
                f"X has {len(X)} recordings and groups {len(groups)} entries: there must be as "
                "many. If a sampler stands between them, leave it out and set oversample=True, "
                "which balances the training part inside the classifier."
            )
    if sample_weight is not None:
        if not np.asarray(sample_weight).any():
            raise ValueError("sample_weight is zero for every recording: nothing to train on.")
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    return y, sample_weight, groups


def check_groups(groups):
    """The subject of each recording as an array; none may be missing."""
    from pandas import isna

    # As objects first: an array of text would make the text "nan" of what is missing.
    missing = np.flatnonzero(isna(np.asarray(groups, dtype=object)))
    if len(missing):
        raise ValueError(
            f"groups has no subject for {len(missing)} recordings, the first in row {missing[0]}. "
            "Name a subject in every row, or leave these recordings out."
        )
    groups = np.asarray(groups)
    return column_or_1d(groups.astype(str) if groups.dtype == object else groups)
