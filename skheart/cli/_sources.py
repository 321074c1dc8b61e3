"""Recordings that the command is given: datasets, tables, folders and files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ._arguments import DATASETS
from ._console import complain, tell

__all__ = [
    "columns_of_tables",
    "files_read",
    "list_paths",
    "patients_of_paths",
    "patients_of_source",
    "read_source",
    "set_subjects",
]

PATIENT_COLUMNS = ("patient", "subject")  # the first that a table has


# ---------------------------------------------------------------------- recordings to predict


def list_paths(args):
    """Return the paths of the recordings in the arguments, and whether some are left out.

    Recordings in lists need not exist. What is left out of folders is reported.
    """
    from .._utils.files import MODEL, is_kind
    from ..datasets import collect_recordings, describe_hidden

    if args.pretrained is not None and is_kind(args.recordings[0], MODEL):
        raise ValueError(
            f"{args.recordings[0]} is a model, and --pretrained {args.pretrained} replaces it. "
            "Give only one of them"
        )
    missing = [name for name in args.recordings if not Path(name).expanduser().exists()]
    if missing:
        others = f" (nor {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise ValueError(
            f"there is no recording, folder or list {missing[0]}{others}: correct the path"
        )
    paths, folders = collect_recordings(args.recordings, missing="keep")
    lost = [sentence for folder in folders for sentence in folder.lost.values()]
    hidden = [path for folder in folders for path in folder.hidden]
    n_companions = sum(folder.n_companions for folder in folders)
    for sentence in lost:
        complain(sentence)
    if hidden:
        tell(args, describe_hidden(hidden))
    if n_companions:
        tell(args, f"{n_companions} other file(s) are not sound and are ignored")
    return paths, bool(lost)


def files_read(args, paths):
    """Return the files that are read, and must not be overwritten."""
    return [*([] if args.pretrained else [args.model]), *args.recordings, *paths]


def patients_of_paths(args, paths):
    """Return the patient of each path, from the tables in the arguments or from file names.

    A recording of an unknown patient has its row number instead of a name, which --by-patient
    refuses.
    """
    known = _patients_in_tables(args.recordings)
    patients = [
        known.get(os.path.abspath(path)) or _patient_in_name(path, args.patient_pattern) or row
        for row, path in enumerate(paths)
    ]
    unknown = [path for path, who in zip(paths, patients, strict=True) if not isinstance(who, str)]
    if unknown and args.by_patient:
        raise ValueError(
            f"--by-patient: the patient of {unknown[0]} is unknown. Give a .csv table with the "
            "columns path and patient, or --patient-pattern"
        )
    return patients


def _patients_in_tables(names):
    """Return ``{absolute path: patient}`` of the tables that have patients."""
    from ..datasets import NA_VALUES, check_filled

    found = {}
    for name, table in _tables(names):
        column = next((column for column in PATIENT_COLUMNS if column in table), None)
        if column is None:
            continue
        check_filled(name, table[column], column, NA_VALUES)
        for path, (line, row) in zip(_absolute_paths(name, table), table.iterrows(), strict=True):
            if found.setdefault(path, row[column]) != row[column]:
                raise ValueError(
                    f"{name}, line {line}: {row['path']} has two patients, {found[path]} and "
                    f"{row[column]}. Keep one line for each recording"
                )
    return found


def columns_of_tables(names):
    """Return the other columns of the lists in the arguments, and the cells of each recording.

    The cells are ``{absolute path: {column: text}}``, with the path as it was written.
    """
    columns, cells = {}, {}
    for name, table in _tables(names):
        columns |= dict.fromkeys(table.columns.drop("path"))
        for path, row in zip(_absolute_paths(name, table), table.to_dict("records"), strict=True):
            cells.setdefault(path, row)
    return list(columns), cells


def _tables(names):
    """Yield the tables and lists of paths among the arguments, with their names."""
    import pandas as pd

    from ..datasets import TABLE_SUFFIXES, read_table, read_text

    for name in map(Path, names):
        suffix = name.suffix.lower()
        if suffix in TABLE_SUFFIXES and name.expanduser().is_file():
            yield name, read_table(name, columns={"path": "path"}, can_rename=False)
        elif suffix == ".txt" and name.expanduser().is_file():
            lines = [line.strip() for line in read_text(name.expanduser()).splitlines()]
            yield name, pd.DataFrame({"path": list(filter(None, lines))})


def _absolute_paths(name, table):
    from ..datasets import resolve_path

    folder = name.expanduser().parent
    return [os.path.abspath(resolve_path(folder, path)) for path in table["path"]]


def _patient_in_name(path, pattern):
    if pattern is None:
        return None
    name = os.path.basename(path)
    found = pattern.match(name)
    patient = found and found[min(1, pattern.groups)]
    if not patient:
        raise ValueError(
            f"--patient-pattern {pattern.pattern!r} finds no patient at the beginning of {name} "
            f"({path}). Give a pattern that fits all names, or a .csv table with the columns path "
            "and patient"
        )
    return patient


# ---------------------------------------------------------------------- labelled recordings


def read_source(args):
    """Load a table, folder or dataset with labels; call `set_subjects` next.

    Rows whose recordings do not exist are kept, for whoever reads them to report.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = _load(args)
    if data.target is None:
        raise ValueError(f"{args.source} has no labels. Only skheart predict works without them")
    data.subject_like = None
    for warning in caught:
        column = getattr(warning.message, "column", None)
        if column is not None and data.groups is None:
            data.subject_like = column  # `set_subjects` tells
        else:
            warnings.warn(warning.message, stacklevel=2)
    return data


def set_subjects(args, data, by_patient):
    """Set the missing subjects of a table: the patients, or each recording with a warning."""
    import numpy as np

    from ..datasets import LeakageWarning

    if data.groups is not None:
        return
    if by_patient and "patient" in data.frame:
        data.groups = data.frame["patient"].to_numpy(dtype=str)
        return
    hint = ""
    if data.subject_like == "":
        hint = " If their names begin with the subject, pass --subject-pattern."
    elif data.subject_like is not None:
        hint = f" If {data.subject_like!r} has them, pass --subject {data.subject_like}."
    warnings.warn(
        f"{args.source} has no subjects, so each recording counts as a subject. If some are of the "
        f"same person, scores are too good and intervals too narrow.{hint}",
        LeakageWarning,
        stacklevel=2,
    )
    data.groups = np.arange(len(data.paths))


def _load(args):
    from .. import datasets

    columns = {role: getattr(args, role) for role in ("path", "label", "subject", "na_values")}
    columns = {role: column for role, column in columns.items() if column is not None}
    if args.target is not None and args.source != "circor":
        raise ValueError(f"--target applies to circor, not to {args.source}: remove it")
    is_folder = args.source not in DATASETS and Path(args.source).expanduser().is_dir()
    if columns and (is_folder or args.source in DATASETS):
        option = next(iter(columns)).replace("_", "-")
        raise ValueError(f"--{option} applies to tables: remove it")
    if args.subject_pattern is not None and not is_folder:
        raise ValueError("--subject-pattern applies to a folder of labels: remove it")
    if args.source not in DATASETS:
        if args.data is not None:
            raise ValueError(
                f"--data applies to {', '.join(DATASETS)}, not to {args.source}: remove it. Paths "
                "in a table are relative to its folder"
            )
        if is_folder:
            return datasets.load_folder(args.source, subject_pattern=args.subject_pattern)
        return datasets.load_table(args.source, missing="keep", **columns)
    if args.data is None:
        raise ValueError(f"--data is missing: give the folder of {args.source}")
    target = {} if args.target is None else {"target": args.target}
    return getattr(datasets, f"load_{args.source}")(args.data, **target)


def patients_of_source(args, data):
    """Return the patient of each recording of `read_source`.

    They are in a column patient; otherwise patients are the subjects. A subject may have several
    patients (visits), with their own labels.
    """
    from ..evaluation import first_rows

    if "patient" not in data.frame:
        return data.groups
    patients = data.frame["patient"].to_numpy(dtype=str)
    first_rows(patients, subject=data.groups)
    return patients
