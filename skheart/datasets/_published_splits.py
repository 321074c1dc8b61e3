"""Published lists that say which recordings are for training and which for a test."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np

_PARTS = {"train_data": "train", "vali_data": "validation", "test_data": "test"}
_PLACE = re.compile(rf"({'|'.join(_PARTS)})/(\d+)[_.]")


def read_circor_split(path, patient_ids, subjects, *, where):
    """The part of each recording by a list of files in the layout of Niizumi et al.

    Parameters
    ----------
    path : str or path-like
        The list: a file per line, in a folder ``train_data``, ``vali_data`` or ``test_data``,
        whose name begins with the number of the patient.
    patient_ids, subjects : sequence of str
        Number of the patient, and person, of each recording.
    where : str
        Where such lists come from, for the error.

    Returns
    -------
    parts : ndarray of str, shape (n_recordings,)
        "train", "validation", "test", or "" for patients that the list does not name.
    """
    path = Path(os.fspath(path)).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such list of a split. {where}")
    part_of = {}
    for folder, patient in _PLACE.findall(path.read_text(encoding="utf-8-sig", errors="replace")):
        if part_of.setdefault(patient, _PARTS[folder]) != _PARTS[folder]:
            raise ValueError(
                f"{path}: patient {patient} is both in {part_of[patient]} and in "
                f"{_PARTS[folder]}; a patient must be in one part."
            )
    parts = np.array([part_of.get(patient, "") for patient in patient_ids])
    if not parts.any():
        raise ValueError(
            f"{path} names none of the patients; it must list files such as "
            f"train_data/9979_AV.wav. {where}"
        )
    _warn(path, parts, np.asarray(subjects))
    return parts


def _warn(path, parts, subjects):
    torn = [s for s in np.unique(subjects) if len(set(parts[subjects == s]) - {""}) > 1]
    if torn:
        warnings.warn(
            f"{path} puts {len(torn)} person(s) with two patient numbers into two parts (first: "
            f"{torn[0]}): a score on its test part is a little too good. For a strict one leave "
            f"them out of training.",
            UserWarning,
            stacklevel=4,
        )
    n_unnamed = int((parts == "").sum())
    if n_unnamed:
        warnings.warn(
            f"{path} does not name the patients of {n_unnamed} of {len(parts)} recordings; their "
            f"partition is the empty text.",
            UserWarning,
            stacklevel=4,
        )
