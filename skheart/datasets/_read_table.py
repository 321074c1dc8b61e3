"""Read a table of recordings as text, with the line number of each row for error messages."""

from __future__ import annotations

import csv
from pathlib import Path

_SEPARATORS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar"}


def read_table(path, *, columns, sep=None, can_rename=True):
    """Read the cells of a table as stripped strings, indexed by line number.

    `columns` maps "path", "label" and "subject" to column names or None; the columns of the paths
    and of the labels must exist. `can_rename` tells whether the caller can choose other column
    names, for the remedy in errors.
    """
    import pandas as pd

    path = Path(path).expanduser()
    heading, rows = _read_rows(path, sep or _guess_separator(path, columns.values()))
    for role, column in columns.items():
        if column is not None and heading.count(column) > 1:
            raise ValueError(
                f"{path} has {heading.count(column)} columns {column!r}, and it is unclear which "
                f"of them has the {role}s. Rename or delete all but one."
            )
        if column is not None and column not in heading and role != "subject":
            raise missing_column_error(path, column, role, heading, can_rename)
    if not rows:
        raise ValueError(f"{path}: the table has a heading but no rows.")
    return pd.DataFrame(
        list(rows.values()), index=list(rows), columns=_distinct_names(heading), dtype=str
    )


def missing_column_error(path, column, role, heading, can_rename=True):
    """Return the error for a column that the table does not have."""
    from .._utils.suggest import closest

    remedy = (
        f"Name the column of the {role}s with {role}=... (--{role} on the command line)."
        if can_rename
        else f"Rename the column of the {role}s to {column!r}."
    )
    names = ", ".join(map(repr, heading))
    return ValueError(
        f"{path} has no column {column!r}; it has {names}.{closest(column, heading)} {remedy}"
    )


def _read_rows(path, sep):
    """Return the heading, and ``{line: cells}`` of the rows, padded to the heading's length."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; load_table reads a table (CSV).")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such table.")
    if not isinstance(sep, str) or len(sep) != 1:
        raise ValueError(f"sep must be None or one character. Got {sep!r} instead.")
    heading, rows = None, {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=sep, strict=True)
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                while cells and not cells[-1]:  # spreadsheets write trailing separators
                    cells.pop()
                if heading is None:
                    heading = cells or None
                elif len(cells) > len(heading):
                    raise ValueError(
                        f"{path}: line {reader.line_num} has {len(cells)} cells, the heading "
                        f"{len(heading)}. Put cells that contain "
                        f"{_SEPARATORS.get(sep, repr(sep))} in quotes."
                    )
                elif cells:
                    rows[reader.line_num] = cells + [""] * (len(heading) - len(cells))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8 ({error}). Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise ValueError(
            f"{path} is not a readable table: line {reader.line_num}: {error}. Put cells that "
            f"contain quotes in quotes, and write each quote inside twice."
        ) from error
    if heading is None:
        raise ValueError(f"{path} is not a readable table: it is empty.")
    return heading, rows


def _distinct_names(heading):
    """Return column names that are neither empty nor repeated."""
    names = []
    for position, name in enumerate(heading, start=1):
        if not name or name in names:
            name = f"{name or 'column'}.{position}"
            while name in heading or name in names:
                name += "_"
        names.append(name)
    return names


def _guess_separator(path, columns):
    """Return the separator that gives the most named columns, then the most columns."""
    if not path.is_file():
        return ","
    with open(path, encoding="utf-8-sig", errors="replace") as stream:
        heading = next((line for line in stream if line.strip()), "")

    def count_columns(sep):
        cells = [cell.strip() for cell in next(csv.reader([heading], delimiter=sep))]
        return sum(column in cells for column in columns if column), len(cells)

    return max(_SEPARATORS, key=count_columns)
