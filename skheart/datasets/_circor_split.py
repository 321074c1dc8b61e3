"""Read published lists that assign the patients of CirCor to training, validation and test."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from ._read_table import read_text

_PARTITIONS = {"train_data": "train", "vali_data": "validation", "test_data": "test"}
_ENTRY = re.compile(rf"({'|'.join(_PARTITIONS)})/(\d+)[_.]")
_SOURCE = (
    "The published lists are app/circor/datalist_stratified_data1.csv, ...2.csv and ...3.csv of "
    "https://github.com/nttcslab/m2d"
)


def read_circor_split(path, patient_ids, subjects):
    """Return the partition of each recording from a list in the layout of Niizumi et al.

    `path` is a text file with one recording per line, in a folder ``train_data``, ``vali_data`` or
    ``test_data``, whose name begins with the patient number. `patient_ids` and `subjects` are
    Series. The result is "train", "validation", "test", or "" for patients that are not listed.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such split list. {_SOURCE}")
    partition_of, line_of = {}, {}
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        for folder, patient in _ENTRY.findall(text):
            name = _PARTITIONS[folder]
            line_of.setdefault(patient, line)
            if partition_of.setdefault(patient, name) != name:
                raise ValueError(
                    f"{path}, lines {line_of[patient]} and {line}: patient {patient} is both in "
                    f"{partition_of[patient]} and in {name}. A patient must be in one partition."
                )
    partition = patient_ids.map(partition_of)
    if partition.isna().all():
        raise ValueError(
            f"{path} names none of the patients. It must list files such as "
            f"train_data/9979_AV.wav. {_SOURCE}"
        )
    _warn_about_gaps(path, partition, subjects)
    return partition.fillna("").to_numpy(dtype=str)


def _warn_about_gaps(path, partition, subjects):
    n_partitions = partition.groupby(subjects).nunique()
    torn = n_partitions.index[n_partitions > 1]
    if len(torn):
        warnings.warn(
            f"{path} puts {len(torn)} person(s) with two patient numbers into two partitions "
            f"(first: {torn[0]}), so a score on its test partition is slightly optimistic. To "
            f"avoid that, leave them out of training.",
            UserWarning,
            stacklevel=5,
        )
    n_unnamed = int(partition.isna().sum())
    if n_unnamed:
        warnings.warn(
            f"{path} does not name the patients of {n_unnamed} of {len(partition)} recordings; "
            f"their partition is the empty string.",
            UserWarning,
            stacklevel=5,
        )
