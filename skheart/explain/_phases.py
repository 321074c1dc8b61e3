"""Where in the heart cycle an explanation lies: enrichment of its phases, with a null."""

from __future__ import annotations

import numpy as np

__all__ = ["PHASES", "phase_enrichment", "phases_of_frames"]

PHASES = ("S1", "systole", "S2", "diastole")


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
    Where a short recording was repeated, its phases repeat with it. Frames beyond the end of one
    that was filled up with silence are read as repeated too; leave them out yourself.
    """
    times = explanation.times + explanation.start
    if explanation.duration is not None:
        times = times % explanation.duration
    order = np.argsort(segmentation["start"].to_numpy(float), kind="stable")
    starts = segmentation["start"].to_numpy(float)[order]
    ends = segmentation["end"].to_numpy(float)[order]
    states = segmentation["state"].astype(str).to_numpy()[order]
    codes = np.array([PHASES.index(state) if state in PHASES else -1 for state in states])
    if not len(starts):
        return np.full(len(times), -1)
    at = np.searchsorted(starts, times, side="right") - 1
    inside = (at >= 0) & (times < ends[at])
    return np.where(inside, codes[at], -1)


def phase_enrichment(explanation, segmentation, *, label=None, n_shifts=199, random_state=None):
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
    n_shifts : int, default=199
        Random shifts of the null.
    random_state : int, RandomState instance or None, default=None
        Draws the shifts.

    Returns
    -------
    DataFrame
        One row for each phase: `phase`, `time` (its share of the frames whose phase is known),
        `contribution` (its share of what is positive in them), `enrichment` (the ratio of the two),
        `null` (mean enrichment of the shifted maps) and `p` (share of maps, the shifted ones and
        the map itself, in which the enrichment is at least as large). NaN where there is no such
        phase or nothing positive.

    Raises
    ------
    ValueError
        If the times of the frames are not known.

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
    from sklearn.utils import check_random_state

    explanation._check_times("phase_enrichment")
    phases = phases_of_frames(explanation, segmentation)
    positive = np.maximum(explanation.contribution[explanation.class_index(label)], 0).sum(axis=1)
    rng = check_random_state(random_state)
    n = len(positive)
    shifts = rng.randint(1, max(n, 2), size=n_shifts)
    of_phase = np.stack([phases == code for code in range(len(PHASES))]).astype(float)
    time = of_phase.sum(axis=1)
    values = _shares(positive, of_phase, time)
    index = (np.arange(n) - shifts[:, None]) % n
    null = np.stack([_shares(positive[i], of_phase, time) for i in index])
    with np.errstate(invalid="ignore"):
        p = (1 + (null >= values).sum(axis=0)) / (1 + n_shifts)
    share = time / max(time.sum(), 1)
    return pd.DataFrame(
        {
            "phase": PHASES,
            "time": share,
            "contribution": values * share,
            "enrichment": values,
            "null": null.mean(axis=0),
            "p": np.where(np.isfinite(values), p, np.nan),
        }
    )


def _shares(positive, of_phase, time):
    """Enrichment of each phase."""
    inside = of_phase @ positive
    with np.errstate(invalid="ignore", divide="ignore"):
        return (inside / inside.sum()) / (time / time.sum())
