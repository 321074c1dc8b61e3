"""The verb `train`: fit a model, score it if asked to, and write it."""

from __future__ import annotations

import os

from ._console import complain, tell
from ._evaluate import print_scores, score
from ._sources import patients_of_source, read_source, set_subjects

__all__ = ["train"]


def train(args):
    """Train a model on a table, folder or dataset, score it by subject, and write it."""
    from .._utils.files import MODEL, check_output

    check_output(args.output, [args.source], MODEL)
    by_patient = args.recipe != "paper"
    if not by_patient:
        args.model = args.model or "cnn"
    data = read_source(args)
    set_subjects(args, data, by_patient)

    import numpy as np

    from ..evaluation import first_rows, hold_out_by_subject
    from ..storage import save
    from ._settings import make_model, quieten, settings_in_errors

    model = make_model(args)
    _check_classes(args, data.target)
    patients = patients_of_source(args, data) if by_patient else None
    train, test = np.arange(len(data.paths)), None
    if args.test_size is not None:
        train, test = hold_out_by_subject(
            data.target, data.groups, test_size=args.test_size, random_state=args.seed
        )
    if patients is not None and (args.folds or test is not None):
        first_rows(patients, label=data.target)  # before hours of training
    _check_recordings(args, data.paths)
    with settings_in_errors(args.parameters):
        result = _fit(args, model, data, patients, train)
    quieten(model)
    if test is not None:
        result = score(args, model, data, patients, test, [])
    save(model, args.output)
    if result is not None:
        print_scores(args.model or args.recipe, result, by_patient)
    tell(args, f"wrote {args.output}")


def _fit(args, model, data, patients, rows):
    """Fit the model on some rows, and return the result of the cross-validation, if any."""
    import pandas as pd
    from sklearn.base import clone

    from ..evaluation import evaluate_by_subject
    from ._settings import quieten

    X, params = data.paths, {}
    if patients is not None:
        X = pd.DataFrame({"path": data.paths, "patient": patients, "subject": data.groups})
    elif _stops_early_by_subject(model):
        params = {"clf__groups": data.groups}
    result = None
    if args.folds is not None:
        parallel = patients is None and args.jobs not in (None, 1)
        result = evaluate_by_subject(
            quieten(clone(model)) if parallel else model,  # progress of folds would mix
            X,
            data.target,
            data.groups,
            cv=args.folds,
            random_state=args.seed,
            n_jobs=args.jobs if parallel else None,
            verbose=int(not args.quiet),
            params=params,
            patients=patients,
            name=args.model or args.recipe,
        )
    X = X.iloc[rows] if patients is not None else [X[row] for row in rows]
    params = {name: values[rows] for name, values in params.items()}
    model.fit(X, data.target[rows], **params)
    return result


def _stops_early_by_subject(pipeline):
    """Return whether the classifier stops early, and let it balance the classes itself.

    After a sampler, recordings no longer match their subjects.
    """
    if not pipeline["clf"].early_stopping:
        return False
    if pipeline["ros"] != "passthrough":
        pipeline.set_params(ros="passthrough", clf__oversample=True)
    return True


def _check_classes(args, target):
    classes = set(target)
    if len(classes) < 2:
        raise ValueError(
            f"{args.source}: all {len(target)} recordings have the label {str(*classes)!r}. "
            "Training needs at least two classes"
        )


def _check_recordings(args, paths):
    """Report all files that are not recordings, before hours of training."""
    from ..audio import reading_error

    errors = [reading_error(path, row, decode=False) for row, path in enumerate(paths)]
    errors = [error for error in errors if error is not None]
    if not errors:
        return
    for error in errors[:10]:
        complain(error)
    where = f"in {args.data or args.source}"
    if os.path.isfile(args.source):
        where = f"or delete their lines in {args.source}"
    first = "; the first 10 are above" if len(errors) > 10 else ""
    raise ValueError(
        f"{len(errors)} of {len(paths)} recordings cannot be read{first}. Nothing was trained: "
        f"repair them {where} and start again"
    )
