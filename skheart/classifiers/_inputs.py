"""Checks of the spectrograms passed to a classifier: shape, finite values and padding."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .._utils.arrays import IndexedRows, check_finite, row_blocks
from .._utils.containers import known_container

__all__ = ["check_spectrograms", "longest"]


def check_spectrograms(clf, X, *, reset):
    """Validate X and return it as (n, n_frames, n_mels).

    With `reset`, as in `fit`, `input_shape_` and `n_features_in_` of the classifier are set;
    otherwise X must match them.
    """
    if isinstance(X, IndexedRows):  # each row of its base is checked once
        return IndexedRows(check_spectrograms(clf, X.base, reset=reset), X.index)
    X = known_container(X)
    n_dim = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
    options = {
        "dtype": (np.float32, np.float64, np.float16),
        "ensure_min_samples": 2 if reset else 1,
        "ensure_all_finite": False,  # checked below, without a mask of the size of X
    }
    name = type(clf).__name__
    if n_dim != 3:
        X = validate_data(clf, X, reset=reset, **options)
        X = X.reshape(len(X), *_unfolded_shape(clf, X.shape[1], warn=reset))
    else:
        X = check_array(X, allow_nd=True, estimator=name, input_name="X", **options)
    if min(X.shape[1:]) < 1:
        raise ValueError(
            f"X has the shape {X.shape}. A recording needs at least one frame and one mel bin."
        )
    _check_values(clf, X)
    if reset and X.dtype == np.float64:
        _check_range(X)
    if n_dim == 3 and clf.n_mels is not None and X.shape[2] != clf.n_mels:
        raise ValueError(
            f"X has {X.shape[2]} mel bins (shape {X.shape}), but {name} has n_mels={clf.n_mels}. "
            "Set n_mels=None for 3-D input."
        )
    _check_shape(clf, X.shape[1:], reset=reset)
    return X


def longest(X):
    """Count the frames of the longest recording of checked spectrograms, without padding."""
    if isinstance(X, IndexedRows):
        return longest(X.base)
    return max(int((~np.isnan(block[:, :, 0])).sum(axis=1).max()) for block in row_blocks(X))


def _check_shape(clf, shape, *, reset):
    if reset:
        clf.input_shape_ = shape
        clf.n_features_in_ = shape[0] * shape[1]
    elif shape != clf.input_shape_ and not (clf.masked and shape[1] == clf.input_shape_[1]):
        raise ValueError(
            f"X has recordings of {shape[0]} frames x {shape[1]} mel bins, but "
            f"{type(clf).__name__} was fitted on {clf.input_shape_[0]} x {clf.input_shape_[1]}. "
            "Use the same LogMelTransformer for both."
        )


def _unfolded_shape(clf, n_features, *, warn):
    """Return (n_frames, n_mels) of a row."""
    if clf.n_mels is None:
        if warn:
            warnings.warn(
                f"Each row of X is read as a sequence of {n_features} frames of one band. Pass "
                "log-mel spectrograms as (n, n_frames, n_mels), or set n_mels to unfold rows.",
                UserWarning,
                stacklevel=6,
            )
        return n_features, 1
    if n_features % clf.n_mels:
        raise ValueError(
            f"Rows of {n_features} features cannot be unfolded into frames of n_mels="
            f"{clf.n_mels}. Set n_mels to that of the LogMelTransformer."
        )
    return n_features // clf.n_mels, clf.n_mels


def _check_values(clf, X):
    """Refuse NaN and infinity; with `masked`, frames at the end may be NaN."""
    if not clf.masked:
        try:
            check_finite(X, clf)
        except ValueError as error:
            _suggest_masked(X, error)
            raise
        return
    for row, recording, n_frames in _rows_with_nonfinite_values(X):
        if n_frames == 0:
            raise ValueError(f"Row {row} of X is all NaN. Leave this recording out.")
        wrong = np.argwhere(~np.isfinite(recording[:n_frames]))
        if len(wrong):
            raise ValueError(
                f"Input X contains NaN or infinity in row {row}, frame {wrong[0, 0]}, mel bin "
                f"{wrong[0, 1]}. With masked=True, only frames at the end of a recording may be "
                "NaN, and in all mel bins."
            )


def _check_range(X):
    """Refuse values that become infinite in float32, in which networks are trained."""
    start = 0
    for block in row_blocks(X):
        wrong = np.argwhere(np.abs(block) > np.finfo(np.float32).max)
        if len(wrong):
            raise ValueError(
                f"Input X contains {block[tuple(wrong[0])]:.3g} in row {start + wrong[0, 0]}, "
                "which is too large for float32. Standardise X, for example with LogMelTransformer."
            )
        start += len(block)


def _suggest_masked(X, error):
    for row, recording, n_frames in _rows_with_nonfinite_values(X):
        if X.shape[2] > 1 and 0 < n_frames < len(recording):
            raise ValueError(
                f"Input X contains NaN: the last {len(recording) - n_frames} frames of row {row} "
                "are NaN in all mel bins, as after LogMelTransformer(pad='mask'). Set masked=True "
                "to treat them as padding, or use another pad."
            ) from error


def _rows_with_nonfinite_values(X):
    """Yield (row, recording, number of frames before its padding)."""
    start = 0
    for block in row_blocks(X):
        for offset in np.flatnonzero(~np.isfinite(block).all(axis=(1, 2))):
            known = np.flatnonzero(~np.isnan(block[offset]).all(axis=1))
            yield start + offset, block[offset], (known[-1] + 1 if len(known) else 0)
        start += len(block)
