"""Enrichment of an explanation in the phases of the heart cycle, compared with random shifts."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from ..segmentation import PHASES, check_segmentation, phases_at

__all__ = ["enrichments", "mean_of_finite", "p_values", "phase_enrichment", "phases_of_frames"]


def phase_enrichment(
    explanation, segmentation, *, label=None, relative=False, n_shifts=199, random_state=None
):
    """Compare the contribution in each phase of the heart cycle with the duration of the phase.

    The enrichment of a phase is its fraction of the positive contribution divided by its fraction
    of the time: 1 for a map that is independent of the heart cycle. The null distribution is that
    of the same map, shifted circularly within the recording.

    Parameters
    ----------
    explanation : Explanation
        Explanation of a recording, not of features.
    segmentation : DataFrame
        `start` and `end` (s) and `state` ("S1", "systole", "S2", "diastole"; any other state is
        unknown and excluded), as returned by `load_circor` and `make_heart_sounds`.
    label : object, default=None
        The class whose contribution is used; None is the predicted one.
    relative : bool, default=False
        As for `Explanation.of_class`: subtract the mean over the classes.
    n_shifts : int, default=199
        Number of random shifts, at least 1.
    random_state : int, RandomState instance or None, default=None
        Draws the shifts.

    Returns
    -------
    DataFrame
        One row per phase: `phase`, `time` (fraction of the frames with a known phase),
        `contribution` (fraction of the positive contribution in them), `enrichment` (their ratio),
        `null` (mean enrichment of the shifted maps) and `p` (fraction of the maps, the original
        included, whose enrichment is at least as large). NaN if the phase does not occur or no
        contribution is positive; shifts without positive contribution in known frames are ignored.

    Raises
    ------
    ValueError
        If the times of the frames are unknown, `segmentation` is not such a table, or `n_shifts`
        is below 1.

    Examples
    --------
    >>> from skheart import make_heart_pipeline
    >>> from skheart.datasets import make_heart_sounds
    >>> from skheart.explain import explain, phase_enrichment
    >>> sounds = make_heart_sounds(n_subjects=9, duration=3, random_state=0)
    >>> pipeline = make_heart_pipeline("gru", random_state=0)
    >>> pipeline = pipeline.set_params(
    ...     logmel__duration=3, clf__units=(8,), clf__max_epochs=1).fit(sounds.data, sounds.target)
    >>> explanation = explain(pipeline, sounds.data[:1])[0]
    >>> phase_enrichment(explanation, sounds.segmentation[0], random_state=0).phase.tolist()
    ['S1', 'systole', 'S2', 'diastole']
    """
    import pandas as pd

    values, null, time = enrichments(
        explanation, segmentation, label, relative, n_shifts, random_state
    )
    time = time / max(time.sum(), 1)
    return pd.DataFrame(
        {
            "phase": PHASES,
            "time": time,
            "contribution": values * time,
            "enrichment": values,
            "null": mean_of_finite(null),
            "p": p_values(values, null),
        }
    )


def phases_of_frames(explanation, segmentation):
    """Find the phase of each frame, as its index in `PHASES` or -1 if unknown.

    The phases of a short recording that was repeated repeat with it. The phase is unknown where
    the recording was padded with silence.
    """
    times = explanation.times + explanation.start
    padded = np.zeros(len(times), bool)
    if explanation.duration is not None:
        if explanation.signal is not None:
            tail = explanation.signal[round(explanation.duration * explanation.sr) :]
            padded = (times >= explanation.duration) & (not tail.any())
        times = times % explanation.duration
    return np.where(padded, -1, phases_at(segmentation, times))


def enrichments(explanation, segmentation, label, relative, n_shifts, random_state):
    """Compute the enrichment of each phase, that of each shifted map, and the frames per phase."""
    explanation._check_times("phase_enrichment")
    check_segmentation(segmentation)
    if not isinstance(n_shifts, Integral) or n_shifts < 1:
        raise ValueError(f"n_shifts={n_shifts!r} must be a whole number of at least 1.")
    phases = phases_of_frames(explanation, segmentation)
    cells = np.maximum(explanation.of_class(label, relative=relative), 0).sum(axis=1)
    frames = np.repeat(cells / explanation.cell[0], explanation.cell[0])
    positive = np.zeros(len(phases))
    positive[: len(frames)] = frames
    n = len(positive)
    shifts = check_random_state(random_state).randint(1, max(n, 2), size=n_shifts)
    of_phase = np.stack([phases == code for code in range(len(PHASES))]).astype(float)
    time = of_phase.sum(axis=1)
    shifted = (np.arange(n) - shifts[:, None]) % n
    null = np.array([_enrichment(positive[index], of_phase, time) for index in shifted])
    return _enrichment(positive, of_phase, time), null, time


def p_values(values, null):
    """Fraction of the maps, the original included, whose value is at least as large."""
    with np.errstate(invalid="ignore"):
        p = (1 + (null >= values).sum(axis=0)) / (1 + np.isfinite(null).sum(axis=0))
    return np.where(np.isfinite(values), p, np.nan)


def mean_of_finite(values):
    """Mean of the finite values of each column; NaN if there are none."""
    finite = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(finite, values, 0).sum(axis=0) / finite.sum(axis=0)


def _enrichment(positive, of_phase, time):
    """Enrichment of each phase."""
    inside = of_phase @ positive
    with np.errstate(invalid="ignore", divide="ignore"):
        return (inside / inside.sum()) / (time / time.sum())
