"""HeartCycleTransformer: recordings in, features of the average heart cycle out."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from .._utils.parallel import progress
from ..audio import validate_recordings
from ..pretrained import load_pretrained
from ._average_cycle import compute_features
from ._contrasts import make_contrasts
from ._phases import PHASES
from ._segmenter import HeartPhaseSegmenter
from ._warnings import warn_without_heartbeat

__all__ = ["HeartCycleTransformer", "average_cycle", "get_contrasts"]

PRETRAINED = "circor-phases"


class HeartCycleTransformer(TransformerMixin, BaseEstimator):
    """Turn heart sound recordings into features of their average heart cycle.

    A segmenter finds S1, systole, S2 and diastole of every beat. Each phase is cut into cells of
    equal length, and each cell is averaged over the beats. Sounds of every beat remain and noise
    averages out, so that a faint murmur stands out from the quiet part of the diastole. A forest
    learns from these features in seconds, without a GPU.

    Parameters
    ----------
    segmenter : fitted HeartPhaseSegmenter in a FrozenEstimator, or None, default=None
        Finds the phases. `sklearn.frozen.FrozenEstimator` keeps it fitted when a pipeline is
        cloned. None uses the pretrained segmenter, ``load_pretrained("circor-phases")``, which was
        trained on all recordings of CirCor's public part: to score a model on those, train a
        segmenter on the training subjects.
    n_cells : sequence of 4 int, default=(2, 6, 2, 8)
        Number of cells of S1, systole, S2 and diastole.
    quiet : float, default=0.75
        Fraction of the diastole, at its end, that the other cells are compared with, in (0, 1].
    contrasts : bool, default=False
        Whether to add differences between parts of the cycle, see the notes. They help trees, which
        split on one column at a time.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    segmenter_ : HeartPhaseSegmenter
        The segmenter.
    n_features_in_ : int
        Samples per row. Defined only when `fit` was given a 2-D array of numbers.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names. Defined only when `fit` was given a DataFrame of numbers with string names.

    See Also
    --------
    skheart.segmentation.HeartPhaseSegmenter : Train a segmenter.
    skheart.patients.PatientClassifier : ``join=True`` averages over all recordings of a patient.

    Notes
    -----
    With n cells and m mel bins the columns are: the mean over beats of each cell and mel bin, less
    that of the quiet diastole (n * m); the quiet diastole (m); the standard deviation over beats of
    each cell and mel bin (n * m); the contrasts, if requested; and 11 columns on rhythm: the mean
    probability of the likeliest phase, the mean probability that a frame would be annotated, phases
    per frame, and mean and standard deviation of the duration of each phase in frames.

    A contrast is the difference between two parts of the cycle. A part is the mean over one of up
    to 8 frequency bands, and over a phase or a third of the systole or diastole (if they have at
    least 3 cells). Two parts are compared if they differ only in band (how low or high a sound is)
    or only in place (how it grows and fades): by default, 640 pairs.

    Beats are weighted by the segmenter's confidence. Log-mel values are standardised by its front
    end. If a phase is not found, its cells are the mean of the recording and its durations are 0.

    References
    ----------
    Averaging over heart cycles is as old as computer phonocardiography. The features are ours.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.pipeline import make_pipeline
    >>> from skheart.segmentation import HeartCycleTransformer
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.segmentation import HeartPhaseSegmenter
    >>> sounds = make_heart_sounds(n_subjects=12, duration=6, random_state=0)
    >>> segmenter = HeartPhaseSegmenter(width=8, max_epochs=2, random_state=0)
    >>> segmenter = segmenter.fit(sounds.data, sounds.segmentation)
    >>> model = make_pipeline(
    ...     HeartCycleTransformer(FrozenEstimator(segmenter)), ExtraTreesClassifier(random_state=0)
    ... )
    >>> model.fit(sounds.data, sounds.target).predict(sounds.data).shape == sounds.target.shape
    True
    """

    _parameter_constraints = {
        "segmenter": "no_validation",
        "n_cells": "no_validation",
        "quiet": [Interval(Real, 0, 1, closed="right")],
        "contrasts": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self, segmenter=None, *, n_cells=(2, 6, 2, 8), quiet=0.75, contrasts=False, verbose=0
    ):
        self.segmenter = segmenter
        self.n_cells = n_cells
        self.quiet = quiet
        self.contrasts = contrasts
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Validate the parameters and set the segmenter. Nothing is learnt from X.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `LogMelTransformer`.
        y : None
            Ignored.

        Returns
        -------
        self : HeartCycleTransformer
            The fitted transformer.

        Raises
        ------
        TypeError
            If `segmenter` is not a frozen segmenter.
        ValueError
            If `segmenter` is not fitted or not frozen, or a parameter is out of range.
        """
        self._check_params()
        validate_recordings(self, X, reset=True)
        self.segmenter_ = self._resolve_segmenter()
        return self

    def transform(self, X):
        """Compute the average cycle of recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as for `fit`.

        Returns
        -------
        features : ndarray of shape (n_recordings, n_features), float32
            See the notes of the class.

        Warns
        -----
        RecordingWarning
            If no heartbeat is found in a recording. Its features are those of the most probable
            phases even so.
        """
        check_is_fitted(self, "segmenter_")
        recordings = validate_recordings(self, X, reset=False)
        features = np.empty((len(recordings), len(self.get_feature_names_out())), np.float32)
        heartbeats = []
        first = {}  # samplers repeat the same objects; keeping them keeps each id unique
        with progress(len(recordings), "heart cycles", self.verbose) as advance:
            for row, recording in enumerate(recordings):
                known, _ = first.setdefault(id(recording), (row, recording))
                if known == row:
                    scores, _, features[row] = average_cycle(self, recording, row)
                features[row] = features[known]
                heartbeats.append(scores.heartbeat if known == row else heartbeats[known])
                advance(1)
        warn_without_heartbeat(recordings, heartbeats, "Their features describe no heart cycle.")
        return features

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only compared with the names that `fit` saw.

        Returns
        -------
        names : ndarray of str objects
            ``"mean_systole0_mel3"`` is the mean of the first cell of the systole in the fourth mel
            bin, less that of the quiet diastole, which is ``"quiet_mel3"``.
            ``"contrast_systole_band0_less_systole_band7"`` is the difference between the lowest and
            the highest band in the systole.
        """
        check_is_fitted(self, "segmenter_")
        _check_feature_names_in(self, input_features, generate_names=False)
        mels = [f"mel{m}" for m in range(self.segmenter_.n_mels)]
        cells = [f"{p}{c}" for p, n in zip(PHASES, self.n_cells, strict=True) for c in range(n)]
        names = [f"mean_{cell}_{mel}" for cell in cells for mel in mels]
        names += [f"quiet_{mel}" for mel in mels]
        names += [f"deviation_{cell}_{mel}" for cell in cells for mel in mels]
        names += get_contrasts(self).column_names() if self.contrasts else []
        names += ["sureness", "clarity", "phases_per_frame"]
        names += [f"{what}_length_{phase}" for phase in PHASES for what in ("mean", "deviation")]
        return np.array(names, dtype=object)

    def _check_params(self):
        cells = self.n_cells
        four = isinstance(cells, (tuple, list, np.ndarray)) and len(cells) == len(PHASES)
        if not four or not all(isinstance(n, Integral) and n >= 1 for n in cells):
            raise ValueError(
                "n_cells must be 4 ints of at least 1, for S1, systole, S2 and diastole. Got "
                f"{cells!r:.80} instead."
            )

    def _resolve_segmenter(self):
        if self.segmenter is None:
            return load_pretrained(PRETRAINED)
        if isinstance(self.segmenter, HeartPhaseSegmenter):
            raise ValueError(
                "segmenter is a HeartPhaseSegmenter, and clones of this transformer would lose its "
                "fit. Fit it, and pass FrozenEstimator(segmenter) of sklearn.frozen."
            )
        inner = getattr(self.segmenter, "estimator", None)
        if not (
            isinstance(self.segmenter, FrozenEstimator) and isinstance(inner, HeartPhaseSegmenter)
        ):
            raise TypeError(
                "segmenter must be None or a FrozenEstimator of a fitted HeartPhaseSegmenter. Got "
                f"{self.segmenter!r:.80} instead."
            )
        check_is_fitted(inner, "module_", msg="segmenter is not fitted. Fit it, then freeze it.")
        return inner

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def average_cycle(transformer, recording, row):
    """Return the frame scores, phases and features of a recording, which is `row` of X."""
    segmenter = transformer.segmenter_
    scores = segmenter.score_frames(recording, row)
    phases = segmenter.decode(scores.probabilities)
    contrasts = get_contrasts(transformer) if transformer.contrasts else None
    features = compute_features(scores, phases, transformer.n_cells, transformer.quiet, contrasts)
    return scores, phases, features


def get_contrasts(transformer):
    """Return the `Contrasts` of a fitted HeartCycleTransformer."""
    n_cells = tuple(int(n) for n in transformer.n_cells)
    return make_contrasts(PHASES, n_cells, transformer.segmenter_.n_mels)
