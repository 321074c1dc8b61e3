"""Recordings with their patients: out of a table or of two arguments, and cut into windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._utils.validation import check_groups
from ..audio import JoinedRecording, as_float, list_recordings, load_samples

__all__ = ["RecordingsOfPatients", "cut_windows", "join_recordings", "recordings_of_patients"]

PATH_COLUMNS = ("path", "recording")


class RecordingsOfPatients(NamedTuple):
    """Recordings, and whose they are.

    Attributes
    ----------
    recordings : list or array
        What an estimator of recordings takes.
    patient : ndarray of shape (n,)
        Whom a prediction is made for.
    subject : ndarray of shape (n,)
        Who may not stand on two sides of a split; the same person in several visits, say.
    site : ndarray of shape (n,) or None
        Where a recording was made.
    """

    recordings: object
    patient: np.ndarray
    subject: np.ndarray
    site: np.ndarray | None


def recordings_of_patients(X, groups=None):
    """Take recordings and patients out of the forms in which they may come.

    Parameters
    ----------
    X : DataFrame, list, array
        A DataFrame with the column "path" (or "recording") and the column "patient" or "subject"
        (or both) brings its own patients, and may have a column "site". All else holds recordings
        alone.
    groups : array-like of shape (n,), default=None
        The patient of each recording, for an X without its own. None: every recording is a patient
        of its own.

    Returns
    -------
    RecordingsOfPatients
    """
    columns = set(map(str, getattr(X, "columns", ())))
    path = next((name for name in PATH_COLUMNS if name in columns), None)
    if path is None or not hasattr(X, "iloc"):
        return _from_arguments(X, groups)
    if groups is not None:
        patient = subject = groups
    elif columns & {"patient", "subject"}:
        patient = X["patient" if "patient" in columns else "subject"]
        subject = X["subject" if "subject" in columns else "patient"]
    else:
        raise ValueError(
            f"X has the columns {sorted(columns)}, and none says whose a recording is. Add a "
            "column 'patient' or 'subject', or pass groups."
        )
    site = np.asarray(X["site"].astype(str)) if "site" in columns else None
    recordings = list_recordings(list(X[path]))
    return RecordingsOfPatients(recordings, check_groups(patient), check_groups(subject), site)


def _from_arguments(X, groups):
    recordings = list_recordings(X)
    if recordings is None:
        recordings = X if hasattr(X, "shape") else np.asarray(X)
    n_recordings = len(recordings) if isinstance(recordings, list) else recordings.shape[0]
    groups = np.arange(n_recordings) if groups is None else check_groups(groups)
    if len(groups) != n_recordings:
        raise ValueError(
            f"groups has {len(groups)} values and X {n_recordings} recordings: one patient per "
            "recording is needed."
        )
    return RecordingsOfPatients(recordings, groups, groups, None)


def cut_windows(recordings, length, overlap, sr):
    """Cut recordings into windows.

    The windows of a recording begin every ``length * (1 - overlap)`` seconds; what is left over at
    its end is covered by one more window that ends with it. A recording that is not longer than a
    window is a window itself.

    Parameters
    ----------
    recordings : list of paths or of 1-D arrays, or array of shape (n, n_times)
        Recordings; files are read at `sr`.
    length : float
        Length of a window in seconds.
    overlap : float
        Share of a window that the next one has too, in [0, 1).
    sr : int
        Rate in Hz.

    Returns
    -------
    windows : list of ndarray
        Views of the recordings, in order.
    parent : ndarray of int of shape (n_windows,)
        The recording of each window.
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
    """Join the recordings of each patient, in their order, to one.

    Parameters
    ----------
    recordings : list of paths or of 1-D arrays, or array of shape (n, n_times)
        Recordings; files are read at `sr`.
    patient : ndarray of int of shape (n,)
        The patient of each, from 0 on.
    n_patients : int
        Number of patients.
    sr : int
        Rate in Hz.

    Returns
    -------
    joined : list of JoinedRecording of float32
        One for each patient.
    """
    parts = [[] for _ in range(n_patients)]
    for row, recording in enumerate(recordings):
        samples = as_float(load_samples(recording, row, sr))
        parts[patient[row]].append(samples.astype(np.float32, copy=False))
    return [JoinedRecording.of(part) for part in parts]
