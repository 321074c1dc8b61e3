"""Loader of the PhysioNet/Computing in Cardiology Challenge 2016."""

from __future__ import annotations

import os
import re
import warnings

import numpy as np

from .._utils.suggest import check_choice
from ._descr import PHYSIONET2016, PHYSIONET2016_URL
from ._files import (
    LeakageWarning,
    as_bunch,
    check_folder,
    find_recordings,
    list_subfolders,
    missing_recordings_error,
)
from ._read_table import read_table
from ._skipped import warn_about_unlisted
from ._table_checks import NA_VALUES, as_numbers, check_consistent, drop_repeated

_DATABASES = tuple("abcdef")
_EXPECTED = (
    "the folder that holds training-a/ to training-f/ (challenge-2016 1.0.0 as published), or "
    "training/ with them in it"
)
_REMEDY = (
    "Download it with skheart.datasets.fetch_physionet2016(FOLDER), or "
    "`skheart fetch physionet2016 FOLDER` on the command line; "
    f"it comes from {PHYSIONET2016_URL}"
)
_APPENDIX = re.compile(r"online.appendix.training.set\.csv", re.IGNORECASE)
# Columns of the published appendix, by the start of their heading.
_APPENDIX_COLUMNS = {
    "challenge record name": "recording",
    "original record name": "original_record_name",
    "diagnosis": "diagnosis",
    "gender": "sex",
    "age": "age",
    "height": "height_m",
    "weight": "weight",
    "smoker": "smoker",
    "subject id": "subject_id",
    "# raw record": "raw_record",
    "transducer site": "site",
    "recording state": "recording_state",
}


def load_physionet2016(folder, *, databases=None, subset="training", return_X_y=False):
    """Load the recordings of the PhysioNet/CinC Challenge 2016 [1]_ from their published folder.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``training-a/`` to ``training-f/``, one of them, or a folder around
        them. Recordings may be WAV as published, FLAC or Ogg.
    databases : None, or list of {"a", "b", "c", "d", "e", "f"}, default=None
        Which databases to load. None loads all that exist.
    subset : {"training", "validation"}, default="training"
        "validation" loads the published copy of some training recordings. It is not a test set for
        a model trained on "training"; to hold it out, leave out the training rows with
        ``frame["in_validation"]`` and the other recordings of their subjects.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, where `target` is int64 (-1 normal, 1
        abnormal); and `database`, ndarray of str, shape (n_recordings,). `groups` are the `group`
        of a table ``subjects.csv`` (columns `path` and `group`) beside the databases, else derived
        from ``annotations/Online_Appendix_training_set.csv``, else the recording. `frame` has also
        `subject_known`, `sqi` (1 good, 0 doubtful), `in_validation` and columns of the appendix
        (`site`, ...).

    Raises
    ------
    FileNotFoundError
        If the folder, a database, a ``REFERENCE.csv`` or a listed recording is missing.
    ValueError
        If a label is not -1 or 1, a record is listed with two labels, or a parameter is invalid.
        A record that is listed twice with one label counts once, with a warning.

    References
    ----------
    .. [1] C. Liu et al., "An open access database for the evaluation of heart sound algorithms",
       Physiol. Meas. 37(12), 2016.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_physionet2016
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "training-a").mkdir()
    ...     _ = Path(folder, "training-a", "REFERENCE.csv").write_text("a0001,1\\n")
    ...     Path(folder, "training-a", "a0001.wav").touch()
    ...     _ = Path(folder, "subjects.csv").write_text("path,group\\na0001.wav,p7\\n")
    ...     load_physionet2016(folder).groups
    array(['p7'], dtype='<U2')
    """
    check_choice("subset", subset, ("training", "validation"))
    wanted = check_databases(databases)
    root = check_folder(folder, expected=_EXPECTED, remedy=_REMEDY)
    return _load(_locate(root, subset, wanted), subset, wanted, return_X_y)


def _load(folders, subset, wanted, return_X_y):
    frame = _read_references(folders, wanted)
    bases = _bases_of(folders[0])
    if subset == "validation":
        warnings.warn(
            f"{folders[0]} is a copy of training recordings, not a test set for a model trained on "
            f"training-a to training-f. To hold it out, see in_validation in the frame of the "
            f"training recordings.",
            UserWarning,
            stacklevel=3,
        )
    else:
        _mark_copies(frame, bases)
    _add_subjects(frame, bases)
    return as_bunch(
        frame,
        frame["label"].to_numpy(),
        return_X_y=return_X_y,
        target_names=["normal", "abnormal"],
        groups=frame["subject"].to_numpy(dtype=str),
        database=frame["database"].to_numpy(dtype=str),
        sr=2000,
        DESCR=PHYSIONET2016,
    )


def check_databases(databases):
    """Return the letters of the databases, or None for all."""
    if databases is None:
        return None
    letters = [str(d).removeprefix("training-") for d in databases]
    if not letters or not set(letters) <= set(_DATABASES):
        raise ValueError(
            f"databases must be None or a list of {', '.join(map(repr, _DATABASES))}. "
            f"Got {databases!r} instead."
        )
    return sorted(set(letters))


def _locate(root, subset, wanted):
    """Return the folders with a REFERENCE.csv to read, sorted."""
    if subset == "validation":
        bases = [root, *list_subfolders(root)]
        if root.name == "validation":
            bases = [root.absolute().parent]
        folders = [base / "validation" for base in bases if (base / "validation").is_dir()][:1]
        if not folders:
            raise FileNotFoundError(f"{root}: no validation/ in this folder. {_REMEDY}")
        return folders
    if re.fullmatch("training-[a-f]", root.name):
        folders = [root]
    else:
        bases = [root, *list_subfolders(root), *(d / "training" for d in list_subfolders(root))]
        found = [base for base in bases if any(base.glob("training-[a-f]"))]
        if not found:
            raise FileNotFoundError(
                f"{root}: no training-a/ to training-f/. Expected {_EXPECTED}. {_REMEDY}"
            )
        folders = [d for d in list_subfolders(found[0]) if re.fullmatch("training-[a-f]", d.name)]
    absent = sorted(set(wanted or ()) - {d.name[-1] for d in folders})
    if absent:
        raise FileNotFoundError(
            f"{root}: databases asks for training-{absent[0]}, and there is no such folder; "
            f"there are {', '.join(d.name for d in folders)}. {_REMEDY}"
        )
    return [d for d in folders if wanted is None or d.name[-1] in wanted]


def _bases_of(folder):
    """Return where tables of subjects may lie for a database folder, nearest first."""
    base = folder.absolute().parent
    return [base, base.parent] if base.name == "training" else [base]


def _read_references(folders, wanted):
    """Return one row per recording: path, label, database, recording, sqi."""
    import pandas as pd

    frame = pd.concat([_read_reference(folder) for folder in folders], ignore_index=True)
    if wanted is not None:
        frame = frame[frame["database"].str[-1].isin(wanted)].reset_index(drop=True)
    if frame.empty:
        names = ", ".join(map(str, folders))
        raise ValueError(f"{names}: REFERENCE.csv lists no recording. {_REMEDY}")
    return frame


def _read_reference(folder):
    import pandas as pd

    table = folder / "REFERENCE.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder}: no REFERENCE.csv, which gives the labels. {_REMEDY}")
    rows = _read_rows(table, ["record", "label"])
    wrong = rows.index[~rows["label"].isin(["-1", "1"])]
    if len(wrong):
        cells = ",".join(filter(None, rows.loc[wrong[0]]))
        raise ValueError(
            f"{table}, line {wrong[0]}: {cells!r} is not a record name and a label "
            f"-1 (normal) or 1 (abnormal)."
        )
    rows = drop_repeated(table, rows, "record", ["label"], stacklevel=6)
    names = rows["record"].tolist()
    found = find_recordings(folder)
    missing = [name for name in names if name not in found]
    if missing:
        raise missing_recordings_error(
            missing, listed_in="REFERENCE.csv", folder=folder, remedy=_REMEDY
        )
    warn_about_unlisted(folder, found, names, table.name, stacklevel=6)
    sqi = folder / "REFERENCE-SQI.csv"
    quality = _read_rows(sqi, ["record", "label", "sqi"])
    check_consistent(sqi, quality, "record", ["sqi"])
    quality = dict(zip(quality["record"], as_numbers(sqi, quality["sqi"], "sqi"), strict=True))
    of_copies = folder.name == "validation"
    return pd.DataFrame(
        {
            "path": [found[name] for name in names],
            "label": rows["label"].to_numpy().astype(np.int64),
            "database": [f"training-{name[0]}" if of_copies else folder.name for name in names],
            "recording": names,
            "sqi": [quality.get(name, np.nan) for name in names],
        }
    )


def _read_rows(table, columns):
    """Return a table without heading, by line number; no rows if it does not exist."""
    import pandas as pd

    if not table.is_file():
        return pd.DataFrame(columns=columns, dtype=str)
    return read_table(table, columns=columns, heading=False)


def _mark_copies(frame, bases):
    """Add `in_validation`: whether validation/ has a copy of the recording, if it exists."""
    tables = [_read_rows(base / "validation" / "REFERENCE.csv", ["record"]) for base in bases]
    copies = next((table for table in tables if len(table)), None)
    if copies is not None:
        frame["in_validation"] = frame["recording"].isin(copies["record"])


def _add_subjects(frame, bases):
    """Add `subject`, `subject_known` and what tables tell of the recordings, in place."""
    known = {}
    appendix = _read_appendix(bases)
    if appendix is not None:
        known = appendix.pop("group").dropna().to_dict()
        for name in appendix:
            frame[name] = frame["recording"].map(appendix[name])
    subjects = _read_subjects(bases)
    if subjects is not None:
        known |= subjects["group"].to_dict()
        if "sqi" in subjects:
            frame["sqi"] = frame["sqi"].fillna(frame["recording"].map(subjects["sqi"]))
    frame.insert(2, "subject", [known.get(name, name) for name in frame["recording"]])
    frame.insert(5, "subject_known", frame["recording"].isin(known))
    n_unknown = int((~frame["subject_known"]).sum())
    if n_unknown:
        warnings.warn(
            f"The subjects of {n_unknown} of {len(frame)} recordings are unknown; each of these "
            f"recordings is its own group. Recordings of a subject may thus be on both sides of a "
            f"split, and scores too optimistic. To name the subjects, put a subjects.csv (columns "
            f"path and group) or the published annotations/Online_Appendix_training_set.csv into "
            f"{bases[0]}.",
            LeakageWarning,
            stacklevel=4,
        )


def _read_subjects(bases):
    """Return the table subjects.csv by record name, or None without it.

    A group that is missing, as in "NA", leaves the subject of the recording unknown.
    """
    path = next(
        (base / "subjects.csv" for base in bases if (base / "subjects.csv").is_file()), None
    )
    if path is None:
        return None
    table = read_table(path, columns={"path": "path", "group": "group"}, can_rename=False)
    table = table.where(~table.isin(["", *NA_VALUES])).dropna(subset=["path", "group"])
    table = table.assign(record=[os.path.splitext(os.path.basename(p))[0] for p in table["path"]])
    if "sqi" in table:
        table["sqi"] = as_numbers(path, table["sqi"].fillna(""), "sqi")
    check_consistent(path, table, "record", ["group"])
    return table.drop_duplicates("record").set_index("record")


def _read_appendix(bases):
    """Return the published appendix by record name, with `group`, or None without it."""
    import pandas as pd

    folders = [base / name for base in bases for name in ("annotations", ".")]
    paths = [p for folder in folders if folder.is_dir() for p in sorted(folder.iterdir())]
    path = next((p for p in paths if _APPENDIX.fullmatch(p.name)), None)
    if path is None:
        return None
    table = read_table(path, columns={}, lenient=True)
    renamed = {}
    for heading in table.columns:
        for start, name in _APPENDIX_COLUMNS.items():
            if heading.lower().strip().startswith(start) and name not in renamed.values():
                renamed[heading] = name
    table = table[list(renamed)].rename(columns=renamed)
    if "recording" not in table:
        raise ValueError(f"{path}: no column 'Challenge record name'.")
    table = table.where(~table.isin(["", *NA_VALUES]))
    for name in table.columns.intersection(["age", "height_m", "weight"]):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    table = table.dropna(subset=["recording"])
    check_consistent(path, table, "recording", ["subject_id"] if "subject_id" in table else [])
    table = table.drop_duplicates("recording").set_index("recording")
    table["group"] = [_derive_group(str(name), row) for name, row in table.iterrows()]
    return table


def _derive_group(name, row):
    """Return the group of a record by its row of the appendix, or NaN.

    Only training-b has published subjects. The others are an interpretation: recordings of
    training-a and training-c whose original names begin with the same code (C45..., id17...) are of
    one subject, as are those of training-e with the same diagnosis and raw recording.
    """
    database = name[0]
    given = {key: value for key, value in row.items() if isinstance(value, str)}
    if "subject_id" in given:
        return f"{database}-S{given['subject_id']}"
    code = re.match(r"(C|id)\d+", given.get("original_record_name", ""))
    if database in "ac" and code:
        return f"{database}-{code.group()}"
    if database == "e" and "raw_record" in given:
        return f"e-{given.get('diagnosis', '')}-raw{given['raw_record']}"
    return np.nan
