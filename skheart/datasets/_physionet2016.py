"""Loader of the PhysioNet/Computing in Cardiology Challenge 2016."""

from __future__ import annotations

import os
import re
import warnings

import numpy as np

from ._descr import PHYSIONET2016, PHYSIONET2016_URL
from ._files import (
    as_bunch,
    audio_by_stem,
    check_choice,
    existing_folder,
    missing_recordings,
    subfolders,
)

_DATABASES = tuple("abcdef")
_EXPECTED = (
    "the folder that holds training-a/ to training-f/ (challenge-2016 1.0.0 as published), or "
    "training/ with them in it"
)
_FETCH = (
    "Fetch it with skheart.datasets.fetch_physionet2016(FOLDER), or "
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
    """Load the recordings of the PhysioNet/CinC Challenge 2016 from their published folder.

    Recordings are listed, not decoded: pass `paths` to :class:`skheart.LogMelTransformer`.

    Parameters
    ----------
    folder : str or path-like
        The folder that holds ``training-a/`` ... ``training-f/``, or ``training/`` with them in
        it, or that ``training/``, or one database, or a folder with one such folder in it.
        Recordings may be WAV as published, FLAC or Ogg.
    databases : None, or list of {"a", "b", "c", "d", "e", "f"}, default=None
        Which databases to read (``"training-a"`` is understood, too); None reads all that are
        there.
    subset : {"training", "validation"}, default="training"
        "validation" reads ``validation/`` instead, the published copy of some training
        recordings, and warns that it is one. It is never read otherwise, and is no test set for a
        model that was trained on "training". To hold it out, leave the rows out of training in
        which ``frame["in_validation"]`` is true, and the other recordings of their subjects.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        paths, data : list of str
            The recordings, in the order of each ``REFERENCE.csv``.
        target : ndarray of int, shape (n_recordings,)
            -1 normal, 1 abnormal.
        target_names : list of str
            ``["normal", "abnormal"]``, in the order of ``classes_``.
        groups : ndarray of str, shape (n_recordings,)
            What must stay on one side of a split: `group` of ``subjects.csv`` where such a table
            (columns `path` and `group`) lies beside the databases or beside ``training/``; else
            what the published appendix in ``annotations/`` tells (see Notes); else the recording
            itself.
        database : ndarray of str, shape (n_recordings,)
            "training-a" to "training-f". Report scores for each: rigs differ.
        frame : DataFrame
            One row per recording: `path`, `label`, `subject` (as `groups`), `database`,
            `recording`, `subject_known`; `sqi` (1 good, 0 doubtful; NaN if not published here);
            `in_validation`, if ``validation/`` is there: whether a copy of it lies in it;
            and, where the appendix is there, `diagnosis`, `sex`, `age` (years), `height_m`,
            `weight` (kg), `site`, and more.
        segmentation : list of None
            None is read.
        sr : int
            The published sampling rate, 2000 Hz.
        DESCR : str
            What the data are, their licence, whom to cite, and their traps.

    Raises
    ------
    FileNotFoundError
        There is no such folder, database or ``REFERENCE.csv``, or a listed recording is missing.
    ValueError
        A label is not -1 or 1, or a parameter is wrong.

    Warns
    -----
    UserWarning
        Subjects of some recordings are not known, so that they may be on both sides of a split;
        or ``subset="validation"`` was asked for, which is a copy.

    See Also
    --------
    fetch_physionet2016 : Download the data first.

    Notes
    -----
    The appendix gives subjects of training-b (`Subject ID`). Further groups are derived from it,
    and this is an interpretation: for training-a and training-c the leading code of `Original
    record name` (C45..., id17...), for training-e the diagnosis and the number of the raw
    recording (`# Raw record`) that several records were cut from. Databases d and f have no more
    than one record name each.

    References
    ----------
    .. [1] C. Liu et al., "An open access database for the evaluation of heart sound algorithms",
       Physiol. Meas. 37(12), 2016.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_physionet2016
    >>> tmp = tempfile.TemporaryDirectory()
    >>> database = Path(tmp.name, "training-a")
    >>> database.mkdir()
    >>> _ = (database / "REFERENCE.csv").write_text("a0001,1\\na0002,-1\\n")
    >>> for name in ["a0001.wav", "a0002.wav"]:
    ...     (database / name).touch()
    >>> _ = Path(tmp.name, "subjects.csv").write_text(
    ...     "path,group\\ntraining-a/a0001.wav,p7\\ntraining-a/a0002.wav,p7\\n")
    >>> sounds = load_physionet2016(tmp.name)
    >>> sounds.target.tolist(), sounds.groups.tolist(), sounds.database.tolist()
    ([1, -1], ['p7', 'p7'], ['training-a', 'training-a'])
    >>> tmp.cleanup()
    """
    check_choice("subset", subset, ("training", "validation"))
    wanted = wanted_databases(databases)
    root = existing_folder(folder, expected=_EXPECTED, fetch=_FETCH)
    folders = _locate(root, subset, wanted)
    frame = _read_references(folders, wanted)
    if subset == "validation":
        warnings.warn(
            f"{folders[0]} is a copy of training recordings: no test set for a model that was "
            f"trained on training-a to training-f. To hold it out, see in_validation in the frame "
            f"of the training recordings.",
            UserWarning,
            stacklevel=2,
        )
    else:
        _mark_copied(frame, _homes(folders[0]))
    _add_subjects(frame, _homes(folders[0]))
    if return_X_y:
        return list(frame["path"]), frame["label"].to_numpy()
    return as_bunch(
        list(frame["path"]),
        frame["label"].to_numpy(),
        return_X_y=False,
        target_names=["normal", "abnormal"],
        groups=frame["subject"].to_numpy(dtype=str),
        database=frame["database"].to_numpy(dtype=str),
        frame=frame,
        segmentation=[None] * len(frame),
        sr=2000,
        DESCR=PHYSIONET2016,
    )


def wanted_databases(databases):
    """The letters of the databases asked for, or None for all."""
    if databases is None:
        return None
    letters = [str(d).removeprefix("training-") for d in databases]
    wrong = [d for d, letter in zip(databases, letters, strict=True) if letter not in _DATABASES]
    if wrong or not letters:
        raise ValueError(
            f"`databases` must be None or a list of {', '.join(map(repr, _DATABASES))}. "
            f"Got {databases!r} instead."
        )
    return sorted(set(letters))


def _locate(root, subset, wanted):
    """The folders with a REFERENCE.csv to read, sorted."""
    if subset == "validation":
        bases = [root.absolute().parent] if root.name == "validation" else [root, *subfolders(root)]
        folders = [base / "validation" for base in bases if (base / "validation").is_dir()][:1]
        if not folders:
            raise FileNotFoundError(f"{root}: no validation/ in this folder. {_FETCH}")
        return folders
    if re.fullmatch("training-[a-f]", root.name):
        folders = [root]
    else:
        bases = [root, *subfolders(root), *(d / "training" for d in subfolders(root))]
        found = [base for base in bases if any(base.glob("training-[a-f]"))]
        if not found:
            raise FileNotFoundError(
                f"{root}: no training-a/ to training-f/. Expected {_EXPECTED}. {_FETCH}"
            )
        folders = [d for d in subfolders(found[0]) if re.fullmatch("training-[a-f]", d.name)]
    if wanted is None:
        return folders
    absent = sorted(set(wanted) - {d.name[-1] for d in folders})
    if absent:
        raise FileNotFoundError(
            f"{root}: `databases` asks for training-{absent[0]}, and there is no such folder; "
            f"there are {', '.join(d.name for d in folders)}. {_FETCH}"
        )
    return [d for d in folders if d.name[-1] in wanted]


def _homes(folder):
    """Where tables of subjects may lie for a database folder, nearest first."""
    base = folder.absolute().parent
    return [base, base.parent] if base.name == "training" else [base]


def _read_references(folders, wanted):
    """One row per recording of `folders`: path, label, database, recording, sqi."""
    import pandas as pd

    parts = [_read_reference(folder) for folder in folders]
    frame = pd.concat(parts, ignore_index=True)
    if wanted is not None:
        frame = frame[frame["database"].str[-1].isin(wanted)].reset_index(drop=True)
    if frame.empty:
        names = ", ".join(map(str, folders))
        raise ValueError(f"{names}: REFERENCE.csv lists no recording. {_FETCH}")
    return frame


def _read_reference(folder):
    import pandas as pd

    table = folder / "REFERENCE.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{folder}: no REFERENCE.csv, which gives the labels. {_FETCH}")
    lines = [line for line in table.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    cells = [[cell.strip() for cell in line.split(",")] for line in lines]
    for number, row in enumerate(cells, start=1):
        if len(row) < 2 or row[1] not in ("-1", "1"):
            raise ValueError(
                f"{table}, line {number}: {lines[number - 1]!r} is not a record name and a label "
                f"-1 (normal) or 1 (abnormal)."
            )
    names = [row[0] for row in cells]
    audio = audio_by_stem(folder)
    missing = [name for name in names if name not in audio]
    if missing:
        raise missing_recordings(missing, listed_in="REFERENCE.csv", folder=folder, fetch=_FETCH)
    quality = _read_quality(folder)
    return pd.DataFrame(
        {
            "path": [audio[name] for name in names],
            "label": np.array([int(row[1]) for row in cells], dtype=np.int64),
            "database": [f"training-{name[0]}" for name in names]
            if folder.name == "validation"
            else folder.name,
            "recording": names,
            "sqi": [quality.get(name, np.nan) for name in names],
        }
    )


def _mark_copied(frame, homes):
    """Say which recordings have a copy in validation/, if there is one."""
    for home in homes:
        table = home / "validation" / "REFERENCE.csv"
        if table.is_file():
            lines = table.read_text(encoding="utf-8-sig").splitlines()
            frame["in_validation"] = frame["recording"].isin(
                [line.split(",")[0].strip() for line in lines]
            )
            return


def _read_quality(folder):
    table = folder / "REFERENCE-SQI.csv"
    if not table.is_file():
        return {}
    rows = [line.split(",") for line in table.read_text(encoding="utf-8-sig").splitlines()]
    return {row[0].strip(): float(row[2]) for row in rows if len(row) > 2}


def _add_subjects(frame, homes):
    """Fill `subject`, `subject_known` and what is known of the recordings, in place."""
    known = {}
    appendix = _read_appendix(homes)
    if appendix is not None:
        known = appendix.pop("group").dropna().to_dict()
        for name in appendix:
            frame[name] = frame["recording"].map(appendix[name])
    subjects = _read_subjects(homes)
    if subjects is not None:
        known |= subjects["group"].to_dict()
        if "sqi" in subjects:
            frame["sqi"] = frame["sqi"].fillna(frame["recording"].map(subjects["sqi"]))
    frame.insert(2, "subject", [known.get(name, name) for name in frame["recording"]])
    frame.insert(5, "subject_known", frame["recording"].isin(known))
    n_unknown = int((~frame["subject_known"]).sum())
    if n_unknown:
        warnings.warn(
            f"The subjects of {n_unknown} of {len(frame)} recordings are not known; each is a "
            f"group of its own. Several recordings of a subject may thus be on both sides of a "
            f"split, and scores too good. To name them, put a subjects.csv (columns path and "
            f"group), or the published annotations/Online_Appendix_training_set.csv, into "
            f"{homes[0]}.",
            UserWarning,
            stacklevel=3,
        )


def _read_subjects(homes):
    """The table subjects.csv by record name, or None."""
    import pandas as pd

    for home in homes:
        path = home / "subjects.csv"
        if path.is_file():
            table = pd.read_csv(path, dtype={"path": str, "group": str}, encoding="utf-8-sig")
            if not {"path", "group"} <= set(table):
                raise ValueError(
                    f"{path}: needs the columns path and group; it has {', '.join(table)}."
                )
            stems = [os.path.splitext(os.path.basename(p))[0] for p in table["path"]]
            table = table.dropna(subset=["group"]).set_axis(stems)
            return table[~table.index.duplicated()]
    return None


def _read_appendix(homes):
    """The published appendix by record name, with `group`; None where it is not there."""
    import pandas as pd

    folders = [base / name for base in homes for name in ("annotations", ".")]
    found = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if _APPENDIX.fullmatch(path.name)
    ]
    if not found:
        return None
    table = pd.read_csv(found[0], dtype=str, encoding="utf-8-sig", encoding_errors="replace")
    renamed = {}
    for heading in table.columns:
        for start, name in _APPENDIX_COLUMNS.items():
            if heading.lower().strip().startswith(start) and name not in renamed.values():
                renamed[heading] = name
    table = table[list(renamed)].rename(columns=renamed)
    if "recording" not in table:
        raise ValueError(f"{found[0]}: no column 'Challenge record name'.")
    table = table.apply(lambda column: column.str.strip())
    table = table.where(table != "")
    for name in ("age", "height_m", "weight"):
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce")
    table = table.dropna(subset=["recording"]).set_index("recording")
    table["group"] = [_group_of(str(name), row) for name, row in table.iterrows()]
    return table[~table.index.duplicated()]


def _group_of(name, row):
    """The group of a record by its row of the appendix, or NaN."""
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
