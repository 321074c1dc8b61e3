"""Samplers: random oversampling of whatever can be indexed, and patients in part."""

from __future__ import annotations

from numbers import Integral, Number

import numpy as np
from imblearn.over_sampling import RandomOverSampler as _StockRandomOverSampler
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import Interval

from ._utils.arrays import IndexedRows
from .audio import JoinedRecording, Pieces, list_recordings

__all__ = ["RandomOverSampler", "RecordingDropout"]


class RandomOverSampler(_StockRandomOverSampler):
    """Repeat recordings of the smaller classes at random, whatever holds the recordings.

    imbalanced-learn's sampler of this name takes tables. This one draws the same rows, and also
    takes arrays of three and more dimensions, lists and tuples of recordings of differing
    lengths, and paths, so that it can stand before or after the feature extraction in an
    :class:`imblearn.pipeline.Pipeline`. The originals come first, in their order, then the
    repeated ones. The result is made by one indexing of the input: there is no second copy, and
    the recordings of a list are the same objects, repeated. With ``copy=False`` there is no copy
    of an array at all.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Which classes are repeated, and up to how many:

        - "auto" or "not majority": every class up to the size of the largest;
        - "minority": the smallest class only; "not minority", "all": as in imbalanced-learn;
        - float: with two classes, the wanted ratio of the smaller to the larger, above 0 and up
          to 1;
        - dict: the wanted number of samples of each class that is to be repeated;
        - callable: takes `y` and returns such a dict.

    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    shrinkage : float, dict or None, default=None
        Smoothing of the repeated rows by Gaussian noise, not negative; a dict gives one factor
        per class. For tables of numbers only (2-D).

    copy : bool, default=True
        False returns the rows of an array of three and more dimensions by index rather than
        copied: an object with `shape`, `dtype` and `len`, that gives arrays when it is indexed or
        passed to `numpy.asarray`. The classifiers of skheart train on it without a copy, and reach
        the same model. It shows later changes of `X`. Everything else is returned as with True.

    Attributes
    ----------
    sampling_strategy_ : dict
        The number of samples that were added, by class.

    sample_indices_ : ndarray of shape (n_samples_new,)
        The row of the input that each row of the output is. A sampler passes on X and y only:
        `groups[sampler.sample_indices_]` and `sample_weight[sampler.sample_indices_]` go with
        them.

    shrinkage_ : dict or None
        The shrinkage factor of each class.

    n_features_in_ : int
        Size of the second dimension. Defined only when X is an array or a table.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns. Defined only when X is a DataFrame whose column names are strings.

    See Also
    --------
    imblearn.over_sampling.RandomOverSampler : The class that this one extends.

    Notes
    -----
    Sample after the split into training and test data (a Pipeline does so): copies on both
    sides of a split make any score meaningless.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.sampling import RandomOverSampler
    >>> recordings = [np.zeros(8), np.ones(5), np.full(6, 2.0)]
    >>> sampler = RandomOverSampler(random_state=0)
    >>> balanced, labels = sampler.fit_resample(recordings, ["normal", "normal", "mild"])
    >>> [len(recording) for recording in balanced], labels
    ([8, 5, 6, 6], ['normal', 'normal', 'mild', 'mild'])
    >>> X = np.zeros((3, 936, 64), dtype=np.float32)
    >>> sampler.fit_resample(X, ["normal", "normal", "mild"])[0].shape
    (4, 936, 64)
    """

    _parameter_constraints = {**_StockRandomOverSampler._parameter_constraints, "copy": ["boolean"]}

    def __init__(self, *, sampling_strategy="auto", random_state=None, shrinkage=None, copy=True):
        super().__init__(
            sampling_strategy=sampling_strategy, random_state=random_state, shrinkage=shrinkage
        )
        self.copy = copy

    def fit(self, X, y, **params):
        """Check the input and work out how many samples each class needs.

        Parameters
        ----------
        X : array, DataFrame, sparse matrix, Series, list or tuple of n_samples items
            The recordings or their features.

        y : array-like of shape (n_samples,)
            The label of each.

        **params : dict
            Passed on to imbalanced-learn.

        Returns
        -------
        self : RandomOverSampler
            This instance.
        """
        if _is_table(X):
            return super().fit(X, y, **params)
        super().fit(self._row_numbers(X), y, **params)
        self._note_features(X)
        return self

    def fit_resample(self, X, y, **params):
        """Resample.

        Parameters
        ----------
        X : array, DataFrame, sparse matrix, Series, list or tuple of n_samples items
            The recordings or their features: an array of any number of dimensions from two up;
            a 1-D array, list, tuple or Series of recordings or paths.

        y : array-like of shape (n_samples,)
            The label of each.

        **params : dict
            Passed on to imbalanced-learn.

        Returns
        -------
        X_resampled : same kind as X, n_samples_new items
            The items of X in their order, then the repeated ones; by index where ``copy=False``
            says so.

        y_resampled : same kind as y, n_samples_new labels
            Their labels.
        """
        if _is_table(X):
            return super().fit_resample(X, y, **params)
        _, y_resampled = super().fit_resample(self._row_numbers(X), y, **params)
        self._note_features(X)
        if not self.copy and isinstance(X, np.ndarray) and X.ndim > 2:
            return IndexedRows(X, self.sample_indices_), y_resampled
        return _take(X, self.sample_indices_), y_resampled

    def _check_X_y(self, X, y):
        X, y, binarize_y = super()._check_X_y(X, y)
        _check_one_label_each(X.shape[0], y)
        return X, y, binarize_y

    def _fit_resample(self, X, y):
        if self.shrinkage is not None or not isinstance(X, np.ndarray):
            return super()._fit_resample(X, y)
        # imbalanced-learn stacks a copy of X and the repeated rows. The draws depend on y alone,
        # so they are made on a table without columns, and X is indexed once.
        _, y_resampled = super()._fit_resample(np.empty((len(X), 0)), y)
        return X[self.sample_indices_], y_resampled

    def _row_numbers(self, X):
        """Return a column of row numbers, which imbalanced-learn samples in place of X."""
        if self.shrinkage is not None:
            self._validate_params()
            kind = type(X).__name__ if getattr(X, "ndim", 1) < 2 else f"{X.ndim}-D"
            raise ValueError(
                f"shrinkage={self.shrinkage!r} smooths tables of numbers only, and X is a {kind} "
                "of recordings or features. Pass shrinkage=None, or an array of shape "
                "(n_samples, n_features)."
            )
        return np.arange(len(X))[:, None]

    def _note_features(self, X):
        if getattr(X, "ndim", 1) > 1:
            self.n_features_in_ = X.shape[1]
        else:
            del self.n_features_in_  # it counted the column of row numbers


def _check_one_label_each(n_samples, y):
    if n_samples != len(y):
        raise ValueError(
            f"X holds {n_samples} samples and y {len(y)} labels: one label per sample is needed, "
            "in the same order."
        )


def _is_table(X):
    """Tell whether imbalanced-learn's own code is to take X, or to refuse it."""
    if isinstance(X, (list, tuple)):
        # A recording is an array or a path; numbers in nested lists are a table.
        return len(X) == 0 or isinstance(X[0], (list, tuple, Number))
    ndim = getattr(X, "ndim", 2)
    if ndim == 1:
        return len(X) == 0 or X.dtype.kind not in "OSU"
    return ndim < 3


def _take(X, rows):
    taken = _safe_indexing(X, rows)
    if isinstance(X, tuple):
        return tuple(taken)
    return taken.reset_index(drop=True) if hasattr(taken, "reset_index") else taken


class RecordingDropout(BaseEstimator):
    """Repeat patients, each time without one of their recordings.

    A patient of whom one recording more or less was made is the same patient. Trees that have seen
    both are surer of what they say where recordings are few. It stands first in the pipeline inside
    a :class:`skheart.patients.PatientClassifier` with ``join=True``, which joins the recordings of
    a patient and knows where each ends, and works in `fit` alone, as every sampler.

    Parameters
    ----------
    n_copies : int, default=4
        How often each patient is repeated. The k-th copy is without the k-th recording, and after
        the last it begins again with the first. Of one recording alone all copies are whole, so
        that the shares of the classes stay.
    copy : bool, default=True
        False joins what is left only when it is asked for: such a copy is an object that
        `numpy.asarray` turns into an array, as the transformers of skheart do. It spares
        the memory of `n_copies` times all recordings.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (n_samples_new,)
        The row of the input that each row of the output is, or is a part of.

    See Also
    --------
    skheart.segmentation.HeartCycleTransformer : What the recipes "best" and "cycles" have after it.
    RandomOverSampler : Repeat rows to balance the classes.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from imblearn.pipeline import make_pipeline
    >>> from skheart.segmentation import HeartCycleTransformer
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.patients import PatientClassifier
    >>> from skheart.sampling import RecordingDropout
    >>> sounds = make_heart_sounds(
    ...     n_subjects=12, recordings_per_subject=2, duration=4, random_state=0
    ... )
    >>> model = PatientClassifier(
    ...     make_pipeline(
    ...         RecordingDropout(n_copies=2),
    ...         HeartCycleTransformer(),
    ...         ExtraTreesClassifier(n_estimators=10, random_state=0),
    ...     ),
    ...     join=True,
    ... )
    >>> model = model.fit(sounds.data, sounds.target, groups=sounds.groups)
    >>> model.estimators_[0][0].sample_indices_.shape  # 12 patients, and each of them twice more
    (36,)
    """

    _parameter_constraints = {
        "n_copies": [Interval(Integral, 1, None, closed="left")],
        "copy": ["boolean"],
    }

    def __init__(self, n_copies=4, *, copy=True):
        self.n_copies = n_copies
        self.copy = copy

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X, y):
        """Repeat.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Joined recordings, as `PatientClassifier` gives them to what is inside. Other recordings
            and paths count as one recording each.
        y : array-like of shape (n_samples,)
            The label of each.

        Returns
        -------
        X_resampled : list
            What is in X, in its order, then the copies of each.
        y_resampled : same kind as y
            Their labels.

        Raises
        ------
        ValueError
            If a joined recording was changed, so that it no longer knows where each part ends, or y
            has another length.
        """
        recordings = list_recordings(X)
        if recordings is None:
            recordings = list(np.asarray(X))
        _check_one_label_each(len(recordings), y)
        rows = np.arange(len(recordings))
        self.sample_indices_ = np.r_[rows, np.repeat(rows, self.n_copies)]
        copies = [one for row in rows for one in self._copies(recordings[row], row)]
        return [*recordings, *copies], _safe_indexing(y, self.sample_indices_)

    def _copies(self, whole, row):
        if not isinstance(whole, JoinedRecording):
            return [whole] * self.n_copies
        if whole.ends is None:
            raise ValueError(
                f"The joined recording at row {row} was changed and no longer knows of which "
                "recordings it is made. Put RecordingDropout first in the pipeline inside "
                "PatientClassifier(join=True), before all that changes recordings."
            )
        parts = whole.parts()
        if len(parts) == 1:
            return [whole] * self.n_copies
        without = [parts[:k] + parts[k + 1 :] for k in range(min(len(parts), self.n_copies))]
        left = [JoinedRecording.of(few) if self.copy else Pieces(few) for few in without]
        return [left[k % len(left)] for k in range(self.n_copies)]
