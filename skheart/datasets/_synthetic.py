"""Generated heart sounds with known times of S1, S2 and murmurs."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_random_state

from . import _synthesis
from ._descr import SYNTHETIC
from ._validation import check_number

_CLASSES = ("normal", "mild", "severe")
_STATES = ("S1", "systole", "S2", "diastole")


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
    """Generate heart sound recordings of subjects with and without systolic murmurs.

    Parameters
    ----------
    n_subjects : int, default=60
        Number of subjects, at least one for each class with a positive weight.
    recordings_per_subject : int or (int, int), default=(1, 5)
        Number of recordings of each subject, or its range.
    duration : float or (float, float), default=(6.0, 12.0)
        Length of each recording in seconds, at least 2, or its range.
    sr : int, default=4000
        Sampling rate in Hz, at least 1000.
    weights : sequence of 3 floats, default=(84, 276, 142)
        Proportions of "normal", "mild" and "severe" subjects; the default is that of HSS.
    noise : float, default=1.0
        Factor on the amplitude of breath, room and handling noise; 0 gives clean sounds.
    difficulty : float, default=0.5
        From 0 (loud murmurs, distinct grades) to 1 (faint murmurs, overlapping grades).
    random_state : int, RandomState instance or None, default=None
        Seed for reproducible data. None uses NumPy's global generator.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, but `data` has float32 arrays of shape
        (n_times,) within [-1, 1]. Also `murmurs`: arrays of shape (n_murmurs, 2), start and end in
        s. `frame` has `subject`, `label`, `site`, `duration` (s), `heart_rate` (beats/min),
        `murmur` ("none", "ejection", "holosystolic") and `murmur_level` (dB relative to S1).

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> from skheart.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(6, duration=2.0, random_state=0)
    >>> sounds.data[0].shape, sounds.data[0].dtype
    ((8000,), dtype('float32'))
    """
    recordings = _check_range("recordings_per_subject", recordings_per_subject, 1, Integral)
    seconds = _check_range("duration", duration, 2.0, Real)
    counts = _count_subjects(n_subjects, weights)
    rows = _generate(counts, recordings, seconds, sr, noise, difficulty, random_state)
    return _as_bunch(rows, sr, n_subjects, return_X_y)


def _generate(counts, recordings, seconds, sr, noise, difficulty, random_state):
    """Return one dict per recording: samples, times and what else is known about it."""
    check_number("sr", sr, Integral, 1000)
    check_number("noise", noise, Real, 0)
    check_number("difficulty", difficulty, Real, 0, 1)
    n_subjects = sum(counts)
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
    return rows


def _record(rng, subject, site, n, sr, noise, difficulty):
    duration = n / sr
    beats = _synthesis.draw_beats(rng, subject, duration)
    murmurs = _synthesis.draw_murmur_times(rng, subject, beats)
    level = _synthesis.draw_murmur_level(rng, subject, site, difficulty)
    signal = _synthesis.draw_samples(
        rng, subject, beats, murmurs, level, site=site, n=n, sr=sr, noise=noise
    )
    murmurs = murmurs.clip(0, duration)
    overlaps = (beats.s1[:-1] < duration) & (beats.s1[1:] > 0)
    return {
        "site": site,
        "duration": duration,
        "heart_rate": 60 / np.diff(beats.s1)[overlaps].mean(),
        "murmur": subject.murmur,
        "murmur_level": np.nan if subject.murmur == "none" else level,
        "data": signal,
        "murmurs": murmurs[murmurs[:, 1] > murmurs[:, 0]],
        "times": _state_times(beats, duration),
    }


def _state_times(beats, duration):
    """Return start, end and code of the states that lie within the recording."""
    starts = np.column_stack([beats.s1, beats.s1_end, beats.s2, beats.s2_end]).ravel()
    ends = np.append(starts[1:], np.inf).clip(0, duration)
    starts = starts.clip(0, duration)
    kept = ends > starts
    codes = np.tile(np.arange(4, dtype=np.int8), len(beats.s1))
    return starts[kept], ends[kept], codes[kept]


def _as_bunch(rows, sr, n_subjects, return_X_y):
    data = [row.pop("data") for row in rows]
    target = np.array([row["label"] for row in rows])
    if return_X_y:
        return data, target
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
        DESCR=SYNTHETIC.format(
            n_recordings=len(data),
            n_subjects=n_subjects,
            counts=", ".join(f"{(target == name).sum()} {name}" for name in names),
            seconds=frame["duration"].sum(),
            sr=sr,
        ),
    )


def _count_subjects(n_subjects, weights):
    """Return the number of subjects of each class; every class with a weight has at least one."""
    shares = np.asarray(weights)
    if shares.shape != (3,) or shares.dtype.kind not in "iuf":
        raise ValueError(
            f"weights must be three numbers, for {', '.join(_CLASSES)}. Got {weights!r} instead."
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(
            f"weights must be finite and not negative, and one of them positive. Got {weights!r} "
            f"instead."
        )
    wanted = shares > 0
    check_number("n_subjects", n_subjects, Integral, int(wanted.sum()))
    exact = n_subjects * shares / shares.sum()
    counts = np.maximum(np.floor(exact).astype(int), wanted)
    # Distribute the rest by largest remainder.
    while counts.sum() < n_subjects:
        counts[np.argmax(np.where(wanted, exact - counts, -np.inf))] += 1
    while counts.sum() > n_subjects:  # small classes were raised to one
        counts[np.argmax(np.where(counts > 1, counts - exact, -np.inf))] -= 1
    return counts


def _check_range(name, value, low, kind):
    """Return a number or a pair (least, greatest) as a pair."""
    pair = (value, value) if isinstance(value, kind) else value
    valid = np.size(pair) == 2 and all(isinstance(v, kind) for v in pair)
    if not valid or not low <= pair[0] <= pair[1] < np.inf:
        noun = "an integer" if kind is Integral else "a number"
        raise ValueError(
            f"{name} must be {noun} of at least {low}, or a pair (least, greatest) of such. "
            f"Got {value!r} instead."
        )
    return pair
