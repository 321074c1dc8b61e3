"""What the verb `train` does: check everything, score if asked to, fit, and write the model."""

from __future__ import annotations

import numpy as np

from .._utils.files import MODEL, check_output
from ..evaluation import evaluate_by_subject, hold_out_by_subject
from ..storage import save
from ._console import complain, tell
from ._scoring import check_labels, cross_validate_patients, patients_table, print_scores, score
from ._settings import blame_settings, make_pipeline, silence, without_progress
from ._sources import faults, patients_of, read_source

__all__ = ["train"]


def train(args):
    """Fit a model on a table or a dataset, score it by subject, write it."""
    check_output(args.output, [args.source], MODEL)
    by_patient = args.recipe != "paper"
    args.model = args.model if by_patient else args.model or "cnn"
    model = make_pipeline(
        args.model,
        args.parameters,
        recipe=args.recipe,
        seed=args.seed,
        device=args.device,
        n_jobs=args.jobs,
        verbose=int(not args.quiet),
    )
    data, groups = read_source(args, by_patient)
    _check_classes(args, data.target, groups)
    patients = patients_of(args, data, groups) if by_patient else groups
    if by_patient and (args.folds or args.test_size):
        check_labels(data.target, patients)  # before hours of training
    kept, held_out = list(range(len(groups))), []
    if args.test_size is not None:
        kept, held_out = hold_out_by_subject(
            data.target, groups, test_size=args.test_size, random_state=args.seed
        )
    _check_recordings(args, data.paths)
    fit = _fit_patients if by_patient else _fit_recordings
    with blame_settings(args.parameters):
        result = fit(model, kept, args, data, groups, patients)
    silence(model)
    if args.test_size is not None:
        paths = [data.paths[row] for row in held_out]
        sides = data.target[held_out], groups[held_out], patients[held_out]
        result, _ = score(args, model, paths, *sides)
    save(model, args.output)
    if result is not None:
        print_scores(args.model or args.recipe, result, by_patient)
    tell(args, f"wrote {args.output}")


def _fit_recordings(pipeline, kept, args, data, groups, patients):
    """Fit the paper's pipeline; its result by cross-validation before, if asked for."""
    by_subject, result = _stop_early_by_subject(pipeline), None
    if args.folds is not None:
        result = evaluate_by_subject(
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
    params = {"clf__groups": groups[kept]} if by_subject else {}
    pipeline.fit([data.paths[row] for row in kept], data.target[kept], **params)
    return result


def _fit_patients(model, kept, args, data, groups, patients):
    """Fit a PatientClassifier; its result by cross-validation before, if asked for."""
    result = None
    if args.folds is not None:
        result = cross_validate_patients(
            model,
            data.paths,
            data.target,
            patients,
            groups,
            cv=args.folds,
            random_state=args.seed,
            verbose=int(not args.quiet),
            name=args.recipe,
        )
    table = patients_table(data.paths, patients, groups)
    model.fit(table.iloc[kept], data.target[kept])
    return result


def _check_classes(args, target, groups):
    """Refuse labels that there is nothing to learn from, or too few subjects to hold out."""
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
    found = faults(paths)
    if not found:
        return
    for error in found[:10]:
        complain(error)
    where = f"in {args.data}" if args.data else f"or delete their lines in {args.source}"
    first = "; the first 10 are above" if len(found) > 10 else ""
    raise ValueError(
        f"{len(found)} of {len(paths)} recordings cannot be read{first}. Nothing was trained: "
        f"repair them {where} and start again"
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
