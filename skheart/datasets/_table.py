"""Recordings of one's own: a table of paths, labels and subjects."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from pathlib import Path

import numpy as np

from ._descr import TABLE
from ._files import as_bunch

_SEPARATORS = (",", "\t", ";", "|")
_SUBJECT_LIKE = ("subject", "subjects", "subjectid", "patient", "patients", "patientid", "person")


def load_table(csv, *, path="path", label="label", subject="subject", sep=None, return_X_y=False):
    """Load recordings of one's own from a table.

    The smallest table has two columns, and a third one keeps the recordings of a subject on one
    side of a split::

        path,label,subject
        wav/one.wav,normal,anna
        wav/two.wav,murmur,bert
        wav/three.wav,murmur,bert

    Parameters
    ----------
    csv : str or path-like
        The table, in UTF-8, with a heading. Relative paths in it are relative to its folder.
    path : str, default="path"
        Column of the paths of the recordings: any format and rate that libsndfile reads.
    label : str or None, default="label"
        Column of the labels. None is for recordings to predict: `target` is None.
    subject : str or None, default="subject"
        Column of the subjects. A table may do without the default column, and None ignores it;
        `groups` is then None, and a split is by recording.
    sep : str or None, default=None
        What separates columns; None finds out among comma, tab, semicolon and bar.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        paths, data : list of str
        target : ndarray of shape (n_recordings,), or None
            int if all labels are integers, else str.
        target_names : list of str, or None
            The labels that occur, sorted as in ``classes_``.
        groups : ndarray of str, shape (n_recordings,), or None
            The subjects.
        frame : DataFrame
            `path` (resolved), `label` and `subject` where there are any, then the other columns.
        segmentation : list of None
        DESCR : str

    Raises
    ------
    FileNotFoundError
        The table, or recordings that it names, do not exist.
    ValueError
        A column is missing, or a cell is empty, or a recording has two labels or two subjects.

    Warns
    -----
    UserWarning
        A recording is listed more than once, or there is no subject column but one that looks
        like it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_table
    >>> tmp = tempfile.TemporaryDirectory()
    >>> for name in ["one.wav", "two.wav"]:
    ...     Path(tmp.name, name).touch()
    >>> table = Path(tmp.name, "table.csv")
    >>> _ = table.write_text("path,label,subject\\none.wav,normal,anna\\ntwo.wav,murmur,bert\\n")
    >>> mine = load_table(table)
    >>> mine.target.tolist(), mine.target_names, mine.groups.tolist()
    (['normal', 'murmur'], ['murmur', 'normal'], ['anna', 'bert'])
    >>> tmp.cleanup()
    """
    csv = Path(os.fspath(csv)).expanduser()
    table = read_table(csv, columns=[path, label], sep=sep)
    if subject is not None and subject not in table:
        if subject != "subject":
            raise _missing_column(csv, subject, "subject", table)
        _warn_of_subject_like(csv, table)
        subject = None
    named = {"path": path, "label": label, "subject": subject}
    roles = {role: column for role, column in named.items() if column is not None}
    for role, column in roles.items():
        _check_filled(csv, table, column, role)

    frame = table[list(roles.values())].set_axis(list(roles), axis=1)
    frame["path"] = _resolve(csv, frame["path"])
    _check_repeated(csv, frame)
    target = _target(frame["label"]) if label is not None else None
    if target is not None:
        frame["label"] = target
    others = _typed(table.drop(columns=list(dict.fromkeys(roles.values()))))
    taken = {name: f"{name}_in_table" for name in others if name in frame}
    frame = frame.join(others.rename(columns=taken)).reset_index(drop=True)
    groups = frame["subject"].to_numpy(dtype=str) if subject is not None else None
    paths = list(frame["path"])
    of_subjects = "" if groups is None else f" of {len(set(groups))} subjects"
    return as_bunch(
        paths,
        target,
        return_X_y=return_X_y,
        target_names=None if target is None else [str(c) for c in np.unique(target)],
        groups=groups,
        frame=frame,
        segmentation=[None] * len(paths),
        DESCR=TABLE.format(table=csv, n=len(paths), subjects=of_subjects),
    )


def read_table(csv, *, columns, sep=None):
    """The cells of a table as stripped strings, indexed by line; `columns` must be there."""
    import pandas as pd

    if csv.is_dir():
        raise IsADirectoryError(f"{csv} is a folder; load_table reads a table (CSV).")
    if not csv.exists():
        raise FileNotFoundError(f"{csv}: there is no such table.")
    try:
        table = pd.read_csv(
            csv,
            sep=sep or _separator(csv, columns),
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            encoding="utf-8-sig",
            index_col=False,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"{csv} is not in UTF-8 ({error}); save it as CSV in UTF-8.") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise ValueError(f"{csv} is not a table that can be read: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    for column, role in zip(columns, ("path", "label"), strict=False):
        if column is not None and column not in table:
            raise _missing_column(csv, column, role, table)
    table = table.fillna("").apply(lambda cells: cells.str.strip())
    table.index = table.index + 2  # the line in the file, the heading being the first
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise ValueError(f"{csv}: the table has a heading and no row.")
    return table


def _separator(csv, columns):
    with open(csv, encoding="utf-8-sig") as stream:
        heading = next((line for line in stream if line.strip()), "")

    def score(sep):
        cells = [cell.strip().strip('"') for cell in heading.split(sep)]
        return sum(column in cells for column in columns), len(cells)

    return max(_SEPARATORS, key=score)


def _missing_column(csv, column, role, table):
    near = difflib.get_close_matches(column.lower(), [c.lower() for c in table.columns], n=1)
    hint = next((f" Did you mean {c!r}?" for c in table.columns if [c.lower()] == near), "")
    names = ", ".join(repr(c) for c in table.columns)
    return ValueError(
        f"{csv} has no column {column!r}; it has {names}.{hint} "
        f"Name the column of the {role}s with {role}=..."
    )


def _warn_of_subject_like(csv, table):
    like = [c for c in table.columns if re.sub("[^a-z]", "", c.lower()) in _SUBJECT_LIKE]
    if like:
        warnings.warn(
            f"{csv} has no column 'subject', so recordings of a subject may be on both sides of a "
            f"split. If {like[0]!r} names the subjects, pass subject={like[0]!r}; "
            f"else subject=None.",
            UserWarning,
            stacklevel=3,
        )


def _check_filled(csv, table, column, role):
    empty = table.index[table[column] == ""]
    if len(empty):
        remedy = " or pass label=None to load recordings without labels" if role == "label" else ""
        raise ValueError(
            f"{csv}, line {empty[0]}: the {role} (column {column!r}) is empty, as in "
            f"{len(empty)} line(s) in all; fill it in{remedy}."
        )


def _resolve(csv, cells):
    """Paths relative to the folder of the table; all that are missing are told together."""
    found = [os.path.join(csv.parent, os.path.expanduser(cell)) for cell in cells]
    missing = [
        f"line {line}: {cell}"
        for line, cell, path in zip(cells.index, cells, found, strict=True)
        if not os.path.isfile(path)
    ]
    if missing:
        shown = "; ".join(missing[:5]) + ("; ..." if len(missing) > 5 else "")
        raise FileNotFoundError(
            f"{csv}: {len(missing)} of {len(found)} recordings are missing ({shown}). Paths are "
            f"relative to {csv.absolute().parent}."
        )
    return found


def _check_repeated(csv, frame):
    again = frame.index[frame["path"].duplicated()]
    if not len(again):
        return
    first = frame.loc[again[0], "path"]
    for role in ("label", "subject"):
        if role in frame:
            values = frame.groupby("path")[role].nunique()
            if (values > 1).any():
                raise ValueError(
                    f"{csv}: {values.index[values > 1][0]} is listed with more than one {role}; "
                    f"keep one line for each recording."
                )
    warnings.warn(
        f"{csv}: {len(again)} line(s) list a recording again (first: line {again[0]}, {first}); "
        f"copies may be on both sides of a split. Keep one line for each recording.",
        UserWarning,
        stacklevel=3,
    )


def _target(cells):
    if all(re.fullmatch(r"[+-]?\d+", cell) for cell in cells):
        return cells.astype(int).to_numpy()
    return cells.to_numpy(dtype=str)


def _typed(table):
    """Columns whose cells are all numbers, or empty, as numbers; empty cells as NaN."""
    import pandas as pd

    table = table.where(table != "")
    for name in table.columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (numbers.isna() == table[name].isna()).all():
            table[name] = numbers
    return table
