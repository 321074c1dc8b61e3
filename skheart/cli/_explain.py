"""What the verb `explain` does: explanations of many recordings, and the table of checks."""

from __future__ import annotations

from ..explain import CannotExplain, check_explainable, explain, explain_checks
from ._models import predicts_patients

__all__ = [
    "check_can_check",
    "check_can_explain",
    "check_can_join",
    "explain_in_chunks",
    "explain_patients",
    "print_checks",
]

CHUNK = 16  # recordings whose features and maps are held at once


def explain_in_chunks(model, paths, method):
    """Yield (index, explanation, error) for every path; one that fails does not lose the others."""
    for start in range(0, len(paths), CHUNK):
        chunk = [str(path) for path in paths[start : start + CHUNK]]
        try:
            rows = [(explanation, None) for explanation in explain(model, chunk, method=method)]
        except (MemoryError, OSError, ValueError):
            rows = (_explain_one(model, [path], method) for path in chunk)
        for offset, row in enumerate(rows):
            yield (start + offset, *row)


def explain_patients(model, paths, patients, method):
    """Yield (index, explanation, error) for every path, a patient at a time.

    The explanation of a patient comes with the first of the recordings that can be read; with the
    others comes None.
    """
    rows_of = {}
    for row, patient in enumerate(patients):
        rows_of.setdefault(patient, []).append(row)
    for patient, rows in rows_of.items():
        explanation, error = _explain_joined(model, paths, rows, patient, method)
        if error is not None and len(rows) > 1:  # without those that cannot be read
            alone = [(row, _explain_one(model, [str(paths[row])], method)[1]) for row in rows]
            yield from ((row, None, found) for row, found in alone if found is not None)
            rows = [row for row, found in alone if found is None]
            if rows:
                explanation, error = _explain_joined(model, paths, rows, patient, method)
        for number, row in enumerate(rows):
            yield row, (None if number else explanation), error


def _explain_joined(model, paths, rows, patient, method):
    whose = {"by_patient": True, "groups": [patient] * len(rows)}
    return _explain_one(model, [str(paths[row]) for row in rows], method, **whose)


def _explain_one(model, paths, method, **whose):
    """One explanation, or why there is none."""
    try:
        return explain(model, paths, method=method, **whose)[0], None
    except (OSError, ValueError) as error:
        return None, error
    except MemoryError:
        return None, ValueError(f"'{paths[0]}' is too long for the memory of this machine.")


def check_can_explain(model, method):
    """Refuse a model that the method does not explain, before a recording is read."""
    try:
        check_explainable(model, method)
    except CannotExplain as error:
        option = f"--method {error.value!r} {error.reason}"
        raise ValueError(option if error.parameter == "method" else str(error)) from error


def check_can_join(args, model):
    """Refuse options for patients where they do not fit the model, or each other."""
    if args.patient_pattern is not None and not args.by_patient:
        raise ValueError(
            "--patient-pattern goes with --by-patient, which explains the recordings of a patient "
            "together: give both"
        )
    if args.by_patient and args.check:
        raise ValueError("--check is of single recordings: leave it or --by-patient out")
    if args.by_patient and not getattr(model, "join", False):
        raise ValueError(
            "--by-patient needs a model that joins the recordings of a patient, and this one does "
            "not: train one with skheart train --recipe best"
        )


def check_can_check(model):
    """Refuse a model whose explanations cannot be checked, before they are made."""
    if predicts_patients(model):
        raise ValueError(
            f"--check is for one classifier, and the model averages {len(model.estimators_)}: "
            "leave --check out, or in Python call explain_checks(model.estimators_[0], recordings)"
        )


def print_checks(model, paths, verbose):
    """Print whether explanations of these recordings are true of the model."""
    table = explain_checks(model, [str(path) for path in paths], verbose=verbose)
    print(table.to_string(index=False, na_rep="", float_format="{:.3g}".format))
