"""The command `skheart`: verbs that call the package, a few lines each.

Results go to standard output; progress, warnings and errors to standard error. The exit status is 0
if all went well, 1 if some recordings could not be read (the others were predicted), 2 if the
command could not be carried out, 130 if it was interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ._arguments import DATASETS, make_parser

__all__ = ["main"]


# ---------------------------------------------------------------------- verbs


def demo(args):
    """Generated sounds, three models, cross-validated by subject: table and pictures."""
    from .demo import run_demo
    from .evaluation import results_table

    results = run_demo(args.output, random_state=args.seed, verbose=int(not args.quiet))
    print("Small models on generated sounds, cross-validated by subject:")
    print(results_table(results))
    _tell(args, f"tables and pictures are in {args.output}")


def train(args):
    """Fit the paper's pipeline on a table or a dataset, score it by subject, write it."""
    from ._store import check_output, save_model
    from .evaluation import class_table, evaluate_by_subject, hold_out_by_subject, results_table

    check_output(args.output, args.source)
    pipeline = _make_pipeline(args)
    data, groups = _read_source(args)
    by_subject = _stop_early_by_subject(pipeline)
    result, paths, target, subjects = None, data.paths, data.target, groups
    if args.folds is not None:
        result = evaluate_by_subject(
            _without_progress(pipeline) if args.jobs not in (None, 1) else pipeline,
            paths,
            target,
            groups,
            cv=args.folds,
            random_state=args.seed,
            n_jobs=args.jobs,
            verbose=int(not args.quiet),
            params={"clf__groups": groups} if by_subject else None,
        )
    elif args.test_size is not None:
        kept, held_out = hold_out_by_subject(
            target, groups, test_size=args.test_size, random_state=args.seed
        )
        paths, target = [data.paths[row] for row in kept], data.target[kept]
        subjects = groups[kept]
    pipeline.fit(paths, target, **({"clf__groups": subjects} if by_subject else {}))
    pipeline.set_params(logmel__verbose=0, logmel__n_jobs=None, clf__verbose=0)
    if args.test_size is not None:
        paths, target = [data.paths[row] for row in held_out], data.target[held_out]
        result, _ = _score(args, pipeline, paths, target, groups[held_out])
    save_model(pipeline, args.output)
    if result is not None:
        print(results_table({args.model: result}), class_table(result), sep="\n\n")
    _tell(args, f"wrote {args.output}")


def evaluate(args):
    """Score a model on a table or a dataset."""
    from ._store import load_model
    from .evaluation import class_table, results_table

    model = load_model(args.model)
    data, groups = _read_source(args)
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
    from ._store import check_output, load_model, replacing
    from .datasets import list_recordings

    if args.output is not None:
        check_output(args.output, args.model)
    paths = list_recordings(args.recordings, missing="keep")
    model = load_model(args.model)
    rows, n_failed = _predictions(args, model, paths), 0
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(replacing(args.output, "w")) if args.output else sys.stdout
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", *probability_columns(model.classes_)])
        for index, label, probabilities, error in rows:
            if error is None:
                writer.writerow([paths[index], label, *(f"{p:.6f}" for p in probabilities)])
            else:
                n_failed += 1
        if n_failed == len(paths):
            raise ValueError("no recording could be read; see the reasons above")
    return int(n_failed > 0)


def fetch(args):
    """Download a dataset."""
    from . import datasets

    getattr(datasets, f"fetch_{args.dataset}")(args.folder, verbose=int(not args.quiet))
    _tell(args, f"{args.dataset} is in {args.folder}")


VERBS = {verb.__name__: verb for verb in (demo, train, evaluate, predict, fetch)}

# ---------------------------------------------------------------------- what the verbs share


def _tell(args, message):
    if not args.quiet:
        print(f"skheart: {message}", file=sys.stderr)


def _read_source(args):
    """The recordings of a table or of a dataset by name, and the subject of each."""
    import warnings

    import numpy as np

    from . import datasets

    columns = {name: getattr(args, name) for name in ("path", "label", "subject")}
    columns = {name: column for name, column in columns.items() if column is not None}
    if args.target is not None and args.source != "circor":
        raise ValueError(f"--target is for circor, not for {args.source}: leave it out")
    if args.source in DATASETS:
        if args.data is None:
            raise ValueError(f"--data is missing: say in which folder {args.source} lies")
        if columns:
            raise ValueError(f"--{next(iter(columns))} is for tables: leave it out")
        target = {} if args.target is None else {"target": args.target}
        data = getattr(datasets, f"load_{args.source}")(args.data, **target)
    elif args.data is not None:
        raise ValueError(
            f"--data goes with a dataset by name ({', '.join(DATASETS)}), and {args.source!r} is "
            "none of them. The paths in a table are relative to its folder: leave --data out"
        )
    else:
        data = datasets.load_table(args.source, **columns)
    if data.groups is not None:
        return data, data.groups
    warnings.warn(
        f"{args.source} has no subjects: every recording counts as a person of its own, and if "
        "some are of the same person, scores are too good and intervals too narrow.",
        stacklevel=2,
    )
    return data, np.arange(len(data.paths))


def _make_pipeline(args):
    """The paper's pipeline with the parameters of the command line."""
    from .pipeline import make_heart_pipeline

    pipeline = make_heart_pipeline(
        args.model, random_state=args.seed, device=args.device, verbose=int(not args.quiet)
    )
    pipeline.set_params(logmel__n_jobs=args.jobs)
    for text in args.parameters:
        _set_parameter(pipeline, text)
    return pipeline


def _set_parameter(pipeline, text):
    """Set STEP__PARAMETER=VALUE; the value is a Python literal, or else a string."""
    import ast

    from ._routing import closest, is_skorch_name

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--set takes STEP__PARAMETER=VALUE, such as clf__lr=1e-4, not {text!r}")
    known = pipeline.get_params()
    if name not in known and not is_skorch_name(name.removeprefix("clf__")):
        advice = closest(name, known) or f" The steps are {', '.join(dict(pipeline.steps))}."
        raise ValueError(f"--set {text}: there is no parameter {name!r}.{advice}")
    with contextlib.suppress(ValueError, SyntaxError):
        value = ast.literal_eval(value)
    try:
        pipeline.set_params(**{name: value})
    except (TypeError, ValueError) as error:
        raise ValueError(f"--set {text}: {error}") from error


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


def _without_progress(pipeline):
    """A copy for folds that run at the same time: their progress would be a jumble."""
    from sklearn.base import clone

    return clone(pipeline).set_params(logmel__verbose=0, logmel__n_jobs=None, clf__verbose=0)


def _predictions(args, model, paths):
    """Predict with progress, and report every recording that fails."""
    from tqdm import tqdm

    from ._predict import predict_in_chunks

    quiet = args.quiet or len(paths) == 1
    with tqdm(total=len(paths), desc="recordings", unit="", disable=quiet) as progress:
        for index, label, probabilities, error in predict_in_chunks(model, paths):
            if error is not None and len(paths) == 1:
                raise error
            if error is not None:
                with tqdm.external_write_mode(file=sys.stderr):
                    _complain(f"{_one_line(error)} [{paths[index]} is left out]")
            yield index, label, probabilities, error
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
    import warnings

    try:
        args = make_parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if args.quiet:
                warnings.simplefilter("ignore")
            status = VERBS[args.verb](args)
        sys.stdout.flush()
    except SystemExit as end:  # argparse ends so, after --help as after an error
        return end.code
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:
        _complain(error)
        return 2
    return status or 0
