"""The command `skheart`: verbs that call the package, a few lines each.

Results go to standard output; progress, warnings and errors to standard error. The exit status is 0
if all went well, 1 if some recordings could not be read (the others were), 2 if the
command could not be carried out, 130 if it was interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ._arguments import asks_for_pretrained, make_parser
from ._console import (
    about_memory,
    complain,
    readable,
    show_warning,
    streams_that_write_any_path,
    tell,
)

__all__ = ["main"]


# ---------------------------------------------------------------------- verbs


def demo(args):
    """Generated sounds, three models, cross-validated by subject: table and pictures."""
    if Path(args.output).exists() and not Path(args.output).is_dir():
        raise ValueError(f"{args.output} is a file: give -o the name of a folder")
    from ..evaluation import results_table
    from ._demo import run_demo

    results = run_demo(args.output, random_state=args.seed, verbose=int(not args.quiet))
    print("Small models on generated sounds, cross-validated by subject:")
    print(results_table(results))
    tell(args, f"tables and pictures are in {args.output}")


def train(args):
    """Fit a model on a table or a dataset, score it by subject, write it."""
    from ._train import train

    train(args)


def evaluate(args):
    """Score a model on a table or a dataset."""
    from ._models import load_model, name_of, predicts_patients
    from ._scoring import print_scores, score
    from ._sources import patients_of, read_source

    model = load_model(args)
    by_patient = predicts_patients(model)
    data, groups = read_source(args, by_patient)
    if data.target is None:
        raise ValueError(f"{args.source} has no labels: skheart predict needs none")
    known = {str(label): label for label in model.classes_}
    unknown = sorted({str(label) for label in data.target} - known.keys())
    if unknown:
        raise ValueError(
            f"{args.source}: the model has no class {unknown[0]!r}; it predicts "
            f"{', '.join(known)}. Rename the labels, or choose another --target or --label."
        )
    target = model.classes_[[list(known).index(str(label)) for label in data.target]]
    patients = patients_of(args, data, groups) if by_patient else groups
    result, n_failed = score(args, model, data.paths, target, groups, patients)
    print_scores(name_of(args), result, by_patient)
    return int(n_failed > 0)


def predict(args):
    """Predict recordings or patients, as CSV."""
    import csv

    from .._utils.files import PREDICTIONS, check_output, replacing
    from ._models import load_model
    from ._predict import predictions, table_of_patients, table_of_recordings

    paths = _paths(args)
    if args.output is not None:
        check_output(args.output, _read_from(args, paths), PREDICTIONS)
    model = load_model(args)
    patients, rows = predictions(args, model, paths)
    good = []
    rows = _counted(readable(args, paths, rows), good)
    if args.by_patient:
        lines = table_of_patients(model, patients, rows)
    else:
        lines = table_of_recordings(model, paths, rows)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(args.output, "w")) if args.output else sys.stdout
        writer = csv.writer(file, lineterminator="\n")
        for line in lines:
            writer.writerow(line)
    return int(len(good) < len(paths))


def explain(args):
    """Explain predictions: a page to look at and listen to, and whether it is to be trusted."""
    from .._utils.files import REPORT, check_output
    from ..evaluation import in_order
    from ..explain.report import write_report
    from . import _explain as verb
    from ._models import load_model
    from ._sources import named_patients

    if args.output is None and not args.check:
        raise ValueError("there is nothing to do: give -o the page to write, or --check, or both")
    paths, good = _paths(args), []
    if args.output is not None:
        check_output(args.output, _read_from(args, paths), REPORT)
    model = load_model(args)
    verb.check_can_join(args, model)
    verb.check_can_explain(model, args.method)
    if args.check:
        verb.check_can_check(model)
    if args.by_patient:
        patients = named_patients(args, paths)
        found = in_order(verb.explain_patients(model, paths, patients, args.method))
    else:
        found = verb.explain_in_chunks(model, paths, args.method)
    rows = _counted(readable(args, paths, found), good)
    explanations = (explanation for _, explanation, _ in rows if explanation is not None)
    if args.output is not None:
        write_report(explanations, args.output, label=args.label)
        tell(args, f"wrote {args.output}: open it in a browser")
    else:
        for _ in explanations:  # to know which can be read
            pass
    if args.check:
        verb.print_checks(model, [paths[index] for index in good], verbose=int(not args.quiet))
    return int(len(good) < len(paths))


def fetch(args):
    """Download a dataset."""
    from .. import datasets

    getattr(datasets, f"fetch_{args.dataset}")(args.folder, verbose=int(not args.quiet))
    tell(args, f"{args.dataset} is in {args.folder}")


VERBS = {verb.__name__: verb for verb in (demo, train, evaluate, predict, explain, fetch)}

# ---------------------------------------------------------------------- what the verbs share


def _paths(args):
    """The recordings that the command line names."""
    from .._utils.files import MODEL, is_kind
    from ..datasets import list_recordings

    if args.pretrained is not None and is_kind(args.recordings[0], MODEL):
        raise ValueError(
            f"{args.recordings[0]} is a model, and --pretrained {args.pretrained} takes its place: "
            "leave one of them out"
        )
    try:
        return list_recordings(args.recordings, missing="keep")
    except ValueError as error:  # its remedy is for load_table
        advice = "Name the column of the paths with path=..."
        raise ValueError(str(error).replace(advice, "Rename the column of the paths.")) from error


def _read_from(args, paths):
    """The files that a verb reads, none of which it may write."""
    return [*([args.model] if args.pretrained is None else []), *args.recordings, *paths]


def _counted(rows, indices):
    """The rows, and their indices in a list."""
    for row in rows:
        indices.append(row[0])
        yield row


# ---------------------------------------------------------------------- the end of it


def _run(args):
    """The status of a verb, with its warnings in one line each."""
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        if args.quiet:
            from ._sources import SubjectWarning

            warnings.simplefilter("ignore")
            warnings.simplefilter("always", SubjectWarning)
        status = VERBS[args.verb](args)
    sys.stdout.flush()
    return status or 0


def main(argv=None):
    """Run the command `skheart`.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    status : int
        0 if all went well, 1 if some recordings could not be read, 2 after an error, 130 after an
        interrupt.

    Examples
    --------
    >>> from skheart.cli import main
    >>> main(["--version"])
    skheart 0.1.0
    0
    """
    with streams_that_write_any_path():
        try:
            argv = sys.argv[1:] if argv is None else argv
            return _run(make_parser(pretrained=asks_for_pretrained(argv)).parse_args(argv))
        except SystemExit as end:  # argparse ends so, after --help as after an error
            return end.code
        except KeyboardInterrupt:
            complain("interrupted")
            return 130
        except BrokenPipeError:  # the reader has seen enough, as `head` does
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            return 1
        except (OSError, ValueError, TypeError, ImportError, RuntimeError, MemoryError) as error:
            complain(about_memory(error) or error)
            return 2
