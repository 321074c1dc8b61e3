"""Checks of the cells of a table that all loaders share. Rows are indexed by line number."""

from __future__ import annotations

import math
import warnings

# Cells that stand for a missing value, besides the empty one. Spreadsheets, R and pandas write
# them; "none" in lower case is a label in published tables.
NA_VALUES = (
    "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NULL", "null", "None", "?",
)  # fmt: skip
ROLES = ("path", "label", "subject", "patient", "visit", "site")


def check_na_values(na_values):
    """Return `na_values` as a tuple of strings; None is the usual words."""
    if na_values is None:
        return NA_VALUES
    if isinstance(na_values, str) or not all(isinstance(word, str) for word in na_values):
        raise ValueError(f"na_values must be a list of strings. Got {na_values!r} instead.")
    return tuple(na_values)


def check_filled(source, cells, role, na_values, remedy=""):
    """Raise if a cell of a column is empty or says that the value is missing."""
    missing = cells.index[cells.isin(["", *na_values])]
    if not len(missing):
        return
    value = cells[missing[0]]
    what = "is empty" if value == "" else f"is {value!r}, which stands for a missing value"
    real = f", or pass na_values=() if {value!r} is a real {role}" if value else ""
    raise ValueError(
        f"{source}, line {missing[0]}: the {role} (column {cells.name!r}) {what}, as in "
        f"{len(missing)} line(s) in total. Fill it in{remedy}{real}."
    )


def check_consistent(source, frame, key, columns):
    """Raise if rows with the same key differ in a column; return the lines that repeat a key."""
    repeated = frame.index[frame[key].duplicated()]
    if not len(repeated):
        return repeated
    own = frame[frame[key].isin(frame.loc[repeated, key])]
    first = own.drop_duplicates(key)
    for name in columns:
        differs = own[name].fillna("") != own[key].map(first.set_index(key)[name]).fillna("")
        if differs.any():
            line = own.index[differs][0]
            value = own.at[line, key]
            line_of_first = first.index[first[key] == value][0]
            raise ValueError(
                f"{source}, lines {line_of_first} and {line}: {value} is listed with more than one "
                f"{name}, {first.at[line_of_first, name]!r} and {own.at[line, name]!r}. Keep one "
                f"line for each {key.replace('_', ' ')}."
            )
    return repeated


def drop_repeated(source, frame, key, columns, *, stacklevel):
    """Return the rows without exact repetitions, with a warning; raise if some contradict."""
    repeated = check_consistent(source, frame, key, columns)
    if not len(repeated):
        return frame
    warnings.warn(
        f"{source}: {len(repeated)} line(s) repeat another one (first: line {repeated[0]}, "
        f"{frame.at[repeated[0], key]}). They are read once.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )
    return frame.drop(index=repeated)


def as_numbers(source, cells, name, na_values=NA_VALUES):
    """Return a column as floats, NaN where a value is missing; `name` is that in the table."""
    numbers = []
    for line, cell in cells.items():
        try:
            number = math.nan if cell in ("", *na_values) else float(cell)
        except ValueError:
            raise ValueError(
                f"{source}, line {line}: {cell!r} in the column {name!r} is not a number. Write "
                f"the number without a unit, or leave the cell empty."
            ) from None
        numbers.append(number)
    return cells.__class__(numbers, index=cells.index, name=cells.name, dtype=float)
