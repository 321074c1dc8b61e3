"""The verb `explain`: a page of explanations, and checks of them."""

from __future__ import annotations

from ._console import readable, tell
from ._models import check_model, load_model, predicts_patients
from ._sources import files_read, list_paths, patients_of_paths

__all__ = ["explain"]

MARK = b'content="skheart report"'  # near the start of a page


def explain(args):
    """Write a page of explanations or print checks; return 1 if some recordings were not read."""
    from .._utils.files import FileKind, check_output

    _check_options(args)
    paths, some_lost = list_paths(args)
    patients = patients_of_paths(args, paths) if args.by_patient else None
    if args.output is not None:
        pages = FileKind("page of skheart explain", b"<!doctype html>", MARK)
        check_output(args.output, files_read(args, paths), pages)
    check_model(args)
    model = load_model(args)
    _check_explainable(args, model)
    failed = []
    rows = readable(args, paths, _explanations(args, model, paths, patients), failed)
    explanations = (explanation for _, explanation in rows if explanation is not None)
    if args.output is None:
        explanations = list(explanations)  # to know which recordings can be read
    else:
        from ..explain import write_report

        write_report(explanations, args.output, label=args.label)
        tell(args, f"wrote {args.output}: open it in a browser")
    if args.check:
        _print_checks(args, model, [path for row, path in enumerate(paths) if row not in failed])
    return int(some_lost or bool(failed))


def _explanations(args, model, paths, patients):
    """Yield (row, explanation, error) of each path, in order.

    With patients, the explanation of a patient comes with its first recording.
    """
    from .. import explain as room
    from .._utils.partial_failures import in_order, process_groups

    def explain_rows(chunk):
        rows = [str(paths[row]) for group in chunk for row in group]
        if patients is None:
            return room.explain(model, rows, method=args.method)
        groups = [patients[row] for group in chunk for row in group]
        return room.explain(model, rows, method=args.method, by_patient=True, groups=groups)

    chunk_size = 16 if patients is None else 1
    answers = process_groups(explain_rows, paths, patients, chunk_size=chunk_size)
    if patients is None:
        yield from answers
        return
    explained = set()
    for row, explanation, error in in_order(answers):
        yield row, None if patients[row] in explained else explanation, error
        if error is None:
            explained.add(patients[row])


def _print_checks(args, model, paths):
    from ..explain import explain_checks

    table = explain_checks(model, list(map(str, paths)), verbose=int(not args.quiet))
    print(table.to_string(index=False, na_rep="", float_format="{:.3g}".format))


def _check_options(args):
    """Raise if options contradict each other."""
    if args.output is None and not args.check:
        raise ValueError("there is nothing to do: give -o with the page to write, or --check")
    if args.patient_pattern is not None and not args.by_patient:
        raise ValueError("--patient-pattern needs --by-patient: give both")
    if args.by_patient and args.check:
        raise ValueError("--check is for single recordings: remove it, or --by-patient")


def _check_explainable(args, model):
    """Raise if the model cannot be explained as the options say."""
    from ..explain import CannotExplain, check_explainable

    if args.by_patient and not getattr(model, "join", False):
        raise ValueError(
            "--by-patient needs a model that joins the recordings of a patient. Train one with "
            "skheart train --recipe best"
        )
    if args.check and predicts_patients(model):
        raise ValueError(
            f"--check is for one classifier, and this model averages {len(model.estimators_)}. In "
            "Python, call explain_checks(model.estimators_[0], recordings)"
        )
    try:
        check_explainable(model, args.method)
    except CannotExplain as error:
        if error.parameter != "method":
            raise
        raise ValueError(f"--method {error.value} {error.reason}") from error
