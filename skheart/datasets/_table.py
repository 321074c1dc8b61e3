"""Loader of a table of paths, labels and subjects."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np

from .._utils.suggest import check_choice
from ..audio import ON_ERROR
from ._files import LeakageWarning, as_bunch, resolve_path
from ._read_table import missing_column_error, read_table
from ._skipped import leave_out_unreadable
from ._table_checks import ROLES, check_consistent, check_filled, check_na_values

_INTEGER = re.compile("0|-?[1-9][0-9]{0,18}")
_SUBJECT_LIKE = ("subject", "subjects", "subjectid", "patient", "patients", "patientid", "person")
# What to do about missing values, by role.
REMEDIES = {
    "path": "",
    "label": " or pass label=None to load recordings without labels (on the command line, "
    "`skheart predict` needs none)",
    "subject": " (a different name for each unknown subject), or pass subject=None if none is "
    "known",
    "patient": " (a different name for each unknown patient), or remove the column",
}


def load_table(
    csv,
    *,
    path="path",
    label="label",
    subject="subject",
    sep=None,
    missing="raise",
    na_values=None,
    on_error="raise",
    return_X_y=False,
):
    """Load your own recordings from a table with the columns path, label and subject.

    The columns patient, visit and site, where they exist, are read as text, too.

    Parameters
    ----------
    csv : str or path-like
        Table in UTF-8 with a heading. Paths in it are relative to its folder.
    path : str, default="path"
        Column of the paths. Recordings have any format and rate that libsndfile reads.
    label : str or None, default="label"
        Column of the labels. None is for recordings to predict.
    subject : str or None, default="subject"
        Column of the subjects. Without the default column, or with None, `groups` is None.
    sep : str or None, default=None
        Separator of the columns. None chooses a comma, tab, semicolon or bar.
    missing : {"raise", "keep"}, default="raise"
        Whether to raise for recordings that do not exist or to keep their rows.
    na_values : list of str or None, default=None
        Cells that stand for a missing value; None is "NA", "N/A", "nan", "NULL", "None", "?" and
        their spellings, and the empty cell is always one. In a path, label, subject or patient
        they are an error; elsewhere they become NaN. Pass ``()`` if one is the name of a class.
    on_error : {"raise", "warn", "skip"}, default="raise"
        "raise" does not open the recordings: what reads them raises. The others look at the header
        of each file and leave out those that do not exist or cannot be read, with one
        :class:`skheart.audio.RecordingWarning` or silently; `skipped` lists them.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, without `sr`. `target` is int64 if all labels
        are plain integers, else str ("01" stays "01"). `frame` includes the other columns.
        `skipped` is a DataFrame with the `path` and `reason` of each recording left out.

    Raises
    ------
    FileNotFoundError
        If the table does not exist, or recordings do not and ``missing="raise"``.
    ValueError
        If the table is not in UTF-8, a column is missing or ambiguous, a row is longer than the
        heading, a value is missing, or a recording has two labels, subjects, patients or sites.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "table.csv")
    ...     _ = table.write_text("path,label,subject\\none.wav,normal,anna\\n")
    ...     load_table(table, missing="keep").target
    array(['normal'], dtype='<U6')
    """
    check_choice("missing", missing, ("raise", "keep"))
    check_choice("on_error", on_error, ON_ERROR)
    na_values = check_na_values(na_values)
    csv = Path(csv).expanduser()
    columns = {"path": path, "label": label, "subject": subject}
    table, columns = _read(csv, columns, sep, na_values)
    frame = _select(csv, table, columns, na_values, missing if on_error == "raise" else "keep")
    frame, skipped = leave_out_unreadable(frame, on_error, stacklevel=2)
    target = names = groups = None
    if "label" in columns:
        target = frame["label"] = parse_labels(frame["label"])
        names = [str(c) for c in np.unique(target)]
    if "subject" in columns:
        groups = frame["subject"].to_numpy(dtype=str)
    subjects = "" if groups is None else f" of {len(set(groups))} subjects"
    return as_bunch(
        frame,
        target,
        return_X_y=return_X_y,
        target_names=names,
        groups=groups,
        skipped=skipped,
        DESCR=f"Recordings of the table {csv}: {len(frame)} recordings{subjects}.\n",
    )


def _read(csv, columns, sep, na_values):
    """Return the table and the names of its columns by role, after checks of the cells."""
    table = read_table(csv, columns=columns, sep=sep)
    if columns["subject"] is not None and columns["subject"] not in table:
        if columns["subject"] != "subject":
            raise missing_column_error(csv, columns["subject"], "subject", list(table.columns))
        _warn_about_unused_subjects(csv, table)
        columns = columns | {"subject": None}
    columns = {role: column for role, column in columns.items() if column is not None}
    free = [role for role in ROLES[3:] if role in table and role not in columns.values()]
    columns |= {role: role for role in free}
    for role in [role for role in REMEDIES if role in columns]:
        check_filled(csv, table[columns[role]], role, na_values, REMEDIES[role])
    return table, columns


def _select(csv, table, columns, na_values, missing):
    """Return the frame: the columns with a role, then the others."""
    frame = table[list(columns.values())].set_axis(list(columns), axis=1)
    frame["path"] = _resolve_paths(csv, frame["path"], missing)
    _check_repeated(csv, frame)
    for role in frame.columns.intersection(["visit", "site"]):
        frame[role] = frame[role].where(~frame[role].isin(["", *na_values]))
    others = _parse_numbers(table.drop(columns=list(columns.values())), na_values)
    clashes = {name: f"{name}_in_table" for name in others if name in frame}
    return frame.join(others.rename(columns=clashes)).reset_index(drop=True)


def _warn_about_unused_subjects(csv, table):
    """Raise or warn if a column looks like the subjects: unused, they would leak into a split."""
    like = [c for c in table.columns if c.lower() == "subject"]
    if like:
        raise ValueError(
            f"{csv} has no column 'subject', but {like[0]!r}. Name it with subject={like[0]!r} "
            f"(--subject {like[0]} on the command line), or pass subject=None to ignore it."
        )
    like = [c for c in table.columns if re.sub("[^a-z]", "", c.lower()) in _SUBJECT_LIKE]
    if like:
        warning = LeakageWarning(
            f"{csv} has no column 'subject', so recordings of a subject may be on both sides of a "
            f"split. If {like[0]!r} names the subjects, pass subject={like[0]!r} "
            f"(--subject {like[0]} on the command line), otherwise subject=None."
        )
        warning.column = like[0]
        warnings.warn(warning, stacklevel=4)


def _resolve_paths(csv, cells, missing):
    """Return the paths relative to the folder of the table; list all missing ones in one error."""
    found = [resolve_path(csv.parent, cell) for cell in cells]
    absent = [
        f"line {line}: {cell}"
        for (line, cell), path in zip(cells.items(), found, strict=True)
        if not os.path.isfile(path)
    ]
    if absent and missing == "raise":
        shown = "; ".join(absent[:5]) + ("; ..." if len(absent) > 5 else "")
        raise FileNotFoundError(
            f"{csv}: {len(absent)} of {len(found)} recordings are missing ({shown}). Paths are "
            f"relative to {csv.absolute().parent}."
        )
    return found


def _check_repeated(csv, frame):
    """Raise if a recording has two labels or subjects; warn if it is listed more than once."""
    repeated = check_consistent(csv, frame, "path", [c for c in frame if c != "path"])
    if not len(repeated):
        return
    warnings.warn(
        f"{csv}: {len(repeated)} line(s) list a recording again (first: line {repeated[0]}, "
        f"{frame.loc[repeated[0], 'path']}); copies may be on both sides of a split. Keep one "
        f"line for each recording.",
        LeakageWarning,
        stacklevel=4,
    )


def parse_labels(cells):
    """Return int64 labels if all cells are plain integers, else str ("01" and "+1" are names)."""
    if all(_INTEGER.fullmatch(cell) and -(2**63) <= int(cell) < 2**63 for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    return cells.to_numpy(dtype=str)


def _parse_numbers(table, na_values):
    """Convert columns whose cells are all numbers or missing; missing values become NaN."""
    import pandas as pd

    table = table.where(~table.isin(["", *na_values]))
    for name in table.columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (numbers.isna() == table[name].isna()).all():
            table[name] = numbers
    return table
