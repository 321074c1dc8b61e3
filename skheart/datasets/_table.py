"""Loader of a table of paths, labels and subjects."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import numpy as np

from .._utils.suggest import check_choice
from ._files import LeakageWarning, as_bunch, resolve_path
from ._read_table import missing_column_error, read_table

_INTEGER = re.compile("0|-?[1-9][0-9]{0,18}")
_SUBJECT_LIKE = ("subject", "subjects", "subjectid", "patient", "patients", "patientid", "person")


def load_table(
    csv,
    *,
    path="path",
    label="label",
    subject="subject",
    sep=None,
    missing="raise",
    return_X_y=False,
):
    """Load your own recordings from a table with the columns path, label and subject.

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
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, without `sr`. `target` is int64 if all labels
        are plain integers, else str ("01" stays "01"). `frame` includes the other columns.

    Raises
    ------
    FileNotFoundError
        If the table does not exist, or recordings do not and ``missing="raise"``.
    ValueError
        If a column is missing or ambiguous, a row is longer than the heading, a cell is empty, or
        a recording has two labels or two subjects.

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
    columns = {"path": path, "label": label, "subject": subject}
    return _load(Path(csv).expanduser(), columns, sep, missing, return_X_y)


def _load(csv, columns, sep, missing, return_X_y):
    table = read_table(csv, columns=columns, sep=sep)
    if columns["subject"] is not None and columns["subject"] not in table:
        if columns["subject"] != "subject":
            raise missing_column_error(csv, columns["subject"], "subject", list(table.columns))
        _warn_about_unused_subjects(csv, table)
        columns = columns | {"subject": None}
    columns = {role: column for role, column in columns.items() if column is not None}
    for role, column in columns.items():
        _check_no_empty_cells(csv, table, column, role)

    frame = table[list(columns.values())].set_axis(list(columns), axis=1)
    frame["path"] = _resolve_paths(csv, frame["path"], missing)
    _check_repeated(csv, frame)
    target = names = groups = None
    if "label" in frame:
        target = frame["label"] = _parse_labels(frame["label"])
        names = [str(c) for c in np.unique(target)]
    if "subject" in frame:
        groups = frame["subject"].to_numpy(dtype=str)
    others = _parse_numbers(table.drop(columns=list(columns.values())))
    clashes = {name: f"{name}_in_table" for name in others if name in frame}
    frame = frame.join(others.rename(columns=clashes)).reset_index(drop=True)
    subjects = "" if groups is None else f" of {len(set(groups))} subjects"
    return as_bunch(
        frame,
        target,
        return_X_y=return_X_y,
        target_names=names,
        groups=groups,
        DESCR=f"Recordings of the table {csv}: {len(frame)} recordings{subjects}.\n",
    )


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


def _check_no_empty_cells(csv, table, column, role):
    empty = table.index[table[column] == ""]
    if len(empty):
        remedy = (
            " or pass label=None to load recordings without labels (on the command line, "
            "`skheart predict` needs none)"
            if role == "label"
            else ""
        )
        raise ValueError(
            f"{csv}, line {empty[0]}: the {role} (column {column!r}) is empty, as in "
            f"{len(empty)} line(s) in total. Fill it in{remedy}."
        )


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
    repeated = frame.index[frame["path"].duplicated()]
    if not len(repeated):
        return
    for role in frame.columns.intersection(["label", "subject"]):
        values = frame.groupby("path")[role].nunique()
        if (values > 1).any():
            raise ValueError(
                f"{csv}: {values.index[values > 1][0]} is listed with more than one {role}. "
                f"Keep one line for each recording."
            )
    warnings.warn(
        f"{csv}: {len(repeated)} line(s) list a recording again (first: line {repeated[0]}, "
        f"{frame.loc[repeated[0], 'path']}); copies may be on both sides of a split. Keep one "
        f"line for each recording.",
        LeakageWarning,
        stacklevel=4,
    )


def _parse_labels(cells):
    """Return int64 labels if all cells are plain integers, else str ("01" and "+1" are names)."""
    if all(_INTEGER.fullmatch(cell) and -(2**63) <= int(cell) < 2**63 for cell in cells):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    return cells.to_numpy(dtype=str)


def _parse_numbers(table):
    """Convert columns whose non-empty cells are all numbers; empty cells become NaN."""
    import pandas as pd

    table = table.where(table != "")
    for name in table.columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (numbers.isna() == table[name].isna()).all():
            table[name] = numbers
    return table
