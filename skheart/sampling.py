"""Samplers for recordings: random oversampling, and patients with one recording left out.

In: recordings or features, and their labels. Out: the same with rows repeated, by index where
possible. `RandomOverSampler` balances classes; `RecordingDropout` repeats patients without one of
their recordings. Both work only in `fit` of an imbalanced-learn Pipeline.
May import `skheart._utils` and `skheart.audio`.
"""

from __future__ import annotations

from numbers import Integral, Number

import numpy as np
from imblearn.base import BaseSampler
from imblearn.over_sampling import RandomOverSampler as _TableOverSampler
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from ._utils.arrays import IndexedRows
from ._utils.containers import known_container
from ._utils.validation import check_labels
from .audio import JoinedRecording, LazyConcatenation, as_recording_list

__all__ = ["RandomOverSampler", "RecordingDropout"]


class RandomOverSampler(_TableOverSampler):
    """Repeat random recordings of the smaller classes.

    Extends the sampler of the same name in imbalanced-learn, which takes tables, and draws the
    same rows. In addition it takes arrays with three or more dimensions, lists and tuples of
    recordings of different lengths, and paths, so it can be placed before or after the feature
    extraction in an :class:`imblearn.pipeline.Pipeline`. The output starts with the rows of the
    input, followed by the repeated ones. It is made by a single indexing operation, without a
    second copy; recordings in a list are not copied at all.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Which classes are repeated and how often, as in imbalanced-learn. "auto" or "not majority":
        all classes up to the size of the largest; also "minority", "not minority" and "all".
        float: ratio of the smaller to the larger of two classes. dict: number of samples of each
        class to be repeated. callable: takes `y` and returns such a dict.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.
    shrinkage : float, dict or None, default=None
        Non-negative factor of the Gaussian noise added to repeated rows, or one per class as a
        dict. Only for numeric tables (2-D).
    copy : bool, default=True
        False: for arrays with three or more dimensions, return an object that indexes the input
        instead of a copy. It has `shape`, `dtype` and `len`, and returns arrays when it is indexed
        or passed to `numpy.asarray`. It reflects later changes of `X`. The classifiers of skheart
        train on it without a copy and reach the same model.

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of samples added per class.
    sample_indices_ : ndarray of shape (n_samples_new,)
        Input row of each output row. To resample groups or weights as well, use
        `groups[sampler.sample_indices_]`.
    shrinkage_ : dict or None
        Shrinkage factor of each class.
    n_features_in_ : int
        Size of the second dimension. Defined only when X is an array or a table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names. Defined only when X is a DataFrame whose column names are strings.

    See Also
    --------
    imblearn.over_sampling.RandomOverSampler : The class that this one extends.

    Notes
    -----
    Split into training and test data before sampling, as a Pipeline does. Copies of a recording on
    both sides of a split make the score meaningless.

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

    _parameter_constraints = {**_TableOverSampler._parameter_constraints, "copy": ["boolean"]}

    def __init__(self, *, sampling_strategy="auto", random_state=None, shrinkage=None, copy=True):
        super().__init__(
            sampling_strategy=sampling_strategy, random_state=random_state, shrinkage=shrinkage
        )
        self.copy = copy

    def fit(self, X, y, **params):
        """Check the input and compute how many samples each class needs.

        Parameters
        ----------
        X : array, DataFrame, sparse matrix, Series, list or tuple of n_samples items
            Recordings or features.
        y : array-like of shape (n_samples,)
            Labels.
        **params : dict
            Passed to imbalanced-learn.

        Returns
        -------
        self : RandomOverSampler
            This instance.
        """
        X, y = known_container(X), _checked(y)
        if _is_table(X):
            return super().fit(X, y, **params)
        super().fit(self._row_numbers(X), y, **params)
        self._set_n_features(X)
        return self

    def fit_resample(self, X, y, **params):
        """Repeat recordings of the smaller classes.

        Parameters
        ----------
        X : array, DataFrame, sparse matrix, Series, list or tuple of n_samples items
            Recordings or features: an array with two or more dimensions, or a 1-D array, list,
            tuple or Series of recordings or paths.
        y : array-like of shape (n_samples,)
            Labels.
        **params : dict
            Passed to imbalanced-learn.

        Returns
        -------
        X_resampled : same type as X, n_samples_new items
            The items of X, followed by the repeated ones; see `copy` for another type.
        y_resampled : same type as y, n_samples_new labels
            Labels of these.
        """
        X, y = known_container(X), _checked(y)
        if _is_table(X):
            return super().fit_resample(X, y, **params)
        _, y_resampled = super().fit_resample(self._row_numbers(X), y, **params)
        self._set_n_features(X)
        if not self.copy and isinstance(X, np.ndarray) and X.ndim > 2:
            return IndexedRows(X, self.sample_indices_), y_resampled
        X_resampled = _safe_indexing(X, self.sample_indices_)
        if isinstance(X, tuple):
            return tuple(X_resampled), y_resampled
        if hasattr(X, "iloc"):
            X_resampled = X_resampled.reset_index(drop=True)
        return X_resampled, y_resampled

    def _check_X_y(self, X, y):
        X, y, binarize_y = super()._check_X_y(X, y)
        check_consistent_length(X, y)
        return X, y, binarize_y

    def _fit_resample(self, X, y):
        if self.shrinkage is not None or not isinstance(X, np.ndarray):
            return super()._fit_resample(X, y)
        # imbalanced-learn would copy X and the repeated rows, and then concatenate them. The draws
        # depend on y alone, so make them for a table without columns and index X once.
        _, y_resampled = super()._fit_resample(np.empty((len(X), 0)), y)
        return X[self.sample_indices_], y_resampled

    def _row_numbers(self, X):
        """Return a column of row numbers that imbalanced-learn resamples in place of X."""
        if self.shrinkage is not None:
            self._validate_params()
            raise ValueError(
                f"shrinkage={self.shrinkage!r} requires a numeric table of shape (n_samples, "
                "n_features). Use shrinkage=None for recordings and 3-D features."
            )
        return np.arange(len(X))[:, None]

    def _set_n_features(self, X):
        if getattr(X, "ndim", 1) > 1:
            self.n_features_in_ = X.shape[1]
        else:
            del self.n_features_in_  # of the column of row numbers


def _checked(y):
    """Return labels that imbalanced-learn understands, in the container of y."""
    y = known_container(y, "y")
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        odd = np.flatnonzero((values.astype(bool).sum(axis=1) != 1) | (values.max(axis=1) != 1))
        if len(odd):
            raise ValueError(
                f"y has shape {values.shape}, a column for each class, and row {odd[0]} is "
                f"{values[odd[0]].tolist()}: exactly one column must be 1, as the recordings have "
                "one class each. Correct the row, or pass labels in one column."
            )
        return y
    labels = check_labels(y)
    if labels.dtype == values.dtype or values.dtype.kind not in "OT" or labels.dtype.kind == "O":
        return y
    return y.astype(labels.dtype) if hasattr(y, "iloc") and values.dtype.kind == "O" else labels


def _is_table(X):
    """Tell whether X is left to imbalanced-learn, which resamples it or raises an error."""
    if isinstance(X, (list, tuple)):
        # Nested lists of numbers are a table; recordings are arrays or paths.
        return len(X) == 0 or isinstance(X[0], (list, tuple, Number))
    ndim = getattr(X, "ndim", 2)
    if ndim == 1:
        return len(X) == 0 or X.dtype.kind not in "OSU"
    return ndim < 3


class RecordingDropout(BaseSampler):
    """Repeat patients, each time without one of their recordings.

    A patient with one recording more or less is still the same patient. Trees trained with both
    are more certain for patients with few recordings. This sampler must be the first step of the
    pipeline inside a :class:`skheart.patients.PatientClassifier` with ``join=True``, which joins
    the recordings of each patient and remembers where each of them ends. Like all samplers it has
    no effect on predictions.

    Parameters
    ----------
    n_copies : int, default=4
        Number of copies of each patient. Copy k lacks recording k; if there are more copies than
        recordings, it starts again with the first. Copies of a single recording are complete, so
        the class proportions do not change.
    copy : bool, default=True
        False: join the remaining recordings only when `numpy.asarray` is called on a copy, as the
        transformers of skheart do. This saves the memory of `n_copies` times all recordings.

    Attributes
    ----------
    sample_indices_ : ndarray of int of shape (n_samples_new,)
        Input row of each output row.
    n_features_in_ : int
        Size of the second dimension. Defined only when X is a numeric array or table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names. Defined only when X is a DataFrame of numbers whose column names are strings.

    See Also
    --------
    skheart.segmentation.HeartCycleTransformer : Next step in the recipes "best" and "cycles".
    RandomOverSampler : Repeat rows to balance the classes.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from imblearn.pipeline import make_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.patients import PatientClassifier
    >>> from skheart.sampling import RecordingDropout
    >>> from skheart.segmentation import HeartCycleTransformer
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
    >>> model.estimators_[0][0].sample_indices_.shape  # 12 patients, and two copies of each
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
    def fit(self, X, y):
        """Check the input and compute which rows are repeated.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Joined recordings.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self : RecordingDropout
            This instance.
        """
        self._check_recordings(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_resample(self, X, y):
        """Add copies of the patients that lack one recording.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Joined recordings, as `PatientClassifier` passes them on. Other arrays and paths count
            as single recordings.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        X_resampled : list
            The items of X, followed by the copies of each.
        y_resampled : same type as y
            Labels of these.

        Raises
        ------
        ValueError
            If X and y have different lengths, or a joined recording was changed and no longer
            knows where its parts end.
        """
        return self._fit_resample(self._check_recordings(X, y), y)

    def _fit_resample(self, X, y):
        copies = [copy for row, recording in enumerate(X) for copy in self._copies(recording, row)]
        return [*X, *copies], _safe_indexing(y, self.sample_indices_)

    def _check_recordings(self, X, y):
        X = known_container(X)
        recordings = as_recording_list(X)
        if recordings is None:
            recordings = list(
                validate_data(self, X, dtype=None, ensure_all_finite=False, allow_nd=True)
            )
        check_consistent_length(recordings, y)
        _checked(y)
        rows = np.arange(len(recordings))
        self.sample_indices_ = np.r_[rows, np.repeat(rows, self.n_copies)]
        return recordings

    def _copies(self, recording, row):
        if not isinstance(recording, JoinedRecording):
            return [recording] * self.n_copies
        if recording.ends is None:
            raise ValueError(
                f"The joined recording at row {row} was changed and no longer knows where its "
                "parts end. Make RecordingDropout the first step of the pipeline inside "
                "PatientClassifier(join=True)."
            )
        parts = recording.parts()
        if len(parts) == 1:
            return [recording] * self.n_copies
        join = JoinedRecording.of if self.copy else LazyConcatenation
        n_different = min(len(parts), self.n_copies)
        copies = [join(parts[:k] + parts[k + 1 :]) for k in range(n_different)]
        return [copies[k % n_different] for k in range(self.n_copies)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.dataframe = False
        tags.input_tags.allow_nan = tags.input_tags.string = True
        tags.sampler_tags.sample_indices = True
        return tags
