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

from ._arguments import make_parser

__all__ = ["main"]


# ---------------------------------------------------------------------- verbs


def demo(args):
    """Generated sounds, three models, cross-validated by subject: table and pictures."""
    if Path(args.output).exists() and not Path(args.output).is_dir():
        raise ValueError(f"{args.output} is a file: give -o the name of a folder")
    from .demo import run_demo
    from .evaluation import results_table

    results = run_demo(args.output, random_state=args.seed, verbose=int(not args.quiet))
    print("Small models on generated sounds, cross-validated by subject:")
    print(results_table(results))
    _tell(args, f"tables and pictures are in {args.output}")


def train(args):
    """Fit the paper's pipeline on a table or a dataset, score it by subject, write it."""
    from ._settings import blame_settings, make_pipeline
    from ._sources import read_source
    from ._store import MODEL, check_output, save_model
    from .evaluation import class_table, hold_out_by_subject, results_table

    check_output(args.output, [args.source], MODEL)
    pipeline = make_pipeline(
        args.model,
        args.parameters,
        seed=args.seed,
        device=args.device,
        n_jobs=args.jobs,
        verbose=int(not args.quiet),
    )
    data, groups = read_source(args)
    _check_classes(args, data.target, groups)
    kept, held_out = list(range(len(groups))), []
    if args.test_size is not None:
        kept, held_out = hold_out_by_subject(
            data.target, groups, test_size=args.test_size, random_state=args.seed
        )
    _check_recordings(args, data.paths)
    by_subject, result = _stop_early_by_subject(pipeline), None
    with blame_settings(args.parameters):
        if args.folds is not None:
            result = _cross_validate(args, pipeline, data, groups, by_subject)
        paths, params = [data.paths[row] for row in kept], {}
        if by_subject:
            params["clf__groups"] = groups[kept]
        pipeline.fit(paths, data.target[kept], **params)
    pipeline.set_params(logmel__verbose=0, logmel__n_jobs=None, clf__verbose=0)
    if args.test_size is not None:
        paths = [data.paths[row] for row in held_out]
        result, _ = _score(args, pipeline, paths, data.target[held_out], groups[held_out])
    save_model(pipeline, args.output)
    if result is not None:
        print(results_table({args.model: result}), class_table(result), sep="\n\n")
    _tell(args, f"wrote {args.output}")


def evaluate(args):
    """Score a model on a table or a dataset."""
    from ._sources import read_source
    from ._store import load_model
    from .evaluation import class_table, results_table

    model = load_model(args.model)
    data, groups = read_source(args)
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
    result, n_failed = _score(args, model, data.paths, target, groups)
    print(results_table({Path(args.model).name: result}), class_table(result), sep="\n\n")
    return int(n_failed > 0)


def predict(args):
    """Predict recordings, as CSV."""
    import csv

    from ._predict import probability_columns
    from ._store import PREDICTIONS, check_output, load_model, replacing

    paths = _paths(args)
    if args.output is not None:
        check_output(args.output, [args.model, *args.recordings, *paths], PREDICTIONS)
    model = load_model(args.model)
    rows, n_failed = _predictions(args, model, paths), 0
    header = ["path", "label", *probability_columns(model.classes_)]
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(args.output, "w")) if args.output else sys.stdout
        writer = csv.writer(file, lineterminator="\n")
        for index, label, probabilities, error in rows:
            if error is not None:
                n_failed += 1
                continue
            if header:  # with the first row: a command that fails writes nothing
                writer.writerow(header)
                header = None
            writer.writerow([paths[index], label, *(f"{p:.6f}" for p in probabilities)])
        if n_failed == len(paths):
            raise ValueError("no recording could be read; see the reasons above")
    return int(n_failed > 0)


def explain(args):
    """Explain predictions: a page to look at and listen to, and whether it is to be trusted."""
    from ._explain_verb import explain_in_chunks, print_checks
    from ._store import REPORT, check_output, load_model
    from .report import write_report

    if args.output is None and not args.check:
        raise ValueError("there is nothing to do: give -o the page to write, or --check, or both")
    paths, good = _paths(args), []
    if args.output is not None:
        check_output(args.output, [args.model, *args.recordings, *paths], REPORT)
    model = load_model(args.model)

    def explanations():
        rows = explain_in_chunks(model, paths, args.method)
        for index, explanation, error in _reported(args, paths, rows):
            if error is None:
                good.append(paths[index])
                yield explanation
        if not good:
            raise ValueError("no recording could be read; see the reasons above")

    if args.output is not None:
        write_report(explanations(), args.output, label=args.label)
        _tell(args, f"wrote {args.output}: open it in a browser")
    else:
        for _ in explanations():  # to know which can be read
            pass
    if args.check:
        print_checks(model, good, verbose=int(not args.quiet))
    return int(len(good) < len(paths))


def fetch(args):
    """Download a dataset."""
    from . import datasets

    getattr(datasets, f"fetch_{args.dataset}")(args.folder, verbose=int(not args.quiet))
    _tell(args, f"{args.dataset} is in {args.folder}")


VERBS = {verb.__name__: verb for verb in (demo, train, evaluate, predict, explain, fetch)}

# ---------------------------------------------------------------------- what the verbs share


def _tell(args, message):
    if not args.quiet:
        print(f"skheart: {message}", file=sys.stderr)


def _check_classes(args, target, groups):
    """Refuse labels that there is nothing to learn from, or too few subjects to hold out."""
    import numpy as np

    if target is None:
        raise ValueError(f"{args.source} has no labels to train on")
    classes = np.unique(target)
    if len(classes) < 2:
        raise ValueError(
            f"{args.source}: all {len(target)} recordings are of the class {str(classes[0])!r}; "
            "training needs two classes at least"
        )
    for label in classes if args.test_size is not None else []:
        if len(np.unique(groups[target == label])) < 2:
            raise ValueError(
                f"{args.source}: the class {str(label)!r} has 1 subject, and --test-size needs "
                "one on each side: merge classes, add subjects, or leave --test-size out"
            )


def _check_recordings(args, paths):
    """Tell of all files that are no recordings, before the hours of training."""
    from ._sources import faults

    found = faults(paths)
    if not found:
        return
    for error in found[:10]:
        _complain(error)
    where = f"in {args.data}" if args.data else f"or delete their lines in {args.source}"
    first = "; the first 10 are above" if len(found) > 10 else ""
    raise ValueError(
        f"{len(found)} of {len(paths)} recordings cannot be read{first}. Nothing was trained: "
        f"repair them {where} and start again"
    )


def _cross_validate(args, pipeline, data, groups, by_subject):
    from ._settings import without_progress
    from .evaluation import evaluate_by_subject

    return evaluate_by_subject(
        without_progress(pipeline) if args.jobs not in (None, 1) else pipeline,
        data.paths,
        data.target,
        groups,
        cv=args.folds,
        random_state=args.seed,
        n_jobs=args.jobs,
        verbose=int(not args.quiet),
        params={"clf__groups": groups} if by_subject else None,
        name=args.model,
    )


def _stop_early_by_subject(pipeline):
    """Make early stopping keep subjects apart; whether the classifier must be given them.

    Behind a sampler, recordings no longer match their subjects, so the classifier balances its
    training part itself.
    """
    if not pipeline["clf"].early_stopping:
        return False
    if pipeline["ros"] != "passthrough":
        pipeline.set_params(ros="passthrough", clf__oversample=True)
    return True


def _paths(args):
    """The recordings that the command line names."""
    from .datasets import list_recordings

    try:
        return list_recordings(args.recordings, missing="keep")
    except ValueError as error:  # its remedy is for load_table
        advice = "Name the column of the paths with path=..."
        raise ValueError(str(error).replace(advice, "Rename the column of the paths.")) from error


def _predictions(args, model, paths):
    from ._predict import predict_in_chunks

    return _reported(args, paths, predict_in_chunks(model, paths))


def _reported(args, paths, rows):
    """Pass on (index, ..., error) of each path, with progress; tell of every one that failed."""
    from tqdm import tqdm

    quiet = args.quiet or len(paths) == 1
    with tqdm(total=len(paths), desc="recordings", unit="", disable=quiet) as progress:
        for row in rows:
            index, error = row[0], row[-1]
            if error is not None and len(paths) == 1:
                raise error
            if error is not None:
                with tqdm.external_write_mode(file=sys.stderr):
                    _complain(f"{_one_line(error)} [{paths[index]} is left out]")
            yield row
            progress.update()


def _score(args, model, paths, target, groups):
    """Evaluation on the recordings that can be read, and the number of those that cannot."""
    import numpy as np

    from .evaluation import evaluate_predictions

    rows = [row for row in _predictions(args, model, paths) if row[-1] is None]
    if not rows:
        raise ValueError("no recording could be read; see the reasons above")
    index, labels, probabilities, _ = zip(*rows, strict=True)
    index = list(index)
    result = evaluate_predictions(
        target[index],
        np.array(labels),
        np.array(probabilities),
        classes=model.classes_,
        groups=groups[index],
        random_state=0,
    )
    return result, len(paths) - len(rows)


# ---------------------------------------------------------------------- the end of it


def _one_line(message):
    return " ".join(str(message).split())


def _complain(message):
    print(f"skheart: error: {_one_line(message)}", file=sys.stderr)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"skheart: warning: {_one_line(message)}", file=sys.stderr)


def _is_about_memory(error):
    """Whether memory ran out; torch says so in a RuntimeError."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


@contextlib.contextmanager
def _streams_that_write_any_path():
    """A path that the terminal has no letters for must not end a run: escape it."""
    before = []
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            before.append((stream, stream.errors))
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in before:
            with contextlib.suppress(OSError, ValueError):  # a closed pipe
                stream.reconfigure(errors=errors)


def _run(args):
    """The status of a verb, with its warnings in one line each."""
    import warnings

    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
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
    with _streams_that_write_any_path():
        try:
            return _run(make_parser().parse_args(argv))
        except SystemExit as end:  # argparse ends so, after --help as after an error
            return end.code
        except KeyboardInterrupt:
            _complain("interrupted")
            return 130
        except BrokenPipeError:  # the reader has seen enough, as `head` does
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
            return 1
        except (OSError, ValueError, TypeError, ImportError, RuntimeError, MemoryError) as error:
            if _is_about_memory(error):
                error = (
                    "the memory of this machine is not enough: use fewer recordings at once, or "
                    "train with a shorter --set logmel__duration=SECONDS (30 is the default) or a "
                    "smaller clf__batch_size"
                )
            _complain(error)
            return 2
