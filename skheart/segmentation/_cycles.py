"""HeartCycleTransformer: recordings in, the average heart cycle out."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from .._utils.parallel import progress
from ..audio import recordings_of
from ..pretrained import load_pretrained
from ._contrasts import contrasts_of
from ._labels import PHASES
from ._segmenter import HeartPhaseSegmenter

__all__ = ["HeartCycleTransformer"]

PRETRAINED = "circor-phases"


class HeartCycleTransformer(TransformerMixin, BaseEstimator):
    """Turn heart sound recordings into features of their average heart cycle.

    A segmenter finds S1, systole, S2 and diastole of every beat. Each phase is cut into cells of
    equal length, and each cell is averaged over the beats, so that what is heard in every beat
    stays and what is not (noise, voices, friction) fades: a faint murmur stands out from the
    quiet part of the diastole of the same heart. A classifier of tables learns from that; a forest
    does in seconds, without a GPU.

    Parameters
    ----------
    segmenter : fitted HeartPhaseSegmenter in a FrozenEstimator, or None, default=None
        Finds the phases. `sklearn.frozen.FrozenEstimator` keeps what it has learnt when a pipeline
        is cloned. None takes the one that comes with the package (``load_pretrained
        ("circor-phases")``), which has seen all recordings of CirCor's public part: to be scored on
        them, train one on the training subjects.
    n_cells : sequence of 4 int, default=(2, 6, 2, 8)
        Cells into which S1, systole, S2 and diastole are cut.
    quiet : float, default=0.75
        Last part of the diastole that the other cells are compared with, in (0, 1].
    contrasts : bool, default=False
        Whether to add differences of parts of the cycle: see the notes. Trees, which ask for one
        column at a time, find more with them.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    segmenter_ : HeartPhaseSegmenter
        What found the phases.
    n_features_in_ : int
        Samples per row. Only where `fit` saw a 2-D array of numbers.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns. Only where `fit` saw a DataFrame of numbers with string names.

    See Also
    --------
    skheart.segmentation.HeartPhaseSegmenter : Train a segmenter.
    skheart.patients.PatientClassifier : With ``join=True`` the cycle is that of all recordings of a
        patient.

    Notes
    -----
    With n cells and m mel bins the columns are: for each cell and mel bin the mean over beats less
    that of the quiet diastole (n * m); the quiet diastole itself (m); for each cell and mel bin the
    deviation over beats (n * m); with `contrasts` those; and 11 of the rhythm: mean probability of
    the likeliest phase, mean probability that an annotator would have given a phase, phases per
    frame, and the mean and deviation of the duration of each phase in frames.

    A contrast is the difference of two parts of the cycle, after the quiet diastole is taken off.
    A part is the mean over one of at most 8 bands of neighbouring mel bins, and over a phase, or a
    third of the systole or the diastole (where they have 3 cells or more). Two parts are compared
    that differ in band alone, which tells how low or high a sound is, or in place alone, which
    tells how it swells and fades: with the default cells and 8 mel bins or more, 640 pairs.

    Beats count as much as the segmenter is
    sure of them. Frames are log-mel values, standardised as the segmenter's. Where a phase is
    found nowhere, its cells have the mean of the recording, and its durations are 0.

    References
    ----------
    Averages over heart cycles against noise are as old as phonocardiography on computers; what is
    kept of them here, and how, is ours.

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
        """Check the parameters, and take the segmenter; nothing is learnt from X.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            Recordings or paths, as `LogMelTransformer` takes them.
        y : None
            Ignored.

        Returns
        -------
        self : HeartCycleTransformer
            The fitted transformer.

        Raises
        ------
        TypeError
            If `segmenter` is not one.
        ValueError
            If it is not fitted, or a parameter is out of its range.
        """
        self._check_params()
        recordings_of(self, X, reset=True)
        self.segmenter_ = self._taken()
        return self

    def transform(self, X):
        """Compute the average cycle of recordings.

        Parameters
        ----------
        X : list, array, Series or DataFrame
            As for `fit`.

        Returns
        -------
        features : ndarray of shape (n_recordings, n_features), float32
            See the notes of the class.
        """
        check_is_fitted(self, "segmenter_")
        recordings = recordings_of(self, X, reset=False)
        features = np.empty((len(recordings), len(self.get_feature_names_out())), np.float32)
        first = {}  # a sampler repeats recordings as the same objects; held, ids are their own
        with progress(len(recordings), "heart cycles", self.verbose) as advance:
            for row, recording in enumerate(recordings):
                known, _ = first.setdefault(id(recording), (row, recording))
                seen = known < row
                features[row] = features[known] if seen else cycle_of(self, recording, row)[-1]
                advance(1)
        return features

    def get_feature_names_out(self, input_features=None):
        """Names of the columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only compared with what `fit` saw.

        Returns
        -------
        names : ndarray of str objects
            ``"mean_systole0_mel3"`` is the mean of the first cell of the systole in the fourth mel
            bin, less that of the quiet diastole, which is ``"quiet_mel3"``, and
            ``"contrast_systole_band0_less_systole_band7"`` how much more there is of the lowest
            band than of the highest.
        """
        check_is_fitted(self, "segmenter_")
        _check_feature_names_in(self, input_features, generate_names=False)
        mels = [f"mel{m}" for m in range(self.segmenter_.n_mels)]
        cells = [f"{p}{c}" for p, n in zip(PHASES, self.n_cells, strict=True) for c in range(n)]
        names = [f"mean_{cell}_{mel}" for cell in cells for mel in mels]
        names += [f"quiet_{mel}" for mel in mels]
        names += [f"deviation_{cell}_{mel}" for cell in cells for mel in mels]
        names += contrasts_in(self).columns() if self.contrasts else []
        names += ["sureness", "clarity", "phases_per_frame"]
        names += [f"{what}_length_{phase}" for phase in PHASES for what in ("mean", "deviation")]
        return np.array(names, dtype=object)

    def _check_params(self):
        """What the table of constraints cannot say."""
        cells = self.n_cells
        few = isinstance(cells, (tuple, list, np.ndarray)) and len(cells) == len(PHASES)
        if not few or not all(isinstance(n, Integral) and n >= 1 for n in cells):
            raise ValueError(
                "n_cells must be 4 ints of at least 1, for S1, systole, S2 and diastole. Got "
                f"{cells!r:.80} instead."
            )

    def _taken(self):
        """The segmenter that the parameter stands for."""
        if self.segmenter is None:
            return load_pretrained(PRETRAINED)
        if isinstance(self.segmenter, HeartPhaseSegmenter):
            raise ValueError(
                "segmenter is a HeartPhaseSegmenter that a clone of this transformer would forget. "
                "Fit it, and pass FrozenEstimator(segmenter) of sklearn.frozen."
            )
        inner = getattr(self.segmenter, "estimator", None)
        if not (
            isinstance(self.segmenter, FrozenEstimator) and isinstance(inner, HeartPhaseSegmenter)
        ):
            raise TypeError(
                "segmenter must be None or a FrozenEstimator of a fitted HeartPhaseSegmenter. Got "
                f"{self.segmenter!r:.80} instead."
            )
        check_is_fitted(inner, "module_", msg="segmenter is not fitted: fit it, then freeze it.")
        return inner

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def cycle_of(transformer, recording, row):
    """What a fitted `HeartCycleTransformer` sees in a recording: a look, phases, and features."""
    segmenter = transformer.segmenter_
    seen = segmenter.look(recording, row)
    phases = segmenter.course(seen.probabilities)
    contrasts = contrasts_in(transformer) if transformer.contrasts else None
    features = cycle_features(seen, phases, transformer.n_cells, transformer.quiet, contrasts)
    return seen, phases, features


def contrasts_in(transformer):
    """The contrasts of the cycle of a fitted `HeartCycleTransformer`."""
    n_cells = tuple(int(n) for n in transformer.n_cells)
    return contrasts_of(PHASES, n_cells, transformer.segmenter_.n_mels)


def frames_of_cells(seen, phases, n_cells):
    """What each frame has of each cell: the share of it in the cell's mean over beats.

    Parameters
    ----------
    seen : Look
        What the segmenter says of a recording.
    phases : ndarray of int of shape (n_frames,)
        The phase of each frame.
    n_cells : sequence of 4 int
        As for `HeartCycleTransformer`.

    Returns
    -------
    shares : ndarray of shape (n_cells in all, n_frames)
        Each row sums to 1: ``shares @ seen.log_mel`` are the means of `HeartCycleTransformer`
        before the quiet diastole is taken off.
    """
    starts, ends, of_phase, sure = _whole_phases(seen, phases)
    shares = np.zeros((sum(n_cells), len(phases)))
    row = 0
    for phase, n in enumerate(n_cells):
        own = of_phase == phase
        if own.any():
            low, high = _edges(starts[own], ends[own], n)
            weight = (sure[own] + 1e-6) / (sure[own] + 1e-6).sum()
            for beat, share in enumerate(weight):
                for cell, (a, b) in enumerate(zip(low[beat], high[beat], strict=True)):
                    shares[row + cell, a:b] += share / (b - a)
        else:
            shares[row : row + n] = 1 / len(phases)
        row += n
    return shares


def n_quiet_cells(n_cells, quiet):
    """Cells at the end of the diastole that the others are compared with."""
    return max(1, round(quiet * n_cells[-1]))


def _whole_phases(seen, phases):
    """Start, end, phase and sureness of each stretch of one phase."""
    starts = np.flatnonzero(np.diff(phases, prepend=-1))
    ends = np.append(starts[1:], len(phases))
    if len(starts) > 3:  # the first and the last phase were cut by the recording
        starts, ends = starts[1:-1], ends[1:-1]
    of_phase = phases[starts]
    sure = np.array(
        [
            seen.probabilities[phase, start:end].mean() * seen.clarity[start:end].mean()
            for phase, start, end in zip(of_phase, starts, ends, strict=True)
        ]
    )
    return starts, ends, of_phase, sure


def cycle_features(seen, phases, n_cells, quiet, contrasts=None):
    """The row of a recording."""
    starts, ends, of_phase, sure = _whole_phases(seen, phases)
    lengths = (ends - starts).astype(float)
    means, deviations, rhythm = [], [], []
    sums = np.cumsum(np.pad(seen.log_mel, ((1, 0), (0, 0))), axis=0, dtype=float)
    for phase, n in enumerate(n_cells):
        own = of_phase == phase
        if own.any():
            cells = _cells(sums, starts[own], ends[own], n)
            weight = sure[own] + 1e-6
        else:
            cells, weight = np.repeat(sums[None, -1:] / len(phases), n, axis=1), np.ones(1)
        weight = (weight / weight.sum())[:, None, None]
        mean = (weight * cells).sum(axis=0)
        means.append(mean)
        deviations.append(np.sqrt((weight * (cells - mean) ** 2).sum(axis=0)))
        rhythm += [lengths[own].mean(), lengths[own].std()] if own.any() else [0.0, 0.0]
    quiet_level = means[-1][-n_quiet_cells(n_cells, quiet) :].mean(axis=0)
    means = np.concatenate(means) - quiet_level
    overall = [
        seen.probabilities.max(axis=0).mean(),
        seen.clarity.mean(),
        len(starts) / len(phases),
    ]
    return np.concatenate(
        [
            means.ravel(),
            quiet_level,
            np.concatenate(deviations).ravel(),
            [] if contrasts is None else contrasts(means),
            overall,
            rhythm,
        ]
    )


def _cells(sums, starts, ends, n):
    """Means of n parts of each phase, (n_phases, n, n_mels)."""
    low, high = _edges(starts, ends, n)
    return (sums[high] - sums[low]) / (high - low)[:, :, None]


def _edges(starts, ends, n):
    """First frame of n parts of each phase, and that after the last; a part has one at least."""
    edges = starts[:, None] + (ends - starts)[:, None] * np.arange(n + 1) / n
    low = np.floor(edges[:, :-1]).astype(int)
    return low, np.maximum(np.ceil(edges[:, 1:]).astype(int), low + 1)
