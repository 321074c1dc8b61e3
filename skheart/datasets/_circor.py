"""Loader of the CirCor DigiScope phonocardiogram dataset."""

from __future__ import annotations

import os
import re

from .._utils.suggest import check_choice
from ._circor_split import read_circor_split
from ._descr import CIRCOR, CIRCOR_URL
from ._files import (
    as_bunch,
    check_folder,
    find_recordings,
    list_subfolders,
    missing_recordings_error,
)
from ._read_table import read_table, read_text
from ._segmentation import read_segmentations
from ._skipped import warn_about_unlisted
from ._table_checks import NA_VALUES, as_numbers, check_filled, drop_repeated

_LABELS = {"murmur": ["Absent", "Present", "Unknown"], "outcome": ["Abnormal", "Normal"]}
_EXPECTED = (
    "the folder that holds training_data.csv and training_data/ (CirCor 1.0.3 as published), "
    "or training_data itself"
)
_REMEDY = (
    "Download it with skheart.datasets.fetch_circor(FOLDER), or "
    "`skheart fetch circor FOLDER` on the command line; "
    f"it comes from {CIRCOR_URL}"
)


def load_circor(folder, *, target="murmur", split=None, return_X_y=False):
    """Load the CirCor DigiScope phonocardiogram dataset [1]_ from its published folder.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``training_data.csv`` and ``training_data/``, ``training_data``
        itself, or a folder around it. Recordings may be WAV as published, FLAC or Ogg.
    target : {"murmur", "outcome"}, default="murmur"
        Label of the patient, repeated for each recording: murmur "Present", "Absent" or "Unknown",
        or outcome "Normal" or "Abnormal".
    split : str or path-like, default=None
        File that assigns patients to training, validation and test, such as the lists of [2]_.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, and of shape (n_recordings,) `site` ("AV",
        "PV", "TV", "MV" or "Phc") and `partition` ("train", "validation" or "test" by `split`, ""
        for patients it does not name; None without `split`). `groups` is the smallest number of a
        person with several. `frame` has `subject`, `patient` (the patient number), `visit` (the
        campaign), `site`, and the columns of the published table in snake case (`patient_id`,
        `age`, `height` in cm, `weight` in kg, ...); "nan" and similar words in it are missing
        values. A segment can also have the state "unannotated".

    Raises
    ------
    FileNotFoundError
        If the folder, its table, `split` or a listed recording is missing.
    ValueError
        If a label, number or segmentation is invalid, a patient is listed twice with different
        values, no recording is found, or `split` does not fit. Rows that are equal count once,
        with a warning.

    References
    ----------
    .. [1] J. Oliveira et al., "The CirCor DigiScope Dataset", IEEE J. Biomed. Health Inform., 2022.
    .. [2] D. Niizumi et al., "Exploring Pre-trained General-purpose Audio Representations for
       Heart Murmur Detection", IEEE EMBC, 2024. https://github.com/nttcslab/m2d

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_circor
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "training_data.csv").write_text("Patient ID,Murmur\\n101,Present\\n")
    ...     Path(folder, "training_data").mkdir()
    ...     Path(folder, "training_data", "101_AV.wav").touch()
    ...     load_circor(folder).target
    array(['Present'], dtype='<U7')
    """
    check_choice("target", target, tuple(_LABELS))
    table, audio = _locate(check_folder(folder, expected=_EXPECTED, remedy=_REMEDY))
    return _load(table, audio, target, split, return_X_y)


def _load(table, audio, target, split, return_X_y):
    patients, listed = _read_patients(table, audio)
    paths, stems, rows = _match_recordings(patients["patient_id"], listed, table, audio)
    _check_labels(patients, target, table)
    frame = patients.iloc[rows].reset_index(drop=True)
    frame.insert(0, "path", paths)
    frame.insert(1, "label", frame[target])
    frame.insert(2, "subject", frame.pop("subject"))
    frame.insert(3, "patient", frame["patient_id"])
    if "campaign" in frame:
        frame.insert(4, "visit", frame["campaign"])
    at = 4 + ("visit" in frame)
    frame.insert(at, "site", [stem.split("_")[1] for stem in stems])
    frame.insert(at + 1, "recording", stems)
    partition = None
    if split is not None:
        partition = read_circor_split(split, frame["patient_id"], frame["subject"])
        frame["partition"] = partition
    return as_bunch(
        frame,
        frame["label"].to_numpy(dtype=str),
        return_X_y=return_X_y,
        target_names=list(_LABELS[target]),
        groups=frame["subject"].to_numpy(dtype=str),
        site=frame["site"].to_numpy(dtype=str),
        partition=partition,
        segmentation=None if return_X_y else read_segmentations(audio, stems),
        sr=4000,
        DESCR=CIRCOR,
    )


def _locate(root):
    """Return the table and the folder of recordings of a CirCor folder."""
    bases = [root, root.parent] if root.name == "training_data" else [root]
    here = [base for base in bases if (base / "training_data.csv").is_file()][:1]
    here = here or [d for d in list_subfolders(root) if (d / "training_data.csv").is_file()]
    if not here:
        raise FileNotFoundError(f"{root}: no training_data.csv. Expected {_EXPECTED}. {_REMEDY}")
    if len(here) > 1:
        names = ", ".join(d.name for d in here)
        raise ValueError(f"{root} holds several copies of the data ({names}). Name one of them.")
    audio = here[0]
    # Some unpacked archives hold training_data/training_data.
    while (audio / "training_data").is_dir():
        audio = audio / "training_data"
    return here[0] / "training_data.csv", audio


def _read_patients(table, audio):
    """Return the table of patients with `subject`, and the recordings that each lists, or None."""
    patients, headings = _read_cells(table)
    for name in ("patient_id", "additional_id"):
        patients[name] = patients[name].str.removesuffix(".0")
    columns = [name for name in patients if name != "patient_id"]
    patients = drop_repeated(table, patients, "patient_id", columns, stacklevel=4)
    texts = [_read_patient_file(audio / f"{name}.txt") for name in patients["patient_id"]]
    if "outcome" not in patients:
        # Some copies of the table lack this column; the file of each patient has it.
        patients["outcome"] = [fields.get("Outcome") for _, fields in texts]
    for name in patients.columns.intersection(["height", "weight"]):
        patients[name] = as_numbers(table, patients[name].fillna(""), headings[name])
    for name in patients.columns.intersection(["pregnancy_status"]):
        patients[name] = patients[name].str.lower().map({"true": True, "false": False})
    linked = patients[["patient_id", "additional_id"]].dropna().itertuples(index=False)
    patients["subject"] = _merge_ids(patients["patient_id"], linked)
    return patients, [listed for listed, _ in texts]


def _read_cells(table):
    """Return the cells by line, NaN where missing, and the headings by column in snake case."""
    import pandas as pd

    patients = read_table(table, columns={})
    names = [re.sub("[^a-z0-9]+", "_", c.lower()).strip("_") for c in patients.columns]
    for name in ("patient_id", "murmur"):
        if names.count(name) != 1:
            raise ValueError(
                f"{table}: {'no column' if name not in names else 'several columns'} for {name}; "
                f"it has {', '.join(names)}. {_REMEDY}"
            )
    check_filled(table, patients.iloc[:, names.index("patient_id")], "patient", NA_VALUES)
    headings = dict(zip(names, patients.columns, strict=True))
    patients = patients[list(headings.values())].set_axis(list(headings), axis=1)
    patients = patients.where(~patients.isin(["", *NA_VALUES]))
    if "additional_id" not in patients:
        patients["additional_id"] = pd.Series(dtype=str)
    return patients, headings


def _read_patient_file(path):
    """Return the recordings and fields of a patient's file, or (None, {}) without the file."""
    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError:
        return None, {}
    fields = dict(line[1:].split(": ", 1) for line in lines if re.match("#.+: ", line))
    listed = [
        os.path.splitext(line.split()[2])[0]
        for line in lines[1:]
        if not line.startswith("#") and len(line.split()) >= 3
    ]
    return listed, fields


def _match_recordings(patient_ids, listed, table, audio):
    """Return path, stem and table row of every recording."""
    available = find_recordings(audio)
    of_patient = {}
    for stem in available:
        of_patient.setdefault(stem.split("_")[0], []).append(stem)
    paths, stems, rows, missing = [], [], [], []
    for row, (patient, names) in enumerate(zip(patient_ids, listed, strict=True)):
        for stem in of_patient.get(patient, []) if names is None else names:
            if stem in available and "_" in stem:
                paths.append(available[stem])
                stems.append(stem)
                rows.append(row)
            else:
                missing.append(f"{stem} ({patient}.txt)")
    if missing:
        raise missing_recordings_error(
            missing, listed_in="the patients' files", folder=audio, remedy=_REMEDY
        )
    if not paths:
        raise ValueError(f"{audio}: no recording of the patients in {table.name}. {_REMEDY}")
    listed_in = f"{table.name} or the files of its patients"
    warn_about_unlisted(audio, available, stems, listed_in, stacklevel=4)
    return paths, stems, rows


def _check_labels(patients, target, table):
    wrong = patients[~patients[target].isin(_LABELS[target])]
    if len(wrong):
        first = wrong.iloc[0]
        raise ValueError(
            f"{table}, line {wrong.index[0]}: patient {first['patient_id']} has {target} "
            f"{first[target]!r}; it must be one of {', '.join(_LABELS[target])} ({len(wrong)} such "
            f"row(s))."
        )


def _merge_ids(ids, linked):
    """Return for each id the smallest id that the pairs `linked` connect it to."""
    parent = {}

    def find_root(name):
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for pair in linked:
        # The smaller number becomes the root, whichever of the two lists the other.
        low, high = sorted(map(find_root, pair), key=lambda name: (len(name), name))
        parent[high] = low
    return [find_root(name) for name in ids]
