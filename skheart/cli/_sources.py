"""The recordings that the command `skheart` is given: tables and datasets by name."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from pathlib import Path

from ._arguments import DATASETS

__all__ = [
    "SubjectWarning",
    "faults",
    "named_patients",
    "patients_in",
    "patients_of",
    "read_source",
]

PATIENT_COLUMNS = ("patient", "subject")  # the first of them that a table has


class SubjectWarning(UserWarning):
    """Somebody may be on both sides of a split: shown with --quiet, too."""


def read_source(args, by_patient=False):
    """The recordings of a table or of a dataset by name, and the subject of each.

    Recordings of a table that do not exist are kept: whoever reads them tells. With `by_patient`, a
    table without subjects may have patients instead.
    """
    import numpy as np

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = _load(args)
    if by_patient and data.groups is None and "patient" in data.frame:
        return data, _column(args, data, "patient")
    hint = ""
    for warning in caught:
        text = str(warning.message)
        like = re.search(r"no column 'subject'.* If '(.*?)' names", text)
        if like and data.groups is None:  # said below
            hint = f" If {like[1]!r} names them, pass --subject {like[1]}."
        else:
            leaks = "both sides of a split" in text
            _warn(text, SubjectWarning if leaks else warning.category)
    if data.groups is not None:
        return data, data.groups
    _warn(
        f"{args.source} has no subjects: every recording counts as a person of its own, and if "
        f"some are of the same person, scores are too good and intervals too narrow.{hint}",
        SubjectWarning,
    )
    return data, np.arange(len(data.paths))


def patients_of(args, data, groups):
    """The patient of each recording of `read_source`: its visits may have labels of their own.

    A column patient says it, in CirCor its `patient_id`; elsewhere patients are the subjects.
    """
    names = ["patient", *(["patient_id"] if args.source == "circor" else [])]
    column = next((name for name in names if name in data.frame), None)
    if column is None:
        return groups
    patients = _column(args, data, column)
    subject_of = dict(zip(patients, groups, strict=True))
    for path, patient, subject in zip(data.paths, patients, groups, strict=True):
        if subject != subject_of[patient]:
            raise ValueError(
                f"{args.source}: the {column} {patient} has two subjects, {subject} ({path}) and "
                f"{subject_of[patient]}; a subject may be several patients, not the reverse"
            )
    return patients


def _column(args, data, name):
    import numpy as np

    missing = np.flatnonzero(data.frame[name].isna())
    if len(missing):
        raise ValueError(
            f"{args.source}: {data.paths[missing[0]]} has no {name}, nor have "
            f"{len(missing) - 1} more; fill it in"
        )
    return data.frame[name].to_numpy(dtype=str)


def patients_in(recordings):
    """``{absolute path: patient}`` out of those of the arguments that are tables with patients."""
    from ..datasets import TABLE_SUFFIXES, read_table
    from ..datasets import resolve_path as joined

    found = {}
    for name in recordings:
        name = Path(name).expanduser()
        if name.suffix.lower() not in TABLE_SUFFIXES or not name.is_file():
            continue
        table = read_table(name, columns={"path": "path"}, can_rename=False)
        column = next((column for column in PATIENT_COLUMNS if column in table), None)
        for line, row in () if column is None else table.iterrows():
            if not row["path"]:
                continue
            if not row[column]:
                raise ValueError(f"{name}, line {line}: the {column} is empty; fill it in")
            path = os.path.abspath(joined(name.parent, row["path"]))
            if found.setdefault(path, row[column]) != row[column]:
                raise ValueError(
                    f"{name}, line {line}: {row['path']} is of two patients, {found[path]} and "
                    f"{row[column]}; keep one line for each recording"
                )
    return found


def _warn(message, category):
    warnings.warn(message, category, stacklevel=3)


def _load(args):
    from .. import datasets

    columns = {name: getattr(args, name) for name in ("path", "label", "subject")}
    columns = {name: column for name, column in columns.items() if column is not None}
    if args.target is not None and args.source != "circor":
        raise ValueError(f"--target is for circor, not for {args.source}: leave it out")
    if args.source not in DATASETS:
        if args.data is not None:
            raise ValueError(
                f"--data goes with a dataset by name ({', '.join(DATASETS)}), and "
                f"{args.source!r} is none of them. The paths in a table are relative to its "
                "folder: leave --data out"
            )
        return datasets.load_table(args.source, missing="keep", **columns)
    if args.data is None:
        raise ValueError(f"--data is missing: say in which folder {args.source} lies")
    if columns:
        raise ValueError(f"--{next(iter(columns))} is for tables: leave it out")
    target = {} if args.target is None else {"target": args.target}
    return getattr(datasets, f"load_{args.source}")(args.data, **target)


def named_patients(args, paths):
    """The patient of each path: of the tables among the arguments, then of the names of files.

    A recording of which nothing is known is a patient of its own, whose number stands for a name;
    with --by-patient there must be none.
    """
    known = patients_in(args.recordings)
    # A recording alone has its index, which is no name of a patient.
    patients = [
        known.get(os.path.abspath(path)) or _patient_in_name(path, args.patient_pattern) or row
        for row, path in enumerate(paths)
    ]
    alone = [path for path, who in zip(paths, patients, strict=True) if not isinstance(who, str)]
    if alone and args.by_patient:
        raise ValueError(
            f"--by-patient: nobody says whose recording {alone[0]} is. Give a .csv table with the "
            "columns path and patient, or --patient-pattern"
        )
    return patients


def _patient_in_name(path, pattern):
    if pattern is None:
        return None
    name = os.path.basename(path)
    found = pattern.match(name)
    patient = found and found[min(1, pattern.groups)]
    if not patient:
        raise ValueError(
            f"--patient-pattern {pattern.pattern!r} finds no patient at the beginning of {name} "
            f"({path}): give one that fits all names, or a .csv table with the columns path and "
            "patient"
        )
    return patient


def faults(paths):
    """An error for each file that is plainly no recording, told by its heading alone."""
    found = (_fault(path) for path in paths)
    return [error for error in found if error is not None]


def _fault(path):
    import soundfile

    from ..audio import read_recording

    with contextlib.suppress(OSError, ValueError, TypeError, soundfile.SoundFileError):
        if soundfile.info(path).frames > 0:
            return None
    try:
        read_recording(path)  # it knows what to say
    except (OSError, ValueError) as error:
        return error
    return None
