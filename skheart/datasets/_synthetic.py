"""Generated heart sounds, whose true times are known."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from . import _synthesis

_CLASSES = ("normal", "mild", "severe")
_STATES = ("S1", "systole", "S2", "diastole")

_DESCR = """\
Generated heart sounds
======================

{n_recordings} recordings of {n_subjects} subjects ({counts}), {seconds:.0f} s in all at {sr} Hz.
Nobody's heart: the sounds are computed, and the times of every S1, systole, S2, diastole and murmur
are known exactly. The label is the subject's: no murmur, a mild one, or a severe one. A murmur is
fainter away from its own site on the chest, so that a mild one can drown in breath and room noise.
Meant for tests, examples and the check of explanations; a score on it says nothing about patients.
"""


def make_heart_sounds(
    n_subjects=60,
    *,
    recordings_per_subject=(1, 5),
    duration=(6.0, 12.0),
    sr=4000,
    weights=(84, 276, 142),
    noise=1.0,
    difficulty=0.5,
    random_state=None,
    return_X_y=False,
):
    """Generate heart sound recordings with and without systolic murmurs.

    The rate varies from beat to beat and with breathing; S1 and S2 are damped components, S2
    shorter, higher and split into A2 and P2, the more so at inspiration; systolic murmurs of two
    grades are band-limited noise, crescendo-decrescendo (ejection) or even (holosystolic). Breath
    and room noise, handling, a chest that dulls the sound and an arbitrary gain are added. Rate,
    timbre, chest, murmur and breathing belong to the subject, so that two recordings of a subject
    resemble each other, and a split that ignores `groups` flatters.

    Parameters
    ----------
    n_subjects : int, default=60
        Number of subjects, at least the number of classes with a positive weight.

    recordings_per_subject : int or (int, int), default=(1, 5)
        Number of recordings of each subject, or the least and the greatest. They are taken at
        different sites as long as the four sites last.

    duration : float or (float, float), default=(6.0, 12.0)
        Length of each recording in seconds, or the least and the greatest. At least 2 s, so
        that there is a beat in it.

    sr : int, default=4000
        Sampling rate in Hz, at least 1000.

    weights : sequence of 3 floats, default=(84, 276, 142)
        Proportions of "normal", "mild" and "severe" subjects; every class with a positive weight
        has at least one. The default are the numbers of training recordings of each class in HSS
        [1]_.

    noise : float, default=1.0
        Factor on the amplitude of breath, room and handling noise; 0 gives clean sounds.

    difficulty : float, default=0.5
        From 0 (murmurs loud at every site, grades well apart) to 1 (murmurs faint, grades
        overlapping, lost at most sites).

    random_state : int, RandomState instance or None, default=None
        Seed: the same seed gives the same data. None draws a seed from NumPy's global generator,
        as in scikit-learn.

    return_X_y : bool, default=False
        Return `(data, target)` instead of a Bunch.

    Returns
    -------
    bunch : :class:`sklearn.utils.Bunch`
        With the attributes

        data : list of n_recordings float32 arrays of shape (n_times,)
            The recordings, within [-1, 1].
        target : ndarray of shape (n_recordings,)
            "normal", "mild" or "severe".
        target_names : list of str
            The classes, by severity.
        groups : ndarray of shape (n_recordings,)
            The subject of each recording.
        sr : int
            Sampling rate in Hz.
        segmentation : list of n_recordings DataFrames
            Columns start, end (s) and state ("S1", "systole", "S2", "diastole"); they follow each
            other without a gap from 0 to the end of the recording.
        murmurs : list of n_recordings arrays of shape (n_murmurs, 2)
            Start and end (s) of every murmur, each inside a systole.
        frame : DataFrame
            A row per recording: subject, label, site (AV, PV, TV, MV), duration (s), heart_rate
            (beats per minute), murmur ("none", "ejection", "holosystolic") and murmur_level (dB,
            amplitude relative to the peak of S1, before the chest; NaN without a murmur).
        DESCR : str
            A description.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    .. [1] B. Schuller et al., "The INTERSPEECH 2018 Computational Paralinguistics Challenge",
       Interspeech, pp. 122-126, 2018.
    .. [2] A. M. Weissler, W. S. Harris, C. D. Schoenfeld, "Systolic time intervals in heart
       failure in man", Circulation 37(2), pp. 149-159, 1968 (length of systole by heart rate).
    .. [3] R. M. Rangayyan, R. J. Lehner, "Phonocardiogram signal analysis: a review", CRC
       Critical Reviews in Biomedical Engineering 15(3), pp. 211-236, 1987 (lengths and bands of
       S1, S2 and murmurs).
    .. [4] A. Leatham, "Auscultation of the Heart and Phonocardiography", 2nd ed., Churchill
       Livingstone, 1975 (split of S2 with breathing, course and site of murmurs).
    .. [5] P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith, "A dynamical model for
       generating synthetic electrocardiogram signals", IEEE Transactions on Biomedical
       Engineering 50(3), pp. 289-294, 2003 (slow and respiratory variation of the rate).

    Examples
    --------
    >>> from skheart.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(6, duration=2.0, random_state=0)
    >>> len(sounds.data) == len(sounds.target) == len(sounds.groups)
    True
    >>> sounds.data[0].shape, sounds.data[0].dtype
    ((8000,), dtype('float32'))
    >>> sounds.segmentation[0].columns.tolist()
    ['start', 'end', 'state']
    """
    recordings = _pair("recordings_per_subject", recordings_per_subject, 1, integer=True)
    seconds = _pair("duration", duration, 2.0)
    counts = _count_subjects(n_subjects, weights)
    _check_scalar("sr", sr, Integral, 1000)
    _check_scalar("noise", noise, Real, 0)
    _check_scalar("difficulty", difficulty, Real, 0, 1)
    seed = check_random_state(random_state).randint(2**31 - 1)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(n_subjects + 1)]
    grades = streams.pop().permutation(np.repeat(np.arange(3), counts))
    width = len(str(n_subjects))
    rows = []
    for number, (rng, grade) in enumerate(zip(streams, grades, strict=True), start=1):
        subject = _synthesis.draw_subject(rng, grade, difficulty)
        n_recordings = rng.integers(recordings[0], recordings[1], endpoint=True)
        sites = rng.permutation(_synthesis.SITES)
        for i in range(n_recordings):
            n = round(rng.uniform(*seconds) * sr)
            site = str(sites[i % len(sites)])
            row = _record(rng, subject, site, n, sr, noise, difficulty)
            rows.append({"subject": f"subject{number:0{width}d}", "label": _CLASSES[grade], **row})
    target = np.array([row["label"] for row in rows])
    data = [row.pop("data") for row in rows]
    if return_X_y:
        return data, target
    return _bunch(data, target, rows, sr, n_subjects)


def _record(rng, subject, site, n, sr, noise, difficulty):
    duration = n / sr
    beats = _synthesis.draw_beats(rng, subject, duration)
    murmurs = _synthesis.murmur_times(rng, subject, beats)
    level = _synthesis.site_level(rng, subject, site, difficulty)
    signal = _synthesis.render(
        rng, subject, beats, murmurs, level, site=site, n=n, sr=sr, noise=noise
    )
    murmurs = murmurs.clip(0, duration)
    covering = (beats.s1 < duration) & (beats.next_s1 > 0)
    return {
        "site": site,
        "duration": duration,
        "heart_rate": 60 / np.diff(beats.s1)[covering[:-1]].mean(),
        "murmur": subject.murmur,
        "murmur_level": np.nan if subject.murmur == "none" else level,
        "data": signal,
        "murmurs": murmurs[murmurs[:, 1] > murmurs[:, 0]],
        "times": _state_times(beats, duration),
    }


def _state_times(beats, duration):
    """Starts, ends and codes of the states that lie within the recording."""
    starts = np.column_stack([beats.s1, beats.s1_end, beats.s2, beats.s2_end]).ravel()
    ends = np.append(starts[1:], np.inf).clip(0, duration)
    starts = starts.clip(0, duration)
    kept = ends > starts
    codes = np.tile(np.arange(4, dtype=np.int8), len(beats.s1))
    return starts[kept], ends[kept], codes[kept]


def _bunch(data, target, rows, sr, n_subjects):
    import pandas as pd

    murmurs = [row.pop("murmurs") for row in rows]
    states = pd.CategoricalDtype(_STATES)
    segmentation = [
        pd.DataFrame(
            {"start": start, "end": end, "state": pd.Categorical.from_codes(code, dtype=states)}
        )
        for start, end, code in (row.pop("times") for row in rows)
    ]
    frame = pd.DataFrame(rows)
    names = [name for name in _CLASSES if name in target]
    return Bunch(
        data=data,
        target=target,
        target_names=names,
        groups=np.array([row["subject"] for row in rows]),
        sr=sr,
        segmentation=segmentation,
        murmurs=murmurs,
        frame=frame,
        DESCR=_DESCR.format(
            n_recordings=len(data),
            n_subjects=n_subjects,
            counts=", ".join(f"{(target == name).sum()} {name}" for name in names),
            seconds=frame["duration"].sum(),
            sr=sr,
        ),
    )


def _count_subjects(n_subjects, weights):
    """Number of subjects of each class: largest remainders, none of a wanted class at 0."""
    shares = np.asarray(weights)
    if shares.shape != (3,) or shares.dtype.kind not in "iuf":
        raise ValueError(
            f"weights must be three numbers, for {', '.join(_CLASSES)}; got {weights!r}."
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(
            f"weights must be finite and not negative, one of them above 0; got {weights!r}."
        )
    wanted = shares > 0
    _check_scalar("n_subjects", n_subjects, Integral, int(wanted.sum()))
    exact = n_subjects * shares / shares.sum()
    counts = np.maximum(np.floor(exact).astype(int), wanted)
    while counts.sum() < n_subjects:
        counts[np.argmax(np.where(wanted, exact - counts, -np.inf))] += 1
    while counts.sum() > n_subjects:  # small classes were raised to one
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return counts


def _pair(name, value, low, integer=False):
    kind, noun = (Integral, "an integer") if integer else (Real, "a number")
    pair = (value, value) if isinstance(value, kind) else value
    try:
        first, last = pair
        good = all(isinstance(v, kind) for v in pair) and low <= first <= last < np.inf
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            f"{name} must be {noun} of at least {low}, or a pair (least, greatest) of such; "
            f"got {value!r}."
        )
    return first, last


def _check_scalar(name, value, kind, low, high=np.inf):
    if not isinstance(value, kind) or not low <= value <= high or not value < np.inf:
        noun = "an integer" if kind is Integral else "a finite number"
        upper = "" if high == np.inf else f" and at most {high}"
        raise ValueError(f"{name} must be {noun} of at least {low}{upper}; got {value!r}.")
