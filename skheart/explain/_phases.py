"""Where in the heart cycle an explanation lies: enrichment of its phases, with a null."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from ..segmentation import PHASES, check_segmentation, phases_at

__all__ = ["PHASES", "enrichments", "phase_enrichment", "phases_of_frames"]


def phases_of_frames(explanation, segmentation):
    """Phase of each frame as its number in `PHASES`, -1 where it is not known.

    Parameters
    ----------
    explanation : Explanation
        Of a recording, not of features.
    segmentation : DataFrame
        Columns `start` and `end` (s, in the recording) and `state`: one of `PHASES`, anything else
        is unknown.

    Returns
    -------
    ndarray of int, shape (n_frames,)

    Notes
    -----
    Where a short recording was repeated, its phases repeat with it; where it was filled up with
    silence, nothing is known of the silence.
    """
    times = explanation.times + explanation.start
    silent = np.zeros(len(times), bool)
    if explanation.duration is not None:
        if explanation.signal is not None:
            tail = explanation.signal[round(explanation.duration * explanation.sr) :]
            silent = (times >= explanation.duration) & (not tail.any())
        times = times % explanation.duration
    return np.where(silent, -1, phases_at(segmentation, times))


def phase_enrichment(
    explanation, segmentation, *, label=None, relative=False, n_shifts=199, random_state=None
):
    """Share of the positive contribution in each phase, over the phase's share of the time.

    1 is what a map gives that knows nothing of the heart cycle. How far chance leads away from 1 is
    measured by shifting the map circularly within the recording.

    Parameters
    ----------
    explanation : Explanation
        Of a recording, not of features.
    segmentation : DataFrame
        `start` and `end` (s) and `state` ("S1", "systole", "S2", "diastole"; anything else counts
        as unknown and is left out), as `load_circor` and `make_heart_sounds` give it.
    label : object, default=None
        Whose contribution; None is the predicted class.
    relative : bool, default=False
        As for `Explanation.of_class`: less the mean over the classes.
    n_shifts : int, default=199
        Random shifts of the null, at least 1.
    random_state : int, RandomState instance or None, default=None
        Draws the shifts.

    Returns
    -------
    DataFrame
        One row for each phase: `phase`, `time` (its share of the frames whose phase is known),
        `contribution` (its share of what is positive in them), `enrichment` (the ratio of the two),
        `null` (mean enrichment of the shifted maps) and `p` (share of maps, the shifted ones and
        the map itself, in which the enrichment is at least as large). NaN where there is no such
        phase or nothing positive; shifts that leave nothing positive in known frames do not count.

    Raises
    ------
    ValueError
        If the times of the frames are not known, `segmentation` is no such table, or `n_shifts` is
        below 1.

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
    share = time / max(time.sum(), 1)
    return pd.DataFrame(
        {
            "phase": PHASES,
            "time": share,
            "contribution": values * share,
            "enrichment": values,
            "null": mean_of_known(null),
            "p": chance(values, null),
        }
    )


def enrichments(explanation, segmentation, label, relative, n_shifts, random_state):
    """Enrichment of each phase, that of each shifted map, and frames in each phase."""
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
    null = np.array([_shares(positive[index], of_phase, time) for index in shifted])
    return _shares(positive, of_phase, time), null, time


def chance(values, null):
    """Share of maps, the shifted ones and the map itself, in which a value is at least as large."""
    with np.errstate(invalid="ignore"):
        p = (1 + (null >= values).sum(axis=0)) / (1 + np.isfinite(null).sum(axis=0))
    return np.where(np.isfinite(values), p, np.nan)


def mean_of_known(values):
    """Mean over the rows, NaN left out; NaN where there is nothing else."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def _shares(positive, of_phase, time):
    """Enrichment of each phase."""
    inside = of_phase @ positive
    with np.errstate(invalid="ignore", divide="ignore"):
        return (inside / inside.sum()) / (time / time.sum())
