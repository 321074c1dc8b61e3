"""Loader of the CirCor DigiScope phonocardiogram dataset."""

from __future__ import annotations

import os
import re
import warnings

import numpy as np

from ._descr import CIRCOR, CIRCOR_URL
from ._files import (
    as_bunch,
    audio_by_stem,
    check_choice,
    existing_folder,
    missing_recordings,
    subfolders,
)
from ._published_splits import read_circor_split

_LABELS = {"murmur": ["Absent", "Present", "Unknown"], "outcome": ["Abnormal", "Normal"]}
_STATES = ["unannotated", "S1", "systole", "S2", "diastole"]  # by published code, 0 to 4
_EXPECTED = (
    "the folder that holds training_data.csv and training_data/ (CirCor 1.0.3 as published), "
    "or training_data itself"
)
_FETCH = (
    "Fetch it with skheart.datasets.fetch_circor(FOLDER), or "
    "`skheart fetch circor FOLDER` on the command line; "
    f"it comes from {CIRCOR_URL}"
)
_LISTS = (
    "The published lists are app/circor/datalist_stratified_data1.csv, ...2.csv and ...3.csv of "
    "https://github.com/nttcslab/m2d"
)


def load_circor(folder, *, target="murmur", split=None, return_X_y=False):
    """Load the CirCor DigiScope phonocardiogram dataset from its published folder.

    Recordings are listed, not decoded: pass `paths` to :class:`skheart.LogMelTransformer`.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``training_data.csv`` and ``training_data/``, or ``training_data``
        itself, or a folder with one such folder in it. Next to each ``.hea``, the recording may be
        WAV as published, FLAC or Ogg.
    target : {"murmur", "outcome"}, default="murmur"
        The label: murmur "Present", "Absent" or "Unknown", or outcome "Normal" or "Abnormal". Both
        are labels of the patient, repeated for each recording.
    split : str or path-like, default=None
        A list of files that says which patients are for training, validation and test, as
        Niizumi et al. [2]_ published three of: ``app/circor/datalist_stratified_data1.csv``
        (2, 3) in their repository, which you fetch yourself. The data set itself comes without a
        split: its test set is not public.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        paths, data : list of str
            The recordings, sorted by patient as in the table.
        target : ndarray of str, shape (n_recordings,)
        target_names : list of str
            The possible labels, sorted as in ``classes_``.
        groups : ndarray of str, shape (n_recordings,)
            The person: the smallest of the numbers that `Additional ID` says are one person, the
            same one whether or not the folder holds the person's other number.
        site : ndarray of str, shape (n_recordings,)
            AV, PV, TV, MV or Phc.
        frame : DataFrame
            One row per recording: `path`, `label`, `subject` (as `groups`), `site`, `recording`,
            and the columns of the published table as `patient_id`, `age`, `sex`, `height` (cm),
            `weight` (kg), `pregnancy_status`, `murmur`, `murmur_locations`,
            `most_audible_location`, `systolic_murmur_grading`, ..., `outcome`, `campaign`,
            `additional_id`. NaN where nothing is known.
        partition : ndarray of str, shape (n_recordings,), or None
            "train", "validation" or "test" by `split` ("" for patients that it does not name),
            and a column of `frame`; None without `split`.
        segmentation : list of DataFrame or None
            For each recording `start` and `end` (s) and `state` ("S1", "systole", "S2",
            "diastole" or "unannotated"), as published; None where there is none.
        sr : int
            The published sampling rate, 4000 Hz.
        DESCR : str
            What the data are, their licence, whom to cite, and their traps.

    Raises
    ------
    FileNotFoundError
        There is no such folder, table or list, or a listed recording is missing.
    ValueError
        A label or a segmentation is not one of the published kinds, or nothing is there; or a
        patient is in two parts of `split`, or none is in any.

    Warns
    -----
    UserWarning
        `split` puts the two numbers of one person into two parts, or leaves patients out.

    See Also
    --------
    fetch_circor : Download the data first.

    References
    ----------
    .. [1] J. Oliveira et al., "The CirCor DigiScope Dataset: From Murmur Detection to Murmur
       Classification", IEEE J. Biomed. Health Inform. 26(6), 2022.
    .. [2] D. Niizumi et al., "Exploring Pre-trained General-purpose Audio Representations for
       Heart Murmur Detection", IEEE EMBC, 2024. Lists: https://github.com/nttcslab/m2d

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_circor
    >>> tmp = tempfile.TemporaryDirectory()
    >>> root = Path(tmp.name)
    >>> _ = (root / "training_data.csv").write_text(
    ...     "Patient ID,Age,Murmur,Outcome,Additional ID\\n"
    ...     "101,Child,Present,Abnormal,nan\\n"
    ...     "205,Child,Absent,Normal,103\\n")
    >>> (root / "training_data").mkdir()
    >>> for name in ["101_AV.wav", "101_MV.wav", "205_PV.wav"]:
    ...     (root / "training_data" / name).touch()
    >>> circor = load_circor(root)
    >>> circor.target.tolist(), circor.groups.tolist(), circor.site.tolist()
    (['Present', 'Present', 'Absent'], ['101', '101', '103'], ['AV', 'MV', 'PV'])
    >>> tmp.cleanup()
    """
    check_choice("target", target, tuple(_LABELS))
    table, audio = _locate(existing_folder(folder, expected=_EXPECTED, fetch=_FETCH))
    patients, listed = _read_patients(table, audio)
    paths, stems, rows = _match(patients["patient_id"], listed, table, audio)
    _check_labels(patients, target, table)

    frame = patients.iloc[rows].reset_index(drop=True)
    site = np.array([stem.split("_")[1] for stem in stems])
    for at, (name, values) in enumerate(
        {
            "path": paths,
            "label": frame[target],
            "subject": frame.pop("subject"),
            "site": site,
            "recording": stems,
        }.items()
    ):
        frame.insert(at, name, values)
    if split is not None:
        frame["partition"] = read_circor_split(
            split, frame["patient_id"], frame["subject"], where=_LISTS
        )
    if return_X_y:
        return paths, frame["label"].to_numpy(dtype=str)
    return as_bunch(
        paths,
        frame["label"].to_numpy(dtype=str),
        return_X_y=False,
        target_names=list(_LABELS[target]),
        groups=frame["subject"].to_numpy(dtype=str),
        site=site,
        partition=None if split is None else frame["partition"].to_numpy(dtype=str),
        frame=frame,
        segmentation=_read_segmentations(audio, stems),
        sr=4000,
        DESCR=CIRCOR,
    )


def _locate(root):
    """The table and the folder of recordings of a CirCor folder."""
    bases = [root]
    if root.name == "training_data":
        bases.append(root.parent)
    here = [base for base in bases if (base / "training_data.csv").is_file()][:1]
    here = here or [d for d in subfolders(root) if (d / "training_data.csv").is_file()]
    if not here:
        raise FileNotFoundError(f"{root}: no training_data.csv. Expected {_EXPECTED}. {_FETCH}")
    if len(here) > 1:
        names = ", ".join(d.name for d in here)
        raise ValueError(f"{root} holds several copies of the data ({names}): name one of them.")
    audio = here[0]
    # Some unpacked archives hold training_data/training_data.
    while (audio / "training_data").is_dir():
        audio = audio / "training_data"
    return here[0] / "training_data.csv", audio


def _read_patients(table, audio):
    """The table of patients, typed, with `subject`; and the recordings that each lists or None."""
    import pandas as pd

    patients = pd.read_csv(table, dtype=str, encoding="utf-8-sig").apply(_strip)
    patients.columns = [_snake(name) for name in patients.columns]
    for name in ("patient_id", "murmur"):
        if name not in patients:
            raise ValueError(
                f"{table}: no column for {name}; it has {', '.join(patients.columns)}. {_FETCH}"
            )
    if patients.empty:
        raise ValueError(f"{table}: the table has no row. {_FETCH}")
    patients["patient_id"] = patients["patient_id"].map(_plain_id)
    texts = [_read_text(audio / f"{pid}.txt") for pid in patients["patient_id"]]
    if "outcome" not in patients:
        # Some copies of the table lack this column; the file of each patient has it.
        patients["outcome"] = [fields.get("Outcome") for _, fields in texts]
    for name in ("height", "weight"):
        if name in patients:
            patients[name] = pd.to_numeric(patients[name]).astype(float)
    if "pregnancy_status" in patients:
        patients["pregnancy_status"] = patients["pregnancy_status"].map(
            {"True": True, "False": False}
        )
    if "additional_id" not in patients:
        patients["additional_id"] = np.nan
    patients["additional_id"] = patients["additional_id"].map(_plain_id, na_action="ignore")
    same = dict(patients[["patient_id", "additional_id"]].dropna().itertuples(index=False))
    patients["subject"] = _merge(patients["patient_id"], same)
    return patients, [listed for listed, _ in texts]


def _read_text(path):
    """The recordings and the fields of the file of one patient; None and {} without the file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None, {}
    fields = dict(line[1:].split(": ", 1) for line in lines if re.match("#.+: ", line))
    listed = [
        os.path.splitext(line.split()[2])[0]
        for line in lines[1:]
        if not line.startswith("#") and len(line.split()) >= 3
    ]
    return listed, fields


def _match(patient_ids, listed, table, audio):
    """Path, stem and row of the table of every recording."""
    available = audio_by_stem(audio)
    of_patient = {}
    for stem in available:
        of_patient.setdefault(stem.split("_")[0], []).append(stem)
    paths, stems, rows, missing = [], [], [], []
    for row, (pid, names) in enumerate(zip(patient_ids, listed, strict=True)):
        for stem in of_patient.get(pid, []) if names is None else names:
            if stem in available and "_" in stem:
                paths.append(available[stem])
                stems.append(stem)
                rows.append(row)
            else:
                missing.append(f"{stem} ({pid}.txt)")
    if missing:
        raise missing_recordings(
            missing, listed_in="the files of the patients", folder=audio, fetch=_FETCH
        )
    if not paths:
        raise ValueError(f"{audio}: no recording of the patients in {table.name}. {_FETCH}")
    strangers = sorted(set(of_patient) - set(patient_ids))
    if strangers:
        warnings.warn(
            f"{audio}: {sum(len(of_patient[s]) for s in strangers)} recording(s) are of "
            f"{len(strangers)} patient(s) that {table.name} does not list (first: "
            f"{strangers[0]}); they are left out.",
            UserWarning,
            stacklevel=3,
        )
    return paths, stems, rows


def _check_labels(patients, target, table):
    wrong = patients[~patients[target].isin(_LABELS[target])]
    if len(wrong):
        first = wrong.iloc[0]
        raise ValueError(
            f"{table}: patient {first['patient_id']} has {target} {first[target]!r}; it must be "
            f"one of {', '.join(_LABELS[target])} ({len(wrong)} such row(s))."
        )


def _read_segmentations(audio, stems):
    import pandas as pd

    names = set(os.listdir(audio))
    states = pd.CategoricalDtype(_STATES)
    return [
        _read_segmentation(os.path.join(audio, f"{stem}.tsv"), states)
        if f"{stem}.tsv" in names
        else None
        for stem in stems
    ]


def _read_segmentation(path, states):
    import pandas as pd

    with open(path, "rb") as stream:
        cells = stream.read().split()
    try:
        start, end, code = np.array(cells, dtype=float).reshape(-1, 3).T
        codes = code.astype(np.int8)
        if (codes != code).any() or (codes < 0).any() or (codes >= len(_STATES)).any():
            raise ValueError("a state is not one of 0, 1, 2, 3, 4")
    except ValueError as error:
        raise ValueError(
            f"{path}: not a segmentation (lines of start, end and state): {error}"
        ) from error
    return pd.DataFrame(
        {"start": start, "end": end, "state": pd.Categorical.from_codes(codes, dtype=states)},
        copy=False,
    )


def _merge(ids, same):
    """For each id the smallest of those that `same` links it to, directly or not."""
    parent = {}

    def root(name):
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for a, b in same.items():
        # The smaller number becomes the root, so that it is the same from either side.
        low, high = sorted((root(a), root(b)), key=lambda name: (len(name), name))
        parent[high] = low
    return [root(name) for name in ids]


def _strip(column):
    return column.str.strip()


def _plain_id(text):
    """``"50379.0"`` and ``"50379"`` are one number."""
    return text[:-2] if text.endswith(".0") else text


def _snake(name):
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
