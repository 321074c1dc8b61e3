"""Read a table of recordings as text, with the line number of each row for error messages."""

from __future__ import annotations

import csv
import io
from pathlib import Path

_SEPARATORS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_table(path, *, columns, sep=None, can_rename=True, heading=True, lenient=False):
    """Read the cells of a table as stripped strings, indexed by line number.

    `columns` maps "path", "label" and "subject" to column names or None; the columns of the paths
    and of the labels must exist. `can_rename` tells whether the caller can choose other column
    names, for the remedy in errors. Without a `heading`, `columns` lists the names of the columns;
    further cells are dropped. Rows of empty cells are ignored. `lenient` accepts quotes inside of
    cells and bytes that are not UTF-8, for published tables that have them.
    """
    import pandas as pd

    path = Path(path).expanduser()
    if not heading:
        _, rows = _read_rows(path, sep or ",", lenient, names=list(columns))
        return pd.DataFrame(list(rows.values()), index=list(rows), columns=list(columns), dtype=str)
    names, rows = _read_rows(path, sep or _guess_separator(path, columns.values()), lenient)
    for role, column in columns.items():
        if column is not None and names.count(column) > 1:
            raise ValueError(
                f"{path} has {names.count(column)} columns {column!r}, and it is unclear which "
                f"of them has the {role}s. Rename or delete all but one."
            )
        if column is not None and column not in names and role != "subject":
            raise missing_column_error(path, column, role, names, can_rename)
    if not rows:
        raise ValueError(f"{path}: the table has a heading but no rows.")
    return pd.DataFrame(
        list(rows.values()), index=list(rows), columns=_distinct_names(names), dtype=str
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


def read_file(path):
    """Return the bytes of a regular file; reading a pipe would wait."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file, so it is not read. Give a file.")
    return path.read_bytes()


def read_text(path, *, sep=None, lenient=False):
    """Return the text of a file in UTF-8; an error names the line and cell that is not."""
    data = read_file(path)
    if data.startswith(_UTF_16) or b"\0" in data[:4096]:
        raise ValueError(
            f"{path} is in UTF-16 or not a text file. Save it as CSV in UTF-8 (in a spreadsheet, "
            f"'CSV UTF-8')."
        )
    try:
        return data.decode("utf-8-sig", errors="replace" if lenient else "strict")
    except UnicodeDecodeError as error:
        heading = data[: data.find(b"\n")].decode("latin-1").lstrip("\xef\xbb\xbf").split(sep)
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        before = data[start : error.start].decode("latin-1").count(sep) if sep else 0
        end = data.find(b"\n", error.start)
        cells = data[start : end if end >= 0 else None].decode("latin-1").split(sep)
        where = f"line {line}"
        if sep and before < len(heading) and line > 1:
            where += f", column {heading[before].strip()!r}"
        value = cells[before].strip() if sep else " ".join(cells)
        raise ValueError(
            f"{path}, {where}: {value!r} (read as Latin-1) is not in UTF-8. Save the file as CSV "
            f"in UTF-8 (in a spreadsheet, 'CSV UTF-8')."
        ) from error


def _read_rows(path, sep, lenient, names=None):
    """Return the heading, and ``{line: cells}`` of the rows, padded to the heading's length.

    With `names` there is no heading; longer rows are cut to that length.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; load_table reads a table (CSV).")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such table.")
    if not isinstance(sep, str) or len(sep) != 1:
        raise ValueError(f"sep must be None or one character. Got {sep!r} instead.")
    heading, rows = names, {}
    text = io.StringIO(read_text(path, sep=sep, lenient=lenient), newline="")
    reader = csv.reader(text, delimiter=sep, strict=not lenient)
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            while cells and not cells[-1]:  # spreadsheets write trailing separators
                cells.pop()
            if heading is None:
                heading = cells or None
            elif names is None and len(cells) > len(heading):
                raise ValueError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells, the heading "
                    f"{len(heading)}. Put cells that contain "
                    f"{_SEPARATORS.get(sep, repr(sep))} in quotes."
                )
            elif cells:
                cells = cells[: len(heading)]
                rows[reader.line_num] = cells + [""] * (len(heading) - len(cells))
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
