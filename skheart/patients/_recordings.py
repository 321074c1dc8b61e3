"""Recordings with their patients, windows of recordings, and joined recordings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._utils.validation import check_groups
from ..audio import JoinedRecording, as_float, as_recording_list, load_samples

__all__ = ["PatientRecordings", "cut_windows", "join_recordings", "recordings_of_patients"]

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


def recordings_of_patients(X, groups=None):
    """Return the recordings and patients of X, with `groups` as in `PatientClassifier.fit`."""
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
