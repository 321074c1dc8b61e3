"""Recordings with their patients, windows of recordings, and joined recordings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from .._utils.containers import known_container
from .._utils.validation import check_groups
from ..audio import (
    JoinedRecording,
    as_float,
    as_recording_list,
    find_readable,
    load_samples,
    warn_about_skipped,
)

__all__ = [
    "PatientRecordings",
    "check_recordings",
    "cut_windows",
    "join_recordings",
    "keep_readable",
    "recordings_of_patients",
]

PATH_COLUMNS = ("path", "recording")


class PatientRecordings(NamedTuple):
    """Recordings with their patients, subjects and auscultation sites (or None).

    There is one prediction per patient. Subjects stay on one side of a split: a person with several
    visits may be several patients.
    """

    recordings: object
    patient: np.ndarray
    subject: np.ndarray
    site: np.ndarray | None


def check_recordings(estimator, X, groups, *, reset):
    """Validate the recordings and patients of X; `reset` is True in `fit`."""
    given = recordings_of_patients(X, groups)
    if isinstance(given.recordings, list):
        for name in ("n_features_in_", "feature_names_in_") if reset else ():
            vars(estimator).pop(name, None)
        return given
    checked = validate_data(estimator, X, reset=reset, dtype="numeric", allow_nd=True)
    return given._replace(recordings=checked)


def keep_readable(given, on_error, patients=None):
    """Return the recordings that can be read, their rows, and a list of (path, reason) of others.

    Raises if none of the recordings of one of `patients` can be read.
    """
    if on_error == "raise" or not isinstance(given.recordings, list):
        return given, slice(None), []
    rows, skipped = find_readable(given.recordings, on_error="skip")
    lost = np.setdiff1d([] if patients is None else patients, given.patient[rows])
    if len(lost):
        reason = next(reason for row, _, reason in skipped if given.patient[row] == lost[0])
        raise ValueError(
            f"None of the recordings of patient {lost[0]} can be read, as of {len(lost)} "
            f"patient(s) in total, so there is nothing to predict from: {reason} Leave the patient "
            f"out."
        )
    if on_error == "warn":
        warn_about_skipped([reason for _, _, reason in skipped], stacklevel=4)
    recordings = [given.recordings[row] for row in rows]
    others = (None if values is None else values[rows] for values in given[1:])
    return PatientRecordings(recordings, *others), rows, [row[1:] for row in skipped]


def recordings_of_patients(X, groups=None):
    """Return the recordings and patients of X, with `groups` as in `PatientClassifier.fit`."""
    X = known_container(X)
    columns = set(map(str, getattr(X, "columns", ())))
    path = next((name for name in PATH_COLUMNS if name in columns), None)
    if path is None or not hasattr(X, "iloc"):
        return _without_table(X, groups)
    if groups is not None:
        patient = subject = groups
    elif columns & {"patient", "subject"}:
        patient = X["patient" if "patient" in columns else "subject"]
        subject = X["subject" if "subject" in columns else "patient"]
    else:
        raise ValueError(
            f"X has the columns {sorted(columns)}, and none names the patient. Add a column "
            "'patient' or 'subject', or pass groups."
        )
    site = np.asarray(X["site"].astype(str)) if "site" in columns else None
    recordings = as_recording_list(list(X[path]))
    return PatientRecordings(recordings, check_groups(patient), check_groups(subject), site)


def _without_table(X, groups):
    recordings = as_recording_list(X)
    if recordings is None:
        recordings = X if hasattr(X, "shape") else np.asarray(X)
    n_recordings = len(recordings) if isinstance(recordings, list) else recordings.shape[0]
    groups = np.arange(n_recordings) if groups is None else check_groups(groups)
    if len(groups) != n_recordings:
        raise ValueError(
            f"groups has {len(groups)} values and X {n_recordings} recordings. Give one patient "
            "per recording."
        )
    return PatientRecordings(recordings, groups, groups, None)


def cut_windows(recordings, length, overlap, sr):
    """Cut recordings into windows of a length in s; return them and the recording of each.

    Windows start every ``length * (1 - overlap)`` seconds. One more window covers the end of a
    recording if need be. A recording shorter than a window is one window.
    """
    n_times = round(length * sr)
    hop = max(1, round(n_times * (1 - overlap)))
    windows, parent = [], []
    for row, recording in enumerate(recordings):
        samples = load_samples(recording, row, sr)
        last = max(0, len(samples) - n_times)
        starts = [*range(0, last, hop), last]
        windows += [samples[start : start + n_times] for start in starts]
        parent += [row] * len(starts)
    return windows, np.array(parent)


def join_recordings(recordings, patient, n_patients, sr):
    """Join the recordings of each patient, in order, to a `JoinedRecording` of float32.

    `patient` numbers the patient of each recording. Files are read at `sr`.
    """
    parts = [[] for _ in range(n_patients)]
    for row, recording in enumerate(recordings):
        samples = as_float(load_samples(recording, row, sr))
        parts[patient[row]].append(samples.astype(np.float32, copy=False))
    return [JoinedRecording.of(part) for part in parts]
