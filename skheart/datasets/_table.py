"""Recordings of one's own: a table of paths, labels and subjects."""

from __future__ import annotations

import csv as csv_format
import difflib
import os
import re
import warnings
from pathlib import Path

import numpy as np

from ._descr import TABLE
from ._files import as_bunch, check_choice, joined

_SEPARATORS = (",", "\t", ";", "|")
_SPOKEN = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar"}
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
        `groups` is then None, and a split is by recording. A column `Subject` or `SUBJECT` must be
        named, for it would be left unused otherwise.
    sep : str or None, default=None
        The character that separates columns; None finds out among comma, tab, semicolon and bar.
    missing : {"raise", "keep"}, default="raise"
        What to do with a recording whose file does not exist: raise, or keep its row, so that
        whoever reads the recordings can report it and go on with the others.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        paths, data : list of str
        target : ndarray of shape (n_recordings,), or None
            int64 if all labels are integers in plain form, else str: "01" stays "01".
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
        The table does not exist, or recordings that it names do not and ``missing="raise"``.
    ValueError
        A column is missing, or there twice, or called `Subject` instead of `subject`; a row has
        more cells than the heading, or an empty one; a recording has two labels or two subjects.

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
    check_choice("missing", missing, ("raise", "keep"))
    csv = Path(os.fspath(csv)).expanduser()
    table = read_table(csv, columns={"path": path, "label": label, "subject": subject}, sep=sep)
    if subject is not None and subject not in table:
        if subject != "subject":
            raise _missing_column(csv, subject, "subject", list(table.columns))
        _check_subject_like(csv, table)
        subject = None
    named = {"path": path, "label": label, "subject": subject}
    roles = {role: column for role, column in named.items() if column is not None}
    for role, column in roles.items():
        _check_filled(csv, table, column, role)

    frame = table[list(roles.values())].set_axis(list(roles), axis=1)
    frame["path"] = _resolve(csv, frame["path"], missing)
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


def read_table(csv, *, columns, sep=None, renames=True):
    """The cells of a table as stripped strings, indexed by line.

    `columns` gives the column of each role, or None; those of the path and of the label must be
    there. `renames` tells whether the caller can be given another name for a column.
    """
    import pandas as pd

    heading, rows = _read_rows(csv, sep or _separator(csv, columns.values()))
    for role, column in columns.items():
        if column is not None and heading.count(column) > 1:
            raise ValueError(
                f"{csv} has {heading.count(column)} columns {column!r}, so which of them holds "
                f"the {role}s is unclear; rename or delete all but one."
            )
        if column is not None and column not in heading and role in ("path", "label"):
            raise _missing_column(csv, column, role, heading, renames)
    if not rows:
        raise ValueError(f"{csv}: the table has a heading and no row.")
    return pd.DataFrame(
        list(rows.values()), index=list(rows), columns=_distinct(heading), dtype=str
    )


def _read_rows(csv, sep):
    """The heading, and ``{line: cells}`` of the rows, each as long as the heading."""
    if csv.is_dir():
        raise IsADirectoryError(f"{csv} is a folder; load_table reads a table (CSV).")
    if not csv.exists():
        raise FileNotFoundError(f"{csv}: there is no such table.")
    if not isinstance(sep, str) or len(sep) != 1:
        raise ValueError(f"`sep` must be None or one character. Got {sep!r} instead.")
    heading, rows = None, {}
    try:
        with open(csv, encoding="utf-8-sig", newline="") as stream:
            reader = csv_format.reader(stream, delimiter=sep, strict=True)
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                while cells and not cells[-1]:  # spreadsheets write separators after the end
                    cells.pop()
                if heading is None:
                    heading = cells or None
                elif len(cells) > len(heading):
                    raise ValueError(
                        f"{csv}: line {reader.line_num} has {len(cells)} cells, the heading "
                        f"{len(heading)}: quote cells that hold {_SPOKEN.get(sep, repr(sep))}."
                    )
                elif cells:
                    rows[reader.line_num] = cells + [""] * (len(heading) - len(cells))
    except UnicodeDecodeError as error:
        raise ValueError(f"{csv} is not in UTF-8 ({error}); save it as CSV in UTF-8.") from error
    except csv_format.Error as error:
        raise ValueError(
            f"{csv} is not a table that can be read: line {reader.line_num}: {error}; write a "
            f"quote within a cell twice and the cell in quotes."
        ) from error
    if heading is None:
        raise ValueError(f"{csv} is not a table that can be read: it is empty.")
    return heading, rows


def _distinct(heading):
    """Names of columns, the empty and the repeated ones made distinct."""
    names = []
    for place, name in enumerate(heading, start=1):
        if not name or name in names:
            name = f"{name or 'column'}.{place}"
            while name in heading or name in names:
                name += "_"
        names.append(name)
    return names


def _separator(csv, columns):
    if not csv.is_file():
        return _SEPARATORS[0]
    with open(csv, encoding="utf-8-sig", errors="replace") as stream:
        heading = next((line for line in stream if line.strip()), "")

    def score(sep):
        cells = [cell.strip() for cell in next(csv_format.reader([heading], delimiter=sep))]
        return sum(column in cells for column in columns if column), len(cells)

    return max(_SEPARATORS, key=score)


def _missing_column(csv, column, role, heading, renames=True):
    near = difflib.get_close_matches(column.lower(), [c.lower() for c in heading], n=1)
    hint = next((f" Did you mean {c!r}?" for c in heading if [c.lower()] == near), "")
    names = ", ".join(repr(c) for c in heading)
    remedy = (
        f"Name the column of the {role}s with {role}=... (--{role} on the command line)."
        if renames
        else f"Rename the column of the {role}s to {column!r}."
    )
    return ValueError(f"{csv} has no column {column!r}; it has {names}.{hint} {remedy}")


def _check_subject_like(csv, table):
    """Nothing may look like the subjects and be left unused in silence: that would leak."""
    like = [c for c in table.columns if c.lower() == "subject"]
    if like:
        raise ValueError(
            f"{csv} has no column 'subject', but {like[0]!r}. Name it with subject={like[0]!r} "
            f"(--subject {like[0]} on the command line), or pass subject=None to do without."
        )
    like = [c for c in table.columns if re.sub("[^a-z]", "", c.lower()) in _SUBJECT_LIKE]
    if like:
        warnings.warn(
            f"{csv} has no column 'subject', so recordings of a subject may be on both sides of a "
            f"split. If {like[0]!r} names the subjects, pass subject={like[0]!r} "
            f"(--subject {like[0]} on the command line); else subject=None.",
            UserWarning,
            stacklevel=3,
        )


def _check_filled(csv, table, column, role):
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
            f"{len(empty)} line(s) in all; fill it in{remedy}."
        )


def _resolve(csv, cells, missing):
    """Paths relative to the folder of the table; all that are missing are told together."""
    found = [joined(csv.parent, cell) for cell in cells]
    absent = [
        f"line {line}: {cell}"
        for line, cell, path in zip(cells.index, cells, found, strict=True)
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
    if all(map(_is_integer, cells)):
        return np.array([int(cell) for cell in cells], dtype=np.int64)
    return cells.to_numpy(dtype=str)


def _is_integer(cell):
    """Whether a cell is an int64 as Python writes it; "01" and "+1" are names, not numbers."""
    return bool(re.fullmatch("0|-?[1-9][0-9]{0,18}", cell)) and -(2**63) <= int(cell) < 2**63


def _typed(table):
    """Columns whose cells are all numbers, or empty, as numbers; empty cells as NaN."""
    import pandas as pd

    table = table.where(table != "")
    for name in table.columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        if (numbers.isna() == table[name].isna()).all():
            table[name] = numbers
    return table
