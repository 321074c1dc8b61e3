"""The verb `evaluate`: score a model on labelled recordings."""

from __future__ import annotations

from ._console import readable
from ._models import check_model, load_model, model_name, predicts_patients
from ._sources import patients_of_source, read_source, set_subjects

__all__ = ["evaluate", "print_scores", "score"]


def evaluate(args):
    """Print the scores of a model on a table or dataset."""
    check_model(args)
    data = read_source(args)
    model = load_model(args)
    by_patient = predicts_patients(model)
    set_subjects(args, data, by_patient)
    known = {str(label): label for label in model.classes_}
    unknown = sorted({str(label) for label in data.target} - known.keys())
    if unknown:
        raise ValueError(
            f"{args.source}: the model has no class {unknown[0]!r}; it predicts "
            f"{', '.join(known)}. Rename the labels, or choose another --target or --label"
        )
    # A table has integers where the model may have been trained on other numbers or text.
    data.target = model.classes_[[list(known).index(str(label)) for label in data.target]]
    patients = patients_of_source(args, data) if by_patient else None
    failed = []
    result = score(args, model, data, patients, range(len(data.paths)), failed)
    print_scores(model_name(args), result, by_patient)
    return int(bool(failed))


def score(args, model, data, patients, rows, failed):
    """Evaluate rows of a source, by patient unless `patients` is None.

    The indices of the recordings that cannot be read are appended to `failed`.
    """
    import numpy as np

    from ..evaluation import (
        evaluate_predictions,
        first_rows,
        predict_in_chunks,
        predict_patients_in_chunks,
    )

    rows = np.asarray(rows)
    paths = [data.paths[row] for row in rows]
    if patients is None:
        answers = predict_in_chunks(model, paths)
    else:
        patients = patients[rows]
        first_rows(patients, label=data.target[rows])  # before the work
        answers = predict_patients_in_chunks(model, paths, patients)
    answers = sorted(readable(args, paths, answers, failed), key=lambda answer: answer[0])
    index, labels, probabilities = map(np.array, zip(*answers, strict=True))
    if patients is not None:
        kept = first_rows(patients[index])
        index, labels, probabilities = index[kept], labels[kept], probabilities[kept]
    return evaluate_predictions(
        data.target[rows[index]],
        labels,
        probabilities,
        classes=model.classes_,
        groups=data.groups[rows[index]],
        random_state=0,
    )


def print_scores(name, result, by_patient):
    """Print the tables of an evaluation."""
    from ..evaluation import class_table, results_table

    unit = "patients" if by_patient else "recordings"
    print(results_table({name: result}, unit=unit), class_table(result, unit=unit), sep="\n\n")
